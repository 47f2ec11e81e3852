import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'

import { SyncError } from '../../../src/errors.ts'
import type { ByteSource } from '../../../src/providers/provider.ts'

const PIECE = 1024 * 1024

export interface MemorySource extends ByteSource {
  /** From now on the source says that it was changed. */
  change(): void
  /** Offsets at which it was opened. */
  readonly opened: readonly number[]
}

/** Bytes at hand as a source. */
export function memorySource(bytes: Buffer | string, modified = new Date('2026-03-04T05:06:07.089Z')): MemorySource {
  const content = Buffer.from(bytes)
  return sourceOf(content.length, modified, (from, to) => content.subarray(from, to))
}

/** So many bytes that follow from their position, however many there are; none of them are held. */
export function patternSource(size: number, modified = new Date('2026-03-04T05:06:07.089Z')): MemorySource {
  const pattern = Buffer.alloc(PIECE + 251, Buffer.from(Array.from({ length: 251 }, (_, index) => (index * 7 + 13) % 256)))
  return sourceOf(size, modified, (from, to) => pattern.subarray(from % 251, (from % 251) + to - from))
}

function sourceOf(size: number, modified: Date, slice: (from: number, to: number) => Buffer): MemorySource {
  const opened: number[] = []
  let changed = false
  const pieces = function* (from: number): Generator<Buffer> {
    for (let at = from; at < size; at += PIECE) yield slice(at, Math.min(at + PIECE, size))
  }
  return {
    size,
    modified,
    opened,
    change: () => {
      changed = true
    },
    open: async (from) => {
      opened.push(from)
      return await Promise.resolve(Readable.from(pieces(from), { objectMode: false, highWaterMark: PIECE }))
    },
    checksum: async (algorithm, signal) => {
      const hash = createHash(algorithm)
      for (const piece of pieces(0)) {
        signal.throwIfAborted()
        hash.update(piece)
        await Promise.resolve()
      }
      return hash.digest('hex')
    },
    assertUnchanged: async () => {
      await Promise.resolve()
      if (changed) throw new SyncError('SOURCE_CHANGED', 'the source was changed')
    },
  }
}
