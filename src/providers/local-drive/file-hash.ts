import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

import { CHUNK_BYTES } from '../chunk-pool.ts'
import type { ChecksumAlgorithm } from '../provider.ts'
import { throwIfAborted } from './abort.ts'

/** Hashes, not ended yet, of the first bytes of a file; of all of them where it has fewer. */
export async function hashFirst<A extends readonly ChecksumAlgorithm[]>(
  file: FileHandle,
  bytes: number,
  signal: AbortSignal,
  algorithms: A,
): Promise<{ [K in keyof A]: Hash }> {
  const sums = algorithms.map((algorithm) => createHash(algorithm)) as { [K in keyof A]: Hash }
  const most = (position: number): number => Math.min(CHUNK_BYTES, bytes - position)
  let position = 0
  let other = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let reading = file.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, most(0), 0)
  for (;;) {
    const { bytesRead, buffer } = await reading
    throwIfAborted(signal)
    if (bytesRead === 0) return sums
    position += bytesRead
    // The next is read while this one is hashed.
    reading = file.read(other, 0, most(position), position)
    for (const sum of sums) sum.update(buffer.subarray(0, bytesRead))
    other = buffer
  }
}
