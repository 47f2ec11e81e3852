import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { MongoClient } from 'mongodb'
import { expect, onTestFinished, test } from 'vitest'

import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'
import { testDatabase } from '../support/mongo.ts'
import { waitFor } from '../support/wait-for.ts'

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('../../replica-set-dev/main.ts', import.meta.url))
/** Nobody's. */
const OTHER_USER = 65_534

async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'protected-set-'))
  onTestFinished(async () => rm(dir, { recursive: true, force: true }))
  return dir
}

const withoutUser = (uri: string): string => uri.replace(/\/\/.*@/, '//')

test('a protected set: strangers neither read nor write nor become users; the owner comes in, after a restart too', async () => {
  const dir = await temporaryDir()
  await using set = await startReplicaSet({ dir, isProtected: true })
  await using stranger = new MongoClient(withoutUser(set.uri))
  const films = stranger.db('avalon').collection('film')
  await expect(films.findOne()).rejects.toMatchObject({ codeName: 'Unauthorized' })
  await expect(films.insertOne({})).rejects.toMatchObject({ codeName: 'Unauthorized' })
  const user = { createUser: 'me', pwd: 'x', roles: ['root'] }
  await expect(stranger.db('admin').command(user)).rejects.toMatchObject({ codeName: 'Unauthorized' })
  {
    await using owner = new MongoClient(set.uri)
    await owner.db('avalon').collection('film').insertOne({ n: 1 })
  }
  await set.stop()

  await using again = await startReplicaSet({ dir })
  expect(again.uri).toBe(set.uri)
  await using owner = new MongoClient(again.uri)
  expect(await owner.db('avalon').collection('film').countDocuments()).toBe(1)
  await using other = new MongoClient(withoutUser(again.uri))
  await expect(other.db('avalon').collection('film').findOne()).rejects.toMatchObject({ codeName: 'Unauthorized' })
})

test('a set that was open becomes protected; key and password are for their owner alone', async () => {
  const dir = await temporaryDir()
  const open = await startReplicaSet({ dir })
  await open.stop()
  await using set = await startReplicaSet({ dir, isProtected: true })
  expect(set.uri).not.toBe(open.uri)
  await using owner = new MongoClient(set.uri)
  expect(await owner.db('admin').command({ ping: 1 })).toMatchObject({ ok: 1 })
  for (const name of ['key', 'replica-set.json']) {
    const file = path.join(dir, name)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    if (process.getuid?.() !== 0) continue
    // The folder of the test would keep the other user away by itself.
    await chmod(dir, 0o755)
    await expect(run('cat', [file], { uid: OTHER_USER })).rejects.toThrow('Permission denied')
  }
})

test('three members know each other by the key', { timeout: 90_000 }, async () => {
  await using set = await startReplicaSet({ members: 3, isProtected: true })
  // Each of them has all data by now, the owner's user with it: none is too stale for the others when the primary is lost.
  for (const { port } of set.members) {
    const alone = new URL(set.uri.replaceAll(/,127\.0\.0\.1:\d+/g, ''))
    alone.port = String(port)
    alone.search = '?directConnection=true'
    await using member = new MongoClient(alone.href)
    expect(await member.db('admin').command({ ping: 1 })).toMatchObject({ ok: 1 })
  }
  const killed = await set.killPrimary()
  await set.primary()
  await set.startMember(killed)
  await using owner = new MongoClient(set.uri)
  await owner
    .db('avalon')
    .collection('film')
    .insertOne({ n: 1 }, { writeConcern: { w: 3 } })
  expect((await set.states()).map(({ state }) => state).toSorted()).toEqual(['PRIMARY', 'SECONDARY', 'SECONDARY'])
})

test.skipIf(process.platform !== 'linux')(
  'an address comes from a file or the environment; in --uri its password is warned of',
  async () => {
    await using mongo = await testDatabase()
    const dir = await temporaryDir()
    const file = path.join(dir, 'address')
    const secret = 'not-to-be-seen'
    const uri = mongo.uri.replace('//', `//me:${secret}@`)
    const answer = async (args: readonly string[], env: object): Promise<{ stderr: string; commandLine: string }> => {
      const child = spawn(process.execPath, [MAIN, 'status', ...args, '--dir', dir], { env: { PATH: process.env['PATH'], ...env } })
      onTestFinished(() => void child.kill('SIGKILL'))
      let stderr = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      const closed = once(child, 'close')
      let commandLine = ''
      // Between fork and exec it is still that of the test.
      await waitFor('its arguments', async () => (commandLine = await readFile(`/proc/${child.pid}/cmdline`, 'utf8')).includes('status'))
      await closed
      return { stderr, commandLine }
    }
    await writeFile(file, `${uri}\n`, { mode: 0o600 })
    for (const [args, env] of [
      [['--uri-file', file], {}],
      [[], { SITE_SYNC_MONGO_URI_FILE: file }],
      [[], { SITE_SYNC_MONGO_URI: uri }],
    ] as const) {
      const { stderr, commandLine } = await answer(args, env)
      expect(commandLine).not.toContain(secret)
      // The shared set knows no users: the address was used.
      expect(stderr).toMatch(/Authentication failed/)
      expect(stderr).not.toContain('warning')
    }
    const { stderr, commandLine } = await answer(['--uri', uri], {})
    expect(commandLine).toContain(secret)
    expect(stderr).toContain('every user of this machine can read the password in --uri')
    expect(stderr).not.toContain(secret)
  },
)
