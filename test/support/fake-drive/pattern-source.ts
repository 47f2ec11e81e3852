import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'

import type { ByteSource } from '../../../src/providers/provider.ts'

const PIECE = 1024 * 1024

export interface PatternSource extends ByteSource {
  /** Offsets at which it was opened. */
  readonly opened: readonly number[]
}

/** So many bytes that follow from their position, however many there are; none of them are held. */
export function patternSource(size: number, modified = new Date('2024-03-05T06:07:08.123Z')): PatternSource {
  const pattern = Buffer.alloc(PIECE + 251, Buffer.from(Array.from({ length: 251 }, (_, index) => (index * 7 + 13) % 256)))
  const opened: number[] = []
  const pieces = function* (from: number): Generator<Buffer> {
    for (let at = from; at < size; at += PIECE) yield pattern.subarray(at % 251, (at % 251) + Math.min(PIECE, size - at))
  }
  return {
    size,
    modified,
    opened,
    open: async (from) => {
      opened.push(from)
      return await Promise.resolve(Readable.from(pieces(from), { objectMode: false, highWaterMark: PIECE }))
    },
    checksum: async (algorithm) => {
      const hash = createHash(algorithm)
      for (const piece of pieces(0)) hash.update(piece)
      return await Promise.resolve(hash.digest('hex'))
    },
    assertUnchanged: async () => await Promise.resolve(),
  }
}
