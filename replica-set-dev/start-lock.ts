import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { poll } from './poll.ts'

const TIMEOUT_MS = 120_000

interface Holder {
  readonly pid: number
  readonly id: string
}

/**
 * Runs `use` while no other process does so for this folder. The lock of a process that died does not count.
 *
 * Whoever waits never removes or replaces the lock of a dead holder: between the look and the removal another waiter may have taken it.
 * He makes the one file that succeeds that holder (`start.lock.after-ID`) instead, and a hard link is made by one waiter alone. The
 * last of such a chain is the holder; he ends the chain by removing its first file.
 */
export async function withStartLock<T>(dir: string, use: () => Promise<T>): Promise<T> {
  await mkdir(dir, { recursive: true })
  const file = path.join(dir, 'start.lock')
  const own: Holder = { pid: process.pid, id: randomUUID() }
  // Complete before it is a lock: nobody ever sees one without a holder.
  const draft = `${file}.${own.id}`
  await writeFile(draft, JSON.stringify(own))
  try {
    const what = `end of the other start (${file})`
    const chain = await poll(async () => take(draft, file), { what, timeoutMs: TIMEOUT_MS, everyMs: 50 })
    try {
      return await use()
    } finally {
      // The first one before the others: they mean nothing without it.
      for (const part of chain) await rm(part, { force: true })
    }
  } finally {
    await rm(draft, { force: true })
  }
}

/** The files of the chain that ends with our own, from the first one; undefined while somebody else holds the lock. */
async function take(draft: string, file: string): Promise<readonly string[] | undefined> {
  const chain: string[] = []
  let first: Holder | undefined
  for (let next = file; ;) {
    chain.push(next)
    if (await isLinked(draft, next)) break
    const holder = await holderOf(next)
    if (holder === undefined || isAlive(holder.pid)) return undefined
    first ??= holder
    next = `${file}.after-${holder.id}`
  }
  // The chain may have ended while we went along it: then another one has begun, and our file belongs to none.
  if (first === undefined || (await holderOf(file))?.id === first.id) return chain
  await rm(chain.at(-1) as string, { force: true })
  return undefined
}

async function isLinked(draft: string, name: string): Promise<boolean> {
  try {
    await link(draft, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Undefined when it has just been removed. */
async function holderOf(file: string): Promise<Holder | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const { pid, id } = JSON.parse(text) as Partial<Holder>
    if (Number.isInteger(pid) && /^[\w-]+$/.test(id ?? '')) return { pid: pid as number, id: id as string }
  } catch {
    // An earlier version's: the bare pid.
  }
  const pid = Number(text)
  return { pid: Number.isInteger(pid) && pid > 0 ? pid : 0, id: text.replaceAll(/\W/g, '') }
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
