import { randomBytes } from 'node:crypto'
import { lstat, readdir } from 'node:fs/promises'

import { LRUCache } from 'lru-cache'

import { atMost } from '../../model/at-most.ts'
import type { Anchor } from './anchor.ts'

/** In upper case as well, and so on: disks that take both for the same would take such a name for ours. */
const PATTERN = /^\.site-sync-[0-9a-f]{16}\.part$/iu
const DAY_MS = 24 * 60 * 60 * 1000
const REMEMBERED_FOLDERS = 10_000

/** Short whatever the target is called, so that the longest names can be written; never the same twice. */
export function temporaryName(): string {
  return `.site-sync-${randomBytes(8).toString('hex')}.part`
}

export function isTemporaryName(name: string): boolean {
  return PATTERN.test(name)
}

/**
 * Removes what killed processes left. A writer changes its file all the time, and each change moves the file's ctime (its mtime is the
 * source's, and tells nothing): one that nothing happened to for a day belongs to nobody. No document can name such a file
 * (`fullFilePath`). Each folder is looked at once a day: a process may run for months, and others come and go meanwhile.
 */
export class StaleFiles {
  /** By folder: when. */
  readonly #looked = new LRUCache<string, number>(atMost(REMEMBERED_FOLDERS))
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Never fails: whatever stands in the way here stands in the way of the write, too, which then says so. */
  async removeFrom(folder: Anchor): Promise<void> {
    const now = this.#now()
    if (now - (this.#looked.get(folder.real) ?? -Infinity) < DAY_MS) return
    this.#looked.set(folder.real, now)
    const names = await readdir(folder.self).catch(() => [])
    for (const name of names.filter(isTemporaryName)) {
      const info = await lstat(folder.at(name)).catch(() => undefined)
      if (info?.isFile() === true && now - info.ctimeMs > DAY_MS) await folder.unlink(name).catch(() => {})
    }
  }
}
