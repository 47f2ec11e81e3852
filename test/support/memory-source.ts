import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'

import { SyncError } from '../../src/errors.ts'
import type { ByteSource } from '../../src/providers/provider.ts'

export interface MemorySourceOptions {
  readonly modified?: Date
  /** Bytes a chunk of the stream. */
  readonly chunkBytes?: number
  /** Awaited before each chunk is handed out; `at` is its offset. What it throws, the stream fails with. */
  readonly beforeChunk?: (at: number, signal: AbortSignal) => Promise<void> | void
  /** As `RemoteFile`. */
  readonly version?: string
  /** Asked each time somebody wants to know whether the source is what it was. */
  readonly changed?: () => boolean
}

export interface MemorySource extends ByteSource {
  /** Offsets at which streams were opened, in order. */
  readonly opened: number[]
  /** Bytes that were handed out so far, over all streams. */
  readonly handedOut: () => number
}

/** Bytes in memory as something to write. */
export function memorySource(bytes: Buffer | string, options: MemorySourceOptions = {}): MemorySource {
  const content = Buffer.from(bytes)
  const { chunkBytes = 65_536, modified = new Date('2024-03-05T06:07:08.123Z') } = options
  const opened: number[] = []
  let handedOut = 0
  return {
    size: content.length,
    modified,
    ...(options.version !== undefined && { version: options.version }),
    opened,
    handedOut: () => handedOut,
    open: async (fromByte, signal) => {
      opened.push(fromByte)
      async function* chunks(): AsyncGenerator<Buffer> {
        for (let at = fromByte; at < content.length; at += chunkBytes) {
          await options.beforeChunk?.(at, signal)
          const chunk = content.subarray(at, at + chunkBytes)
          handedOut += chunk.length
          yield chunk
        }
      }
      return await Promise.resolve(Readable.from(chunks(), { objectMode: false, highWaterMark: chunkBytes }))
    },
    checksum: async (algorithm) => await Promise.resolve(createHash(algorithm).update(content).digest('hex')),
    assertUnchanged: async () => {
      if (options.changed?.() === true) throw new SyncError('SOURCE_CHANGED', 'the source was changed while it was being read')
      await Promise.resolve()
    },
  }
}
