import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

import { SyncError } from '../../errors.ts'
import type { Anchor } from './anchor.ts'
import { gone } from './disk-fault.ts'
import { errnoName, isErrno } from './errno.ts'
import type { CopyOptions } from './stored-copy.ts'

/** What file servers and systems say of a file that somebody has open, or that may not be replaced. */
const IN_USE = ['EBUSY', 'ETXTBSY', 'EACCES', 'EPERM', 'EEXIST'] as const
/** Before each further try. Milliseconds. */
const PAUSES_MS: readonly number[] = [250, 750]

/**
 * Renames a finished temporary file over its target. A refusal is about the target, since its folder took the temporary file: it is
 * tried again for a second, and is no reason to copy the bytes again.
 */
export async function intoPlace(
  folder: Anchor,
  temporary: string,
  name: string,
  written: BigIntStats,
  { where, signal }: Pick<CopyOptions, 'where' | 'signal'>,
): Promise<void> {
  const target = folder.at(name)
  for (const pause of [...PAUSES_MS, undefined]) {
    try {
      await assertWhole(folder.at(temporary), written, where)
      return await folder.rename(temporary, name)
    } catch (error) {
      // The answer of a file server was lost, and the second request found nothing to rename.
      if (isErrno(error, 'ENOENT') && (await isDone(target, written))) return
      if (!isErrno(error, ...IN_USE)) throw error
      if (pause === undefined || signal.aborted) throw inUse(error, where)
    }
    await delay(pause)
  }
}

/** What others may put in the place of a temporary file is not given the target's name. Inodes are not compared: some file systems change them. */
async function assertWhole(temporary: string, written: BigIntStats, where: string): Promise<void> {
  const there = await lstat(temporary, { bigint: true })
  if (there.isFile() && there.size === written.size) return
  throw new SyncError('INTERRUPTED', `${where} can't be written: its temporary file was replaced by something else`)
}

async function isDone(target: string, written: BigIntStats): Promise<boolean> {
  const there = await lstat(target, { bigint: true }).catch(gone)
  return there?.ino === written.ino && there.dev === written.dev && there.size === written.size
}

function inUse(error: unknown, where: string): SyncError {
  const message = `${where} can't be replaced: it is in use, or protected (rename: ${errnoName(error)})`
  return new SyncError('BUSY', message, { retries: 0, cause: error })
}
