/** What the thread is given. */
export interface Followed {
  /** Leads to the open file itself. */
  readonly path: string
  /** Two 64-bit numbers, by `STATES`, and the digest. */
  readonly shared: SharedArrayBuffer
}

/** The places of both numbers, and what the second may be: 0 as long as the file is being written. */
export const STATES = { stored: 0, end: 1, whole: 1n, givenUp: 2n, hashed: 3n } as const

const DIGEST_AT = 2 * BigInt64Array.BYTES_PER_ELEMENT
/** Of SHA-256. */
const DIGEST_BYTES = 32

export const SHARED_BYTES = DIGEST_AT + DIGEST_BYTES

export function digestIn(shared: SharedArrayBuffer): Buffer {
  return Buffer.from(shared, DIGEST_AT, DIGEST_BYTES)
}
