import type { BigIntStats } from 'node:fs'
import { lstat, rename } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

import { SyncError } from '../../errors.ts'
import { gone } from './disk-fault.ts'
import { errnoName, isErrno } from './errno.ts'

/** What file servers and systems say of a file that somebody has open, or that may not be replaced. */
const IN_USE = ['EBUSY', 'ETXTBSY', 'EACCES', 'EPERM', 'EEXIST'] as const
/** Before each further try. Milliseconds. */
const PAUSES_MS: readonly number[] = [250, 750]

/**
 * Renames a finished temporary file over its target. A refusal is about the target, since its folder took the temporary file: it is
 * tried again for a second, and is no reason to copy the bytes again.
 */
export async function intoPlace(temporary: string, target: string, written: BigIntStats, signal: AbortSignal): Promise<void> {
  for (const pause of [...PAUSES_MS, undefined]) {
    try {
      return await rename(temporary, target)
    } catch (error) {
      // The answer of a file server was lost, and the second request found nothing to rename.
      if (isErrno(error, 'ENOENT') && (await isDone(target, written))) return
      if (!isErrno(error, ...IN_USE)) throw error
      if (pause === undefined || signal.aborted) throw inUse(error, target)
    }
    await delay(pause)
  }
}

async function isDone(target: string, written: BigIntStats): Promise<boolean> {
  const there = await lstat(target, { bigint: true }).catch(gone)
  return there?.ino === written.ino && there.dev === written.dev && there.size === written.size
}

function inUse(error: unknown, target: string): SyncError {
  const message = `${target} can't be replaced: it is in use, or protected (rename: ${errnoName(error)})`
  return new SyncError('BUSY', message, { retries: 0, cause: error })
}
