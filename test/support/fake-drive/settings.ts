export interface FakeDriveSettings {
  /** 0: any free one. */
  readonly port: number
  /** Every request takes at least that long. */
  readonly latencyMs: number
  /** What a token's answer promises. */
  readonly tokenLifetimeSeconds: number
  /** What is kept of it; the promise, when left out. */
  readonly tokenDiesAfterMs?: number
  /** Bytes the account may store in its own name; a service account of today has 0. */
  readonly storageLimit: number
  /** Requests a second, beyond which 403 userRateLimitExceeded answers. */
  readonly requestsPerSecond: number
  /** Files up to this size keep their bytes, larger ones their checksums. */
  readonly keepBytesBelow: number
  /** A search by name finds files only when they are so old. */
  readonly searchLagMs: number
  /** No page of a list is longer, whatever is asked for. */
  readonly longestPage: number
}

export const DEFAULTS: FakeDriveSettings = {
  port: 0,
  latencyMs: 0,
  tokenLifetimeSeconds: 3599,
  storageLimit: Infinity,
  requestsPerSecond: Infinity,
  keepBytesBelow: 32 * 1024 * 1024,
  searchLagMs: 0,
  longestPage: 1000,
}
