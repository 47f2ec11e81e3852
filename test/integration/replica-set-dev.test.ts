import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { MongoClient } from 'mongodb'
import { expect, onTestFinished, test, vi } from 'vitest'

import { isRunning } from '../../replica-set-dev/process-identity.ts'
import type { MongodIdentity } from '../../replica-set-dev/process-identity.ts'
import type { Member, ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'
import { testDatabase } from '../support/mongo.ts'
import { waitFor } from '../support/wait-for.ts'

async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'replica-set-test-'))
  onTestFinished(async () => rm(dir, { recursive: true, force: true }))
  return dir
}

function started(set: ReplicaSet): ReplicaSet {
  onTestFinished(async () => set.stop())
  return set
}

async function connected(uri: string): Promise<MongoClient> {
  const client = await new MongoClient(uri, { serverSelectionTimeoutMS: 20_000 }).connect()
  onTestFinished(async () => client.close())
  return client
}

function identity({ pid, dbPath }: Member): MongodIdentity {
  if (pid === undefined) throw new Error('the member does not run')
  return { pid, dbPath }
}

test('one member: writes are accepted and a change stream delivers them; stop leaves nothing', async () => {
  const set = started(await startReplicaSet())
  const mongods = set.members.map(identity)
  const client = await connected(set.uri)
  const films = client.db('production').collection('film')
  const stream = films.watch()
  // The first tryNext opens the cursor on the server; only then is the insert sure to be seen.
  expect(await stream.tryNext()).toBeNull()
  await films.insertOne({ name: 'shot' }, { writeConcern: { w: 'majority' } })
  expect(await stream.next()).toMatchObject({ operationType: 'insert', fullDocument: { name: 'shot' } })
  await stream.close()
  await client.close()
  await set.stop()
  expect(await Promise.all(mongods.map(isRunning))).toEqual([false])
  await expect(access(set.dir)).rejects.toThrow('ENOENT')
})

test('one member: after a step-down it is primary again, frozen it answers nothing, thawed it goes on', async () => {
  const set = started(await startReplicaSet())
  const stepped = await set.stepDown()
  const primary = await set.primary()
  expect(primary.port).toBe(stepped.port)
  await set.freeze(primary)
  expect(await set.states()).toMatchObject([{ state: 'DOWN' }])
  await set.thaw(primary)
  await set.waitUntilMember(primary)
  expect(await set.states()).toMatchObject([{ writable: true }])
})

// Longer than others: what a killed primary wrote alone it has to roll back before it is a secondary again.
const TIMEOUT_MS = 90_000

test(
  'three members: the primary is killed, another one takes over with the data, the killed one comes back',
  { timeout: TIMEOUT_MS },
  async () => {
    const set = started(await startReplicaSet({ members: 3 }))
    const states = await set.states()
    expect(states.map(({ state }) => state).sort()).toEqual(['PRIMARY', 'SECONDARY', 'SECONDARY'])
    const films = (await connected(set.uri)).db('production').collection('film')
    await films.insertOne({ n: 1 }, { writeConcern: { w: 'majority' } })

    const killed = await set.killPrimary()
    expect(set.members[killed.index]?.pid).toBeUndefined()
    const next = await set.primary()
    expect(next.port).not.toBe(killed.port)
    await films.insertOne({ n: 2 }, { writeConcern: { w: 'majority' } })
    expect(await films.countDocuments()).toBe(2)

    await set.startMember(killed)
    expect((await set.states())[killed.index]).toMatchObject({ state: 'SECONDARY' })
    const stepped = await set.stepDown()
    const last = await set.primary()
    expect(last.port).not.toBe(stepped.port)
  },
)

test('a folder keeps the data between runs, also when another program took the port meanwhile', async () => {
  const dir = await temporaryDir()
  const first = await startReplicaSet({ dir })
  const port = first.members[0]?.port as number
  const client = await connected(first.uri)
  await client
    .db('production')
    .collection('film')
    .insertOne({ n: 1 }, { writeConcern: { w: 'majority' } })
  await client.close()
  await expect(startReplicaSet({ dir })).rejects.toThrow('runs in')
  await first.stop()

  const second = await startReplicaSet({ dir })
  expect(second.uri).toBe(first.uri)
  await second.stop()

  const squatter = createServer((socket) => socket.destroy())
  onTestFinished(() => void squatter.close())
  // The system may keep the port for a moment after its process is gone.
  await waitFor('the port to be free', async () => {
    squatter.listen(port, '127.0.0.1')
    return await once(squatter, 'listening').then(
      () => true,
      () => false,
    )
  })
  const third = started(await startReplicaSet({ dir }))
  expect(third.members[0]?.port).not.toBe(port)
  const films = (await connected(third.uri)).db('production').collection('film')
  expect(await films.countDocuments()).toBe(1)
  await expect(startReplicaSet({ dir, members: 3 })).rejects.toThrow('holds a replica set of 1')
})

test('a port that was asked for and is taken is an error that names it; nothing is left', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void squatter.close())
  await once(squatter, 'listening')
  const { port } = squatter.address() as AddressInfo
  const dir = await temporaryDir()
  await expect(startReplicaSet({ port, dir })).rejects.toThrow(`port ${port} is taken`)
  expect(await readdir(dir)).not.toContain('replica-set.json')
})

test('a tiny oplog, quick checkpoints and fail points can be had', async () => {
  const set = started(await startReplicaSet({ oplogSizeMb: 1, syncDelaySeconds: 1, enableTestCommands: true }))
  const client = await connected(set.uri)
  const { maxSize } = await client.db('local').command({ collStats: 'oplog.rs' })
  expect(maxSize).toBe(1024 * 1024)
  const { parsed } = await client.db('admin').command({ getCmdLineOpts: 1 })
  expect(parsed).toMatchObject({ storage: { syncPeriodSecs: 1 }, setParameter: { enableTestCommands: '1' }, net: { bindIp: '127.0.0.1' } })
})

test('when the owner is killed, its mongods and its temporary folder go too', async () => {
  const file = fileURLToPath(new URL('../support/owner-process.ts', import.meta.url))
  const owner = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void owner.kill('SIGKILL'))
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string]
  const { dir, members } = JSON.parse(line) as { dir: string; members: MongodIdentity[] }
  expect(await Promise.all(members.map(isRunning))).toEqual([true])
  owner.kill('SIGKILL')
  await vi.waitFor(async () => expect(await Promise.all(members.map(isRunning))).toEqual([false]), { timeout: 20_000 })
  await vi.waitFor(async () => expect(access(dir)).rejects.toThrow('ENOENT'), { timeout: 20_000 })
})

test('the command line: start, find it again, seed, kill, start again, stop; each is a process of its own', async () => {
  const dir = path.join(await temporaryDir(), 'set')
  const main = fileURLToPath(new URL('../../replica-set-dev/main.ts', import.meta.url))
  interface Answer {
    readonly code: number
    readonly json: Record<string, unknown> & {
      readonly members: { readonly pid?: number; readonly state: string; readonly dataDir: string }[]
    }
    readonly stderr: string
  }
  const cli = async (...args: string[]): Promise<Answer> =>
    new Promise((resolve) => {
      const env = { ...process.env, SITE_SYNC_MONGO_URI: '' }
      execFile(process.execPath, [main, ...args, '--json', '--dir', dir], { env }, (error, stdout, stderr) => {
        const json = (stdout === '' ? { members: [] } : JSON.parse(stdout)) as Answer['json']
        resolve({ code: error === null ? 0 : Number(error.code), json, stderr })
      })
    })
  onTestFinished(async () => void (await cli('stop', '--remove')))

  expect(await cli('status')).toMatchObject({ code: 1, json: { members: [] } })
  // Two starts at once: one starts it, the other finds it.
  const starts = await Promise.all([cli('start'), cli('start')])
  expect(new Set(starts.map(({ json }) => json['started']))).toEqual(new Set([false, true]))
  const [one, two] = starts.map(({ json }) => json.members.map(({ pid }) => pid))
  expect(one).toEqual(two)
  const status = await cli('status')
  expect(status).toMatchObject({ code: 0, json: { members: [{ state: 'PRIMARY' }] } })

  expect(await cli('seed')).toMatchObject({ code: 0, json: { representations: 6, files: 28 } })
  const films = (await connected(String(status.json['uri']))).db('avalon').collection('demo_film')
  expect(await films.countDocuments({ type: 'representation' })).toBe(6)
  await films.insertOne({ type: 'representation' })
  expect(await cli('seed')).toMatchObject({ code: 1, stderr: expect.stringContaining('somebody else') })

  expect(await cli('kill-primary')).toMatchObject({ code: 0, json: { what: 'killed' } })
  expect(await cli('status')).toMatchObject({ code: 1, json: { members: [{ state: 'STOPPED' }] } })
  expect(await cli('restart-member')).toMatchObject({ code: 0, json: { members: [{ state: 'PRIMARY' }] } })
  expect(await films.countDocuments({ type: 'representation' })).toBe(7)

  expect(await cli('start', '--members', '2')).toMatchObject({ code: 2 })
  expect(await cli('start', '--members', '3')).toMatchObject({ code: 1, stderr: expect.stringContaining('stop it first') })
  const given = await cli('start', '--uri', String(status.json['uri']))
  expect(given).toMatchObject({ code: 0, json: { started: false, members: [{ state: 'PRIMARY' }] } })
  expect(await cli('stop', '--uri', String(status.json['uri']))).toMatchObject({ code: 1, stderr: expect.stringContaining('is yours') })

  expect(await cli('stop', '--remove')).toMatchObject({ code: 0, json: { stopped: true, removed: true } })
  await expect(access(dir)).rejects.toThrow('ENOENT')
  expect(await cli('stop')).toMatchObject({ code: 0, json: { stopped: false } })
})

test('the shared set of the tests: every test has databases of its own, and fail points work', async () => {
  await using one = await testDatabase({ appName: 'one' })
  await using two = await testDatabase({ appName: 'two', retryWrites: false })
  expect(one.db.databaseName).not.toBe(two.db.databaseName)
  const admin = one.client.db('admin')
  const data = { failCommands: ['insert'], errorCode: 91, appName: 'two' }
  await admin.command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data })
  await one.db.collection('film').insertOne({ n: 1 })
  await expect(two.db.collection('film').insertOne({ n: 1 })).rejects.toMatchObject({ code: 91 })
  await two.db.collection('film').insertOne({ n: 2 })
  expect(await two.db.collection('film').countDocuments()).toBe(1)
})
