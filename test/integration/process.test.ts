import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { freePort } from '../../replica-set-dev/free-port.ts'
import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'
import { startFakeDrive, type FakeDrive } from '../support/fake-drive/fake-drive.ts'
import { CAN_MOUNT, faultyMount } from '../support/faulty-mount.ts'
import type { Effect } from '../support/fake-drive/faults.ts'
import { accountKeyPair } from '../support/fake-drive/credentials.ts'
import { entry, inArray, inObject, recordOf, representation, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

/** What must hold for the log of every run. */
function expectSoundLog(process: ServiceProcess): void {
  expect(process.fault).toBeUndefined()
  expect(process.lines.lines.length).toBeGreaterThan(0)
  expect(process.lines.unpaired()).toEqual([])
  expect(process.stderr).toBe('')
}

async function openDrive(): Promise<FakeDrive> {
  const drive = await startFakeDrive()
  onTestFinished(async () => await drive.close())
  drive.addFolder('w')
  return drive
}

const gdrive = async (stage: Stage, drive: FakeDrive, more: object = {}): Promise<object> => ({
  provider: 'gdrive',
  root: { work: '/My Drive/w' },
  credentials_url: await drive.writeCredentials(join(stage.dir, 'config')),
  api_endpoint: drive.endpoint,
  ...more,
})

async function published(stage: Stage, count: number, site: string, folder = 'p'): Promise<Representation[]> {
  const documents: Representation[] = []
  for (let n = 0; n < count; n++) {
    const path = `${folder}/${n}.ma`
    await stage.file(path)
    documents.push(representation([entry(`{root[work]}/${path}`, n % 2 === 0 ? inArray(site) : inObject({ [site]: {} }))]))
  }
  await stage.insert(...documents)
  return documents
}

test('the whole program: what is published is synced; every line fits the schema; no secret is told; SIGTERM ends it with 0', async () => {
  const stage = await Stage.open()
  const drive = await openDrive()
  const user = { name: 'sync user', password: 'p@ss w/rd:!secret' }
  await stage.db.command({ createUser: user.name, pwd: user.password, roles: [{ role: 'root', db: 'admin' }] })
  onTestFinished(async () => void (await stage.db.command({ dropUser: user.name })))
  const config = await writeConfig(stage, { user, sites: { gdrive: await gdrive(stage, drive) } })
  const service = new ServiceProcess(['run', '--config', config, '--log-level', 'debug'])
  await service.lines.until('service.ready')
  await stage.file('p/a.ma')
  const document = representation([
    entry('{root[work]}/p/a.ma', inArray('mirror', 'gdrive')),
    entry('{root[work]}/p/missing.ma', inObject({ mirror: {}, gdrive: {} })),
    entry('{root[work]}/p/strings.ma', ['mirror']),
  ])
  await stage.insert(document)
  for (const site of ['mirror', 'gdrive']) await stage.synced(document, { site })
  for (const site of ['mirror', 'gdrive']) await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { site, file: 1 })
  await service.lines.until('transfer.failed', 2)
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expectSoundLog(service)
  expect(
    service.lines
      .of('service.started', 'service.ready', 'stream.opened', 'service.stopped')
      .map(({ event }) => event.action)
      .toSorted(),
  ).toEqual(['service.ready', 'service.started', 'service.stopped', 'stream.opened'])
  expect(await readFile(join(stage.dir, 'mirror/p/a.ma'), 'utf8')).toBe('p/a.ma')
  const tokens = drive.journal.entries.flatMap(({ authorization }) => authorization?.replace('Bearer ', '') ?? [])
  expect(tokens.length).toBeGreaterThan(0)
  const key = accountKeyPair()
    .privateKey.split('\n')
    .filter((line) => line.length > 20)
  const secrets = [user.password, encodeURIComponent(user.password), ...new Set(tokens), ...key]
  for (const secret of secrets) expect(service.stdout).not.toContain(secret)
  // A password that is wrong is no secret less.
  const wrong = await writeConfig(stage, { user: { ...user, password: 'wr0ng-passw0rd' } })
  const scan = new ServiceProcess(['scan', '--config', wrong])
  await scan.lines.until('database.lost')
  scan.signal('SIGTERM')
  await scan.end()
  expect(scan.stdout + scan.stderr).not.toContain('wr0ng')
})

test('case 43: two instances, 100 files: each sent once; one is killed midway, the other takes over, and no folder is made twice', async () => {
  const stage = await Stage.open()
  const drive = await openDrive()
  // Slow enough that it is not over before one of them is killed.
  drive.settings.latencyMs = 150
  const config = await writeConfig(stage, {
    general: { lease_seconds: 2, remote_site: 'gdrive' },
    sites: { gdrive: await gdrive(stage, drive) },
  })
  const services = [new ServiceProcess(['run', '--config', config]), new ServiceProcess(['run', '--config', config])] as const
  for (const { lines } of services) await lines.until('service.ready')
  const documents = await published(stage, 100, 'gdrive', 'new/folder')
  // Both have a hand in it.
  await waitFor('30 files', () => drive.files().length >= 30 && services[0].lines.count('transfer.succeeded') > 0)
  services[0].signal('SIGKILL')
  await services[0].ended
  for (const document of documents) await stage.synced(document, { site: 'gdrive', withinMs: 25_000 })
  expect(drive.files()).toHaveLength(100)
  expect(drive.tree().filter((path) => path.endsWith('/'))).toEqual(['My Drive/w/', 'My Drive/w/new/', 'My Drive/w/new/folder/'])
  for (const document of documents) expect(await stage.record(document, { site: 'gdrive' })).not.toHaveProperty('tries')
  services[1].signal('SIGTERM')
  expect(await services[1].end()).toBe(0)
  expectSoundLog(services[1])
  expect(services.map(({ lines }) => lines.count('transfer.succeeded')).every((count) => count > 0)).toBe(true)
}, 60_000)

/** A file that is on its way to Drive, which takes its time. */
async function underWay(
  general: object = {},
  effect: Effect = { kind: 'delay', milliseconds: 1_500 },
): Promise<{ stage: Stage; drive: FakeDrive; service: ServiceProcess; document: Representation; config: string }> {
  const stage = await Stage.open()
  const drive = await openDrive()
  drive.fault({ on: ['upload.multipart', 'upload.start'], effect })
  const config = await writeConfig(stage, { general: { remote_site: 'gdrive', ...general }, sites: { gdrive: await gdrive(stage, drive) } })
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready')
  const [document] = await published(stage, 1, 'gdrive')
  await waitFor('the upload', () => drive.journal.count('upload.multipart', 'upload.start') > 0)
  return { stage, drive, service, document: document as Representation, config }
}

const leases = async (stage: Stage) =>
  await stage.state
    .collection('leases')
    .find({ until: { $gt: new Date() } })
    .toArray()

test('SIGTERM while a file is on its way: it arrives, the lease is given back, the place in the stream is kept, 0', async () => {
  const { stage, drive, service, document } = await underWay()
  const late = await published(stage, 1, 'gdrive', 'late')
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expectSoundLog(service)
  expect(await stage.record(document, { site: 'gdrive' })).toHaveProperty('created_dt')
  expect(drive.file('My Drive/w/p/0.ma')).toBeDefined()
  expect(await leases(stage)).toEqual([])
  expect(await stage.state.collection('resume_tokens').countDocuments()).toBe(1)
  expect(await stage.state.collection('instances').countDocuments()).toBe(0)
  // What was not begun is not lost: each of its files is there, or was not touched.
  const record = await stage.record(late[0] as Representation, { site: 'gdrive' })
  expect(record).not.toHaveProperty('tries')
})

test('a second SIGTERM ends the transfer at once: it is given back without a try, and a new run sends it', async () => {
  const { stage, drive, service, document, config } = await underWay({ shutdown_grace: 3_600 }, { kind: 'hang' })
  service.signal('SIGTERM')
  await service.lines.until('service.stopping')
  // A second one within half a second would count as the first.
  const stopping = performance.now()
  await waitFor('that time to be over', () => performance.now() - stopping > 600)
  service.signal('SIGINT')
  expect(await service.end()).toBe(0)
  expectSoundLog(service)
  expect(service.lines.count('transfer.released')).toBe(1)
  expect(await stage.record(document, { site: 'gdrive' })).toEqual(recordOf(document.files[0], 'gdrive'))
  expect(await leases(stage)).toEqual([])
  drive.clearFaults()
  const again = new ServiceProcess(['scan', '--once', '--config', config])
  expect(await again.end()).toBe(0)
  expectSoundLog(again)
  expect(drive.files()).toHaveLength(1)
})

test('the grace period ends what does not end by itself', async () => {
  const { stage, service, document } = await underWay({ shutdown_grace: 0.2 }, { kind: 'hang' })
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expectSoundLog(service)
  expect(await stage.record(document, { site: 'gdrive' })).not.toHaveProperty('tries')
})

test.skipIf(!CAN_MOUNT)('SIGTERM while a share does not answer: threads that wait for it do not keep the process', async () => {
  const stage = await Stage.open()
  await stage.file('a.exr')
  const share = await faultyMount(stage.studioPath(''))
  const config = await writeConfig(stage, { general: { shutdown_grace: 0.2 } })
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready', 1, { withinMs: 30_000 })
  share.freeze()
  await stage.insert(representation([entry('{root[work]}/a.exr', inArray('mirror'))]))
  await service.lines.until('transfer.started')
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expectSoundLog(service)
})

test('SIGTERM while MongoDB is away: it ends within the grace period and a little more, with 0', async () => {
  const set = await startReplicaSet()
  onTestFinished(async () => await set.stop())
  const stage = await Stage.open({ uri: set.uri })
  const config = await writeConfig(stage, { general: { shutdown_grace: 2 } })
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready')
  const [document] = await published(stage, 1, 'mirror')
  await stage.synced(document as Representation, { site: 'mirror' })
  const primary = await set.primary()
  await set.stopMember(primary, 'SIGKILL')
  await service.lines.until('stream.lost', 1, { withinMs: 30_000 })
  service.signal('SIGTERM')
  expect(await service.end(2_000 + 5_000 + 4_000)).toBe(0)
  expectSoundLog(service)
  await set.startMember(primary)
}, 90_000)

test.each([
  ['with a database', undefined],
  ['with no database at all', `mongodb://127.0.0.1`],
])('remote_site "": alive and idle, %s; SIGTERM ends it with 0', async (_what, nowhere) => {
  const stage = await Stage.open()
  const uri = nowhere === undefined ? stage.uri : `${nowhere}:${await freePort()}`
  const config = await writeConfig(stage, {
    general: { remote_site: '', mongo: { uri, database: stage.db.databaseName, state_database: stage.state.databaseName } },
  })
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready')
  const [document] = await published(stage, 1, 'mirror')
  expect(service.isRunning).toBe(true)
  service.signal('SIGTERM')
  expect(await service.end(5_000)).toBe(0)
  expectSoundLog(service)
  expect(service.lines.lines.map(({ event }) => event.action)).toEqual([
    'service.started',
    'service.ready',
    'service.stopping',
    'service.stopped',
  ])
  expect(await stage.read(document as Representation)).toEqual(document)
})

test('the database is not there yet: told once, waited for, and then the work begins', async () => {
  const set = await startReplicaSet()
  onTestFinished(async () => await set.stop())
  const stage = await Stage.open({ uri: set.uri })
  const [document] = await published(stage, 1, 'mirror')
  const primary = await set.primary()
  await set.stopMember(primary)
  const service = new ServiceProcess(['run', '--config', await writeConfig(stage)])
  await service.lines.until('database.lost', 1, { withinMs: 30_000 })
  await set.startMember(primary)
  await service.lines.until('service.ready', 1, { withinMs: 30_000 })
  await stage.synced(document as Representation, { site: 'mirror' })
  expect(service.lines.count('database.lost')).toBe(1)
  service.signal('SIGINT')
  expect(await service.end()).toBe(0)
  expectSoundLog(service)
}, 90_000)

test('what nobody can read in the configuration folder is no reason to leave temporary files', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  await mkdir(join(stage.dir, 'mirror'))
  await writeFile(join(stage.dir, 'mirror', 'own.txt'), 'of somebody else')
  await published(stage, 3, 'mirror')
  const scan = new ServiceProcess(['scan', '--config', config])
  expect(await scan.end()).toBe(0)
  expectSoundLog(scan)
  expect((await readdir(join(stage.dir, 'mirror'), { recursive: true })).toSorted()).toEqual(['own.txt', 'p', 'p/0.ma', 'p/1.ma', 'p/2.ma'])
})
