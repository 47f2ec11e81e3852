import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'

import type { ByteSource } from '../provider.ts'

const PATTERN = /^\.site-sync-probe-[0-9a-f]{16}$/

export function probeName(): string {
  return `.site-sync-probe-${randomBytes(8).toString('hex')}`
}

export function isProbeName(name: string): boolean {
  return PATTERN.test(name)
}

/** A few bytes that are nowhere else. */
export function probeSource(): ByteSource {
  const bytes = randomBytes(32)
  return {
    size: bytes.length,
    modified: new Date(),
    open: async (fromByte) => await Promise.resolve(Readable.from([bytes.subarray(fromByte)], { objectMode: false })),
    checksum: async (algorithm) => await Promise.resolve(createHash(algorithm).update(bytes).digest('hex')),
    assertUnchanged: async () => await Promise.resolve(),
  }
}
