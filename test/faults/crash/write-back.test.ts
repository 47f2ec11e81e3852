import { MongoClient } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'

import type { ReplicaSet } from '../../../replica-set-dev/replica-set.ts'
import { startReplicaSet } from '../../../replica-set-dev/start-replica-set.ts'
import { DriveProcess } from '../../support/drive-process.ts'
import { InstanceProcess } from '../../support/instance-process.ts'
import { expectMarked, filesBelow, publishFiles } from '../../support/pending-files.ts'
import type { Representation } from '../../support/published.ts'
import { PROJECT, Stage } from '../../support/service-harness.ts'
import { writeConfig } from '../../support/service-process.ts'
import { waitFor } from '../../support/wait-for.ts'

// A set of its own: fail points hold for everyone on a server.
let set: ReplicaSet
let client: MongoClient
beforeAll(async () => {
  set = await startReplicaSet({ members: 1, enableTestCommands: true })
  client = await new MongoClient(set.uri).connect()
}, 60_000)
afterAll(async () => {
  await client?.close()
  await set?.stop()
})

const SITES = ['mirror', 'gdrive']
const LEASE_SECONDS = 4

async function open(): Promise<{ stage: Stage; drive: DriveProcess; config: string }> {
  const stage = await Stage.open({ uri: set.uri })
  const drive = await DriveProcess.start()
  const general = { remote_site: 'gdrive', lease_seconds: LEASE_SECONDS, loop_delay: 3_600 }
  return { stage, drive, config: await writeConfig(stage, { general, sites: { gdrive: drive.site() } }) }
}

/** Four files in documents of their own, so that four results are written at the same time: each site in each shape. */
async function publish(stage: Stage, folder: string): Promise<Map<string, readonly Representation[]>> {
  const published = new Map<string, readonly Representation[]>()
  for (const site of SITES) published.set(site, await publishFiles(stage, `${folder}/${site}`, 2, { sites: [site] }))
  return published
}

async function expectAllMarked(stage: Stage, published: ReadonlyMap<string, readonly Representation[]>): Promise<Map<string, unknown>> {
  const ids = new Map<string, unknown>()
  for (const [site, documents] of published) for (const [path, id] of await expectMarked(stage, documents, site, 20_000)) ids.set(path, id)
  return ids
}

const raw = async (stage: Stage, published: ReadonlyMap<string, readonly Representation[]>): Promise<unknown[]> =>
  await Promise.all([...published.values()].flat().map(async (document) => await stage.raw(document)))

/** Results are written by the second; what it did not change is asked for by the first. */
const WRITE_BACK = ['findAndModify', 'update']

/** The server holds such commands of the service back before it carries them out. Gives back how to await the first, and how to end it. */
async function block(failCommands: readonly string[], namespace: string, blockTimeMS: number) {
  const admin = client.db('admin')
  const configure = async (more: object): Promise<number> =>
    Number((await admin.command({ configureFailPoint: 'failCommand', ...more }))['count'] ?? 0)
  const data = { failCommands, namespace, appName: 'site-sync', blockConnection: true, blockTimeMS }
  const before = await configure({ mode: 'alwaysOn', data })
  return {
    /** One has come. */
    async hit(): Promise<void> {
      await admin.command({ waitForFailPoint: 'failCommand', timesEntered: before + 1, maxTimeMS: 30_000 })
    },
    async end(): Promise<void> {
      await configure({ mode: 'off' })
    },
  }
}

/** Each file is at its site once, and its record knows it. */
async function expectOnce(stage: Stage, drive: DriveProcess, ids: ReadonlyMap<string, unknown>): Promise<void> {
  const paths = [...ids.keys()].toSorted()
  expect(await filesBelow(`${stage.dir}/mirror`)).toEqual(paths.filter((path) => path.includes('/mirror/')))
  const { files } = await drive.state()
  const wanted = paths
    .filter((path) => path.includes('/gdrive/'))
    .map((path) => ({ path: `My Drive/w/${path}`, id: ids.get(path), revisions: 1 }))
  const there = files.map(({ path, id, revisions }) => ({ path, id, revisions }))
  expect(there.toSorted((a, b) => a.path.localeCompare(b.path))).toEqual(wanted)
}

/** Both files of both sites are there, and their results on the way. */
async function uploaded(stage: Stage, drive: DriveProcess): Promise<void> {
  const there = async (): Promise<number> => (await filesBelow(`${stage.dir}/mirror`)).length + (await drive.state()).files.length
  await waitFor('all uploads', async () => (await there()) === 4)
}

test('kill -9 during the write-back: whether or not the server carries it out in the end, each file is there once and marked', async () => {
  const { stage, drive, config } = await open()
  const victim = await InstanceProcess.start(config)
  const blocked = await block(WRITE_BACK, `${stage.db.databaseName}.${PROJECT}`, 1_000)
  const published = await publish(stage, 'during')
  await blocked.hit()
  await uploaded(stage, drive)
  await victim.kill()
  await blocked.end()
  const next = await InstanceProcess.start(config)
  const ids = await expectAllMarked(stage, published)
  await next.stop()
  await expectOnce(stage, drive, ids)
  const sent = next.lines.of('transfer.succeeded').map(({ site_sync: fields }) => fields?.['sent_bytes'])
  expect(sent.filter((bytes) => bytes !== 0)).toEqual([])
}, 60_000)

test('a write-back that reaches the server after its lease, when another has finished, changes nothing', async () => {
  const { stage, drive, config } = await open()
  const late = await InstanceProcess.start(config)
  const blocked = await block(WRITE_BACK, `${stage.db.databaseName}.${PROJECT}`, (LEASE_SECONDS + 4) * 1_000)
  const published = await publish(stage, 'late')
  await blocked.hit()
  await uploaded(stage, drive)
  // Its renewals end with it; what it has sent is on its way.
  late.freeze()
  // Resolves only when the server has let go what it holds.
  const unblocked = blocked.end()
  const heir = await InstanceProcess.start(config)
  const ids = await expectAllMarked(stage, published)
  const before = await raw(stage, published)
  await unblocked
  late.thaw()
  await waitFor('the end of its attempts', () => late.lines.count('transfer.released', 'transfer.dropped', 'transfer.succeeded') === 4, {
    seen: () => late.lines.summary(),
  })
  expect(late.lines.count('transfer.released')).toBe(4)
  expect(await raw(stage, published)).toEqual(before)
  await late.stop()
  await heir.stop()
  await expectOnce(stage, drive, ids)
}, 60_000)

test('kill -9 after the write-back, before the lease is given back: nothing is done again', async () => {
  const { stage, drive, config } = await open()
  const victim = await InstanceProcess.start(config)
  const blocked = await block(['delete'], `${stage.state.databaseName}.leases`, 1_000)
  const published = await publish(stage, 'marked')
  const ids = await expectAllMarked(stage, published)
  await blocked.hit()
  await victim.kill()
  await blocked.end()
  const before = await raw(stage, published)
  const next = await InstanceProcess.start(config)
  // A further publish is done: whatever the restart had found to do has been found by then.
  await next.lines.until('scan.finished')
  const further = await publish(stage, 'further')
  const more = await expectAllMarked(stage, further)
  await next.stop()
  expect(await raw(stage, published)).toEqual(before)
  expect(next.lines.count('transfer.started')).toBe(4)
  await expectOnce(stage, drive, new Map([...ids, ...more]))
}, 60_000)
