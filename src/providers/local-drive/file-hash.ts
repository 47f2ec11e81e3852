import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

import { CHUNK_BYTES } from '../chunk-pool.ts'
import { throwIfAborted } from './abort.ts'

/** The SHA-256, not ended yet, of the first bytes of a file; of all of them where it has fewer. */
export async function hashOfFirst(file: FileHandle, bytes: number, signal: AbortSignal): Promise<Hash> {
  const sum = createHash('sha256')
  const most = (position: number): number => Math.min(CHUNK_BYTES, bytes - position)
  let position = 0
  let other = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let reading = file.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, most(0), 0)
  for (;;) {
    const { bytesRead, buffer } = await reading
    throwIfAborted(signal)
    if (bytesRead === 0) return sum
    position += bytesRead
    // The next is read while this one is hashed.
    reading = file.read(other, 0, most(position), position)
    sum.update(buffer.subarray(0, bytesRead))
    other = buffer
  }
}
