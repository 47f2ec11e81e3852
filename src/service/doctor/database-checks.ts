import type { MongoClient } from 'mongodb'

import { messageOf, UnsupportedServerError } from '../../errors.ts'
import { projectSettings } from '../../model/project-settings.ts'
import type { Settings } from '../../model/settings.ts'
import { targetSites } from '../../model/verdict.ts'
import type { Connections } from '../../streams/connect.ts'
import { indexCommands, missingIndexes, wantedIndexes } from '../../streams/indexes.ts'
import {
  grantedRights,
  INDEX_ACTIONS,
  isOpenServer,
  missingActions,
  PROJECT_ACTIONS,
  STATE_ACTIONS,
  type GrantedRights,
} from '../../streams/privileges.ts'
import { collectionNames } from '../../streams/scan.ts'
import { oplogFacts, serverFacts, type ServerFacts } from '../../streams/server-facts.ts'
import { STATE_INDEXES } from '../../streams/state-database.ts'
import { fail, limited, pass, warn, type Check } from './check.ts'

/** Below it, an instance that was down for a night has to scan everything. Hours. */
const OPLOG_HOURS = 24
/** Google refuses tokens of a clock that is minutes off; dates in logs and records mislead before. Seconds. */
const CLOCK_SECONDS = 5
/** Projects that are named in one line at most. */
const MOST_NAMED = 5

const OFFLINE = ['mongodb version', 'replica set', 'oplog window', 'rights', 'state database', 'indexes', 'clock']

/** All that is asked of MongoDB; nothing is written. */
export async function databaseChecks(connections: Connections, settings: Settings): Promise<readonly Check[]> {
  const { work } = connections
  const { database, stateDatabase } = settings.mongo
  const [opened] = await limited('mongodb', async () => await open(connections))
  if (!opened || opened.status !== 'pass') {
    const unknown = OFFLINE.map((name) => warn(name, 'not looked at: MongoDB does not serve', 'mend the connection to MongoDB first'))
    return [...(opened ? [opened] : []), ...unknown.filter(({ check }) => check !== opened?.check)]
  }
  const facts = serverFacts(work)
  facts.catch(() => undefined)
  const found = await Promise.all([
    limited('mongodb version', async () => version(await facts)),
    limited('replica set', async () => replicaSet(await facts)),
    limited('oplog window', async () => await oplog(work, await facts)),
    limited('rights', async () => await rights(work, settings)),
    limited('state database', async () => await state(work, stateDatabase)),
    limited('indexes', async () => await indexes(work, database, settings)),
    limited('clock', async () => clock(await facts)),
  ])
  return [opened, ...found.flat()]
}

async function open(connections: Connections): Promise<Check> {
  try {
    await connections.open()
    return pass('mongodb', 'it answers')
  } catch (error) {
    if (error instanceof UnsupportedServerError) return fail('mongodb version', error.message, 'upgrade the server to MongoDB 5.0 or newer')
    const fix = 'start mongod, or correct mongo.uri (or SITE_SYNC_MONGO_URI): host, port, user, password, authSource, TLS'
    return fail('mongodb', messageOf(error), fix)
  }
}

function version({ version: said }: ServerFacts): Check {
  return pass('mongodb version', said === undefined ? 'not told; its protocol is new enough' : `${said} (5.0 or newer is needed)`)
}

function replicaSet({ set, members, isRouter }: ServerFacts): Check {
  if (isRouter) return pass('replica set', 'a sharded cluster')
  if (set !== undefined) return pass('replica set', `${set}, ${members} ${members === 1 ? 'member' : 'members'}`)
  const detail = 'a standalone mongod: it has no change streams, so publishes are found by scans only, and no majority to rely on'
  return fail('replica set', detail, 'start mongod with --replSet rs0, then once in mongosh: rs.initiate()')
}

async function oplog(work: MongoClient, { set, isRouter }: ServerFacts): Promise<Check> {
  const name = 'oplog window'
  if (isRouter) return warn(name, 'a sharded cluster has one for each shard', 'rs.printReplicationInfo() at each shard')
  if (set === undefined) return warn(name, 'a standalone mongod has no oplog', 'see "replica set"')
  const facts = await oplogFacts(work)
  const grant = `privileges { resource: { cluster: true }, actions: ['serverStatus'] } and { resource: { db: 'local', collection: 'oplog.rs' }, actions: ['collStats'] }`
  if (!facts) return warn(name, 'this user may not ask for it', `grant the ${grant}, or look: rs.printReplicationInfo()`)
  const hours = facts.windowSeconds / 3_600
  const said = `${hours.toFixed(1)} h`
  if (hours >= OPLOG_HOURS) return pass(name, said)
  if (facts.isFilling === true) return pass(name, `${said} so far; the oplog is not full yet`)
  const detail = `${said}: an instance that is down for longer has to scan everything when it is back`
  return warn(name, detail, 'db.adminCommand({ replSetResizeOplog: 1, minRetentionHours: 24 })')
}

async function rights(work: MongoClient, settings: Settings): Promise<readonly Check[]> {
  const { database, stateDatabase } = settings.mongo
  const granted = await grantedRights(work)
  if (granted.user === undefined && (await isOpenServer(work.db(database))))
    return [pass('rights', 'the server asks nobody who he is: everything is allowed')]
  const needed = settings.indexes === 'off' ? PROJECT_ACTIONS.filter((action) => !INDEX_ACTIONS.has(action)) : PROJECT_ACTIONS
  return [rightsIn(granted, database, needed), rightsIn(granted, stateDatabase, STATE_ACTIONS)]
}

function rightsIn(granted: GrantedRights, db: string, actions: readonly string[]): Check {
  const name = `rights ${db}`
  const missing = missingActions(granted, { db, actions })
  if (missing.length === 0) return pass(name, `${granted.user}: ${actions.join(', ')}`)
  const privilege = `{ resource: { db: ${JSON.stringify(db)}, collection: '' }, actions: ${JSON.stringify(missing)} }`
  const detail = `${granted.user ?? 'nobody is logged in, who'} lacks ${missing.join(', ')}`
  return fail(
    name,
    detail,
    `db.getSiblingDB('admin').grantPrivilegesToRole('siteSync', [${privilege}]) (docs/mongodb.md has the whole role)`,
  )
}

async function state(work: MongoClient, name: string): Promise<Check> {
  const db = work.db(name)
  const missing: string[] = []
  for (const { collection, ...index } of STATE_INDEXES) {
    const some = await missingIndexes(db, collection, [index])
    if (!some) return pass('state database', `${name} is not in use yet: the service makes its indexes when it starts`)
    missing.push(...some.map((one) => `${collection}.${one}`))
  }
  if (missing.length === 0) return pass('state database', `${name}, with its indexes`)
  return warn('state database', `${name} lacks the indexes ${missing.join(', ')}`, 'restart the service: it makes them when it starts')
}

async function indexes(work: MongoClient, database: string, settings: Settings): Promise<Check> {
  const db = work.db(database)
  const lacking: string[] = []
  const commands: string[] = []
  let served = 0
  for (const project of await collectionNames(db)) {
    const own = projectSettings(settings, project)
    if (targetSites(own).length === 0) continue
    served++
    const wanted = wantedIndexes(own)
    const missing = new Set(await missingIndexes(db, project, wanted))
    if (missing.size === 0) continue
    lacking.push(project)
    const these = wanted.filter(({ name }) => missing.has(name))
    if (lacking.length <= MOST_NAMED) commands.push(...indexCommands(project, these))
  }
  const projects = `${served} ${served === 1 ? 'project' : 'projects'}`
  if (lacking.length === 0) return pass('indexes', `${projects} in ${database}`)
  const more = lacking.length > MOST_NAMED ? ` and ${lacking.length - MOST_NAMED} more` : ''
  const detail = `${projects} in ${database}; indexes are missing in ${lacking.slice(0, MOST_NAMED).join(', ')}${more}: scans read these collections whole`
  if (settings.indexes === 'off') return warn('indexes', detail, commands.join('; '))
  return warn('indexes', detail, `start the service, which makes them; or by hand: ${commands.join('; ')}`)
}

function clock({ behindMs }: ServerFacts): Check {
  const seconds = Math.abs(behindMs) / 1_000
  const said = `this machine is ${seconds.toFixed(1)} s ${behindMs < 0 ? 'behind' : 'ahead of'} mongod`
  if (seconds < CLOCK_SECONDS) return pass('clock', said)
  const detail = `${said}: leases do not mind, but Google refuses tokens with a wrong time, and dates in logs differ`
  return warn('clock', detail, 'switch on time synchronisation (NTP) on both machines: timedatectl set-ntp true')
}
