import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { attachReplicaSet } from '../../../replica-set-dev/attach-replica-set.ts'
import { withStartLock } from '../../../replica-set-dev/start-lock.ts'
import { readState, removeData, writeState } from '../../../replica-set-dev/state-file.ts'
import { cacheDir, defaultReplicaSetDir } from '../../../replica-set-dev/user-dirs.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'state-file-'))
})
afterEach(async () => rm(dir, { recursive: true, force: true }))

const state = { version: 1, mongod: '/bin/mongod', uri: 'mongodb://127.0.0.1:1/', members: [{ port: 1, pid: 2 }, { port: 3 }] } as const

test('what is written is read again; without a file there is no state', async () => {
  expect(await readState(dir)).toBeUndefined()
  await writeState(dir, state)
  expect(await readState(dir)).toEqual(state)
  expect(await readdir(dir)).toEqual(['replica-set.json'])
})

test.each([
  '',
  '{',
  '[]',
  '{"version":1}',
  '{"version":1,"members":[]}',
  '{"version":1,"members":[{"port":"x"}]}',
  '{"version":2,"members":[{"port":1}]}',
])('a file that says %j is refused with what helps', async (text) => {
  await writeFile(path.join(dir, 'replica-set.json'), text)
  await expect(readState(dir)).rejects.toThrow(/can't be understood.*--fresh/)
})

test('a pid that belongs to another program now is not taken for a member', async () => {
  await writeState(dir, { ...state, members: [{ port: 1, pid: process.pid }] })
  const set = await attachReplicaSet(dir)
  expect(set?.members.map(({ pid }) => pid)).toEqual([undefined])
  await set?.stop()
})

test('removing the data leaves what is not ours', async () => {
  await writeState(dir, state)
  await mkdir(path.join(dir, 'member-0', 'journal'), { recursive: true })
  await mkdir(path.join(dir, 'seed'))
  await writeFile(path.join(dir, 'member-0.log'), '')
  await writeFile(path.join(dir, 'thesis.txt'), '')
  await removeData(dir)
  expect(await readdir(dir)).toEqual(['thesis.txt'])
  await rm(path.join(dir, 'thesis.txt'))
  await removeData(dir)
  await expect(readdir(dir)).rejects.toThrow('ENOENT')
})

test('two starts of the same folder run one after the other, and the lock of a dead process does not count', async () => {
  // No pid reaches this number.
  await writeFile(path.join(dir, 'start.lock'), '4194999')
  const events: string[] = []
  const start = async (name: string): Promise<void> =>
    withStartLock(dir, async () => {
      events.push(`${name} in`)
      await writeFile(path.join(dir, name), '')
      events.push(`${name} out`)
    })
  await Promise.all([start('a'), start('b')])
  expect(events.map((event) => event.split(' ')[1])).toEqual(['in', 'out', 'in', 'out'])
  expect(await readdir(dir)).toEqual(['a', 'b'])
})

test('folders follow the system and the XDG variables', () => {
  expect(cacheDir({ XDG_CACHE_HOME: '/c' }, 'linux', '/home/me')).toBe('/c/site-sync')
  expect(cacheDir({}, 'linux', '/home/me')).toBe('/home/me/.cache/site-sync')
  expect(cacheDir({}, 'darwin', '/Users/me')).toBe('/Users/me/Library/Caches/site-sync')
  expect(defaultReplicaSetDir({ XDG_STATE_HOME: '/s' }, 'linux', '/home/me')).toBe('/s/site-sync/replica-set')
  expect(defaultReplicaSetDir({}, 'linux', '/home/me')).toBe('/home/me/.local/state/site-sync/replica-set')
  expect(defaultReplicaSetDir({}, 'darwin', '/Users/me')).toBe('/Users/me/Library/Application Support/site-sync/replica-set')
})
