import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { poll } from './poll.ts'

const TIMEOUT_MS = 120_000

/** Runs `use` while no other process does so for this folder. The lock of a process that died does not count. */
export async function withStartLock<T>(dir: string, use: () => Promise<T>): Promise<T> {
  await mkdir(dir, { recursive: true })
  const file = path.join(dir, 'start.lock')
  await poll(async () => take(file), { what: `end of the other start (${file})`, timeoutMs: TIMEOUT_MS, everyMs: 50 })
  try {
    return await use()
  } finally {
    await rm(file, { force: true })
  }
}

async function take(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const holder = Number(await readFile(file, 'utf8').catch(() => ''))
  // An empty file is one that is being written.
  if (holder > 0 && !isAlive(holder)) await rm(file, { force: true })
  return false
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
