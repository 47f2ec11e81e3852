import { statfs } from 'node:fs/promises'

import { LRUCache } from 'lru-cache'

import { SyncError } from '../../errors.ts'
import { bytesText } from '../../model/bytes-text.ts'
import type { Anchor } from './anchor.ts'

/** With less than this nothing of any use fits. Bytes. */
export const FULL_BELOW = 1024 * 1024
/** What a file system is known to have left is believed for so long, less what was begun since. Milliseconds. */
const BELIEVED_MS = 2_000
/** A file is let in without another look only where it is small against what is left. */
const SMALL_PART = 16

interface Known {
  left: number
  readonly at: number
}

/** Is there room for a file? Asked before its first byte, so that what does not fit does not fill the disk for all others. */
export class FreeSpace {
  readonly #known = new LRUCache<string, Known>({ max: 1_000 })
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Rejects with `DISK_FULL`, saying how much is missing; `present` bytes of it are there already. Never fails for another reason: what is wrong shows in the write itself. */
  async assertFits(folder: Pick<Anchor, 'real' | 'self'>, fileSize: number, where: string, present = 0): Promise<void> {
    const size = fileSize - present
    const known = this.#known.get(folder.real)
    if (known && this.#now() - known.at < BELIEVED_MS && size * SMALL_PART < known.left) {
      known.left -= size
      return
    }
    const left = await freeBytes(folder.self)
    if (left === undefined) return
    if (left < size) {
      const already = present > 0 ? ` (${bytesText(present)} of them are there)` : ''
      const text = `${where} can't be written: it has ${bytesText(fileSize)}${already}, and ${bytesText(left)} are free on its disk: ${bytesText(size - left)} are missing`
      throw new SyncError('DISK_FULL', text, { certain: false })
    }
    this.#known.set(folder.real, { left: left - size, at: this.#now() })
  }
}

/** What this user may still write; undefined where the file system does not say. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize, blocks } = await statfs(folder)
    // Some network file systems know neither.
    return blocks === 0 ? undefined : bavail * bsize
  } catch {
    return undefined
  }
}
