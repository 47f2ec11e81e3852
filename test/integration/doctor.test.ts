import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { limited, pass } from '../../src/service/doctor/check.ts'
import { PROJECT_ACTIONS, STATE_ACTIONS } from '../../src/streams/privileges.ts'
import { ownSet } from '../support/own-set.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig, type ConfigOptions } from '../support/service-process.ts'
import { startStandaloneMongod } from '../support/standalone-mongod.ts'

const own = ownSet({ isProtected: true })

interface Told {
  readonly check: string
  readonly status: string
  readonly detail: string
  readonly fix: string
}

async function doctor(config: string): Promise<{ code: number | NodeJS.Signals; checks: Map<string, Told> }> {
  const command = new ServiceProcess(['doctor', '--json', '--config', config])
  const code = await command.end(40_000)
  expect(command.stderr).toBe('')
  const { checks } = JSON.parse(command.stdout) as { checks: Told[] }
  for (const { status, fix } of checks) expect(status === 'pass').toBe(fix === '')
  return { code, checks: new Map(checks.map((each) => [each.check, each])) }
}

/** Its sites have their roots. */
async function ready(options: ConfigOptions = {}, stageUri?: string): Promise<{ stage: Stage; config: string }> {
  const stage = await Stage.open(stageUri === undefined ? {} : { uri: stageUri })
  await mkdir(stage.studioPath(''), { recursive: true })
  await mkdir(join(stage.dir, 'mirror'))
  return { stage, config: await writeConfig(stage, options) }
}

test('all is well: exit 0, each check one line; nothing is left at a site, and nothing written to a database', async () => {
  const { stage, config } = await ready()
  await stage.db.createCollection('prj')
  const { code, checks } = await doctor(config)
  expect(code).toBe(0)
  expect([...checks.values()].filter(({ status }) => status === 'fail')).toEqual([])
  for (const name of [
    'configuration',
    'node',
    'mongodb',
    'mongodb version',
    'replica set',
    'oplog window',
    'rights',
    'clock',
    'site studio',
    'site mirror',
  ])
    expect([name, checks.get(name)?.status]).toEqual([name, 'pass'])
  expect(checks.get('site mirror')?.detail).toContain('written, renamed, read back and removed')
  expect(checks.get('disk mirror')?.detail).toContain('free')
  expect(checks.get('indexes')).toMatchObject({ status: 'warn', fix: expect.stringContaining('createIndex') as string })
  expect(await readdir(join(stage.dir, 'mirror'))).toEqual([])
  expect(await stage.state.listCollections().toArray()).toEqual([])
  expect(await stage.db.collection('prj').indexes()).toHaveLength(1)
  const words = new ServiceProcess(['doctor', '--config', config])
  expect(await words.end()).toBe(0)
  expect(words.stdout).toMatch(/^pass {2}site mirror +\S/m)
})

test('roots that are not mounted fail with the remedy; other sites are tried all the same, also without MongoDB', async () => {
  const { stage, config } = await ready({
    general: { mongo: { uri: 'mongodb://127.0.0.1:9/?directConnection=true' } },
    sites: {
      gone: { provider: 'local_drive', root: '/not/there' },
      marked: { provider: 'local_drive', root: 'marked', marker_file: '.here' },
      odd: { provider: 'dropbox9', root: '/x' },
    },
  })
  await mkdir(join(stage.dir, 'config/marked'))
  const { code, checks } = await doctor(config)
  expect(code).toBe(1)
  expect(checks.get('mongodb')).toMatchObject({ status: 'fail', fix: expect.stringContaining('mongo.uri') as string })
  expect(checks.get('replica set')).toMatchObject({ status: 'warn', detail: expect.stringContaining('not looked at') as string })
  expect(checks.get('site mirror')).toMatchObject({ status: 'pass' })
  expect(checks.get('site gone')).toMatchObject({ status: 'fail', fix: expect.stringContaining('mkdir -p /not/there') as string })
  expect(checks.get('site marked')).toMatchObject({
    status: 'fail',
    fix: expect.stringContaining('site-sync accept-root marked') as string,
  })
  expect(checks.get('credentials odd')).toMatchObject({ status: 'fail', detail: expect.stringContaining('dropbox9') as string })
})

test('another disk than the service knows is named, with accept-root', async () => {
  const { stage, config } = await ready()
  await stage.file('a.ma')
  const document = await stage.publish('a.ma')
  await stage.project().updateOne({ _id: document._id }, { $push: { 'files.0.sites': { name: 'mirror' } } } as never)
  const scan = new ServiceProcess(['scan', '--config', config])
  expect(await scan.end()).toBe(0)
  await stage.state.collection('root_disks').updateMany({}, { $set: { 'facts.type': 'nfs4', 'facts.source': 'server:/share' } })
  const { code, checks } = await doctor(config)
  expect(code).toBe(1)
  expect(checks.get('site mirror')).toMatchObject({
    status: 'fail',
    fix: expect.stringContaining('site-sync accept-root mirror') as string,
  })
})

test('a standalone mongod fails', async () => {
  await using mongod = await startStandaloneMongod()
  const { config } = await ready({ general: { mongo: { uri: mongod.uri } } })
  const { code, checks } = await doctor(config)
  expect(code).toBe(1)
  expect(checks.get('replica set')).toMatchObject({ status: 'fail', fix: expect.stringContaining('--replSet') as string })
  expect(checks.get('site mirror')).toMatchObject({ status: 'pass' })
})

const WITHOUT = [
  ...PROJECT_ACTIONS.map((action) => ['projects', action] as const),
  ...STATE_ACTIONS.map((action) => ['state', action] as const),
]

test('a user who lacks one right is told which, for each right that docs/mongodb.md lists', { timeout: 120_000 }, async () => {
  const stage = await own.stage()
  const { database, stateDatabase } = stage.settings.mongo
  await mkdir(stage.studioPath(''), { recursive: true })
  await mkdir(join(stage.dir, 'mirror'))
  await stage.db.createCollection('prj')
  const admin = own.client.db('admin')
  const privileges = (but?: (typeof WITHOUT)[number]) => [
    {
      resource: { db: database, collection: '' },
      actions: PROJECT_ACTIONS.filter((action) => but?.[0] !== 'projects' || action !== but[1]),
    },
    {
      resource: { db: stateDatabase, collection: '' },
      actions: STATE_ACTIONS.filter((action) => but?.[0] !== 'state' || action !== but[1]),
    },
    { resource: { cluster: true }, actions: ['serverStatus'] },
    { resource: { db: 'local', collection: 'oplog.rs' }, actions: ['collStats'] },
  ]
  await admin.command({ createRole: 'doctorRole', privileges: privileges(), roles: [] })
  await admin.command({ createUser: 'doctor', pwd: 'pw', roles: ['doctorRole'] })
  const uri = own.set.uri.replace(/\/\/.*@/, '//doctor:pw@')
  const config = await writeConfig(stage, { general: { mongo: { uri, database, state_database: stateDatabase } } })
  const whole = await doctor(config)
  expect(whole.code).toBe(0)
  for (const name of [`rights ${database}`, `rights ${stateDatabase}`, 'oplog window'])
    expect([name, whole.checks.get(name)?.status]).toEqual([name, 'pass'])
  for (const but of WITHOUT) {
    await admin.command({ updateRole: 'doctorRole', privileges: privileges(but) })
    const { code, checks } = await doctor(config)
    const check = checks.get(`rights ${but[0] === 'state' ? stateDatabase : database}`)
    expect([but, code, check?.status]).toEqual([but, 1, 'fail'])
    expect(check?.detail).toMatch(new RegExp(`lacks ${but[1]}$`))
    expect(check?.fix).toContain(but[1])
  }
  await admin.command({ updateRole: 'doctorRole', privileges: privileges().slice(0, 2) })
  const { checks } = await doctor(config)
  expect(checks.get('oplog window')).toMatchObject({ status: 'warn', fix: expect.stringContaining('serverStatus') as string })
})

test('the rights are those of the role in docs/mongodb.md', async () => {
  const text = await readFile(new URL('../../docs/mongodb.md', import.meta.url), 'utf8')
  const lists = [...text.matchAll(/actions: \[([^\]]+)\]/g)].map(([, list = '']) => list.replaceAll(/['\s]/g, '').split(','))
  expect(lists.slice(0, 2)).toEqual([[...PROJECT_ACTIONS], [...STATE_ACTIONS]])
})

test('a configuration that does not load is a failed check, exit 2', async () => {
  const { stage, config } = await ready()
  await writeFile(config, '{ "retry_cnt": "three" }')
  const { code, checks } = await doctor(config)
  expect(code).toBe(2)
  expect(checks.get('configuration')).toMatchObject({ status: 'fail', detail: expect.stringContaining('retry_cnt is "three"') as string })
  const usage = new ServiceProcess(['doctor', '--config', join(stage.dir, 'config'), '--nonsense'])
  expect(await usage.end()).toBe(2)
})

test('a check that never answers fails within its time', async () => {
  const never = limited('x', async () => await new Promise<never>(() => undefined), undefined, 20)
  expect(await never).toMatchObject([{ check: 'x', status: 'fail', detail: expect.stringContaining('no answer') as string }])
  expect(await limited('y', async () => await Promise.resolve(pass('y', 'z')))).toEqual([pass('y', 'z')])
})
