import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { expect, onTestFinished, test, vi } from 'vitest'

import { withStartLock } from '../../../replica-set-dev/start-lock.ts'

async function temporaryDir(): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'start-lock-'))
  onTestFinished(async () => rm(dir, { recursive: true, force: true }))
  return dir
}

/** No pid reaches this number. */
const NO_PID = '4194999'

/** What happens to the next look at a lock, between the look and what is made of it. */
const looks: { next: (() => Promise<void>) | undefined } = { next: undefined }

vi.mock(import('node:fs/promises'), async (original) => {
  const fs = await original()
  const readFile = async (...args: Parameters<typeof fs.readFile>): Promise<unknown> => {
    const text = await fs.readFile(...args)
    const { next } = looks
    looks.next = undefined
    await next?.()
    return text
  }
  return { ...fs, readFile: readFile as typeof fs.readFile }
})

/** Of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid
}

/** Starts to wait, and stops right after it has read that the holder is dead; `goOn` lets it act on that. Tells when it is inside. */
async function lookAndStop(dir: string, events: string[]): Promise<{ goOn: () => void; ended: Promise<void> }> {
  const looked = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  looks.next = async () => {
    looked.resolve()
    await held.promise
  }
  const ended = withStartLock(dir, async () => void events.push('the first one is inside'))
  await looked.promise
  return { goOn: held.resolve, ended }
}

test('who saw a dead holder does not remove the lock of another one who took it meanwhile', async () => {
  const dir = await temporaryDir()
  await writeFile(path.join(dir, 'start.lock'), NO_PID)
  const events: string[] = []
  const first = await lookAndStop(dir, events)
  await withStartLock(dir, async () => {
    const acted = Promise.withResolvers<void>()
    looks.next = async () => acted.resolve()
    events.push('the second one is inside')
    first.goOn()
    // The first one looks again, or is inside: whatever it did about the dead holder is done.
    await Promise.race([acted.promise, first.ended])
    events.push('the second one goes')
  })
  await first.ended
  expect(events).toEqual(['the second one is inside', 'the second one goes', 'the first one is inside'])
  expect(await readdir(dir)).toEqual([])
})

test('nor that of a third one, when the second has come and gone', async () => {
  const dir = await temporaryDir()
  await writeFile(path.join(dir, 'start.lock'), NO_PID)
  const events: string[] = []
  const first = await lookAndStop(dir, events)
  await withStartLock(dir, async () => void events.push('the second one is inside'))
  await withStartLock(dir, async () => {
    events.push('the third one is inside')
    const acted = Promise.withResolvers<void>()
    looks.next = async () => {
      looks.next = async () => acted.resolve()
    }
    first.goOn()
    await Promise.race([acted.promise, first.ended])
    events.push('the third one goes')
  })
  await first.ended
  expect(events.slice(1)).toEqual(['the third one is inside', 'the third one goes', 'the first one is inside'])
  expect(await readdir(dir)).toEqual([])
})

test.each([
  ['holds a pid alone, as before', (dead: number) => String(dead)],
  ['is empty', () => ''],
])('a lock of a dead process is taken over where it %s', async (_, content) => {
  const dir = await temporaryDir()
  await writeFile(path.join(dir, 'start.lock'), content(deadPid()))
  expect(await withStartLock(dir, async () => 'done')).toBe('done')
  expect(await readdir(dir)).toEqual([])
})

test('a chain of dead processes is followed to its end', async () => {
  const dir = await temporaryDir()
  const dead = deadPid()
  await writeFile(path.join(dir, 'start.lock'), JSON.stringify({ pid: dead, id: 'one' }))
  await writeFile(path.join(dir, 'start.lock.after-one'), JSON.stringify({ pid: dead, id: 'two' }))
  expect(await withStartLock(dir, async () => readdir(dir))).toContain('start.lock.after-two')
  expect(await readdir(dir)).toEqual([])
})
