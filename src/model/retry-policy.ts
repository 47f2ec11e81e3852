import type { ErrorCode, SyncError } from '../errors.ts'

/** Attempts inside one attempt: what a retry in a moment may mend. Milliseconds. */
export interface TransientRetry {
  readonly retries: number
  readonly minTimeout: number
  readonly maxTimeout: number
}

export const TRANSIENT_RETRY: TransientRetry = { retries: 5, minTimeout: 500, maxTimeout: 16_000 }

/** A longer pause than this is the site's matter: inside an attempt it would hold a slot and a lease. Milliseconds. */
export const MAX_PAUSE_MS = 30_000

/** How long a site in trouble is left alone: the first time, and at most. Milliseconds. */
type Cooldown = readonly [first: number, most: number]

const SECOND = 1_000
const MINUTE = 60 * SECOND
/** What a site asks for is believed up to this: it may be in error, or may not mean well. Milliseconds. */
export const MAX_RETRY_AFTER_MS = 60 * MINUTE
const SHORT: Cooldown = [5 * SECOND, 2 * MINUTE]

const COOLDOWNS: Readonly<Partial<Record<ErrorCode, Cooldown>>> = {
  RATE_LIMITED: [SECOND, 64 * SECOND],
  UNREACHABLE: SHORT,
  ROOT_MISSING: SHORT,
  DISK_FULL: SHORT,
  CREDENTIALS: [15 * SECOND, 5 * MINUTE],
  PERMISSION: [15 * SECOND, 5 * MINUTE],
  QUOTA: [MINUTE, 15 * MINUTE],
  SITE_LIMIT: [MINUTE, 15 * MINUTE],
}

/**
 * How long to leave a site alone after its `nth` trouble in a row (from 1), in milliseconds. What the site itself asked for wins, up to an
 * hour; nothing at all is no time to stay away.
 * `random` is in [0, 1) and keeps instances from coming back all at once.
 */
export function cooldownMs(error: SyncError, nth: number, random: number): number {
  const { retryAfterMs = 0 } = error
  if (retryAfterMs > 0) return Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)
  const [first, most] = COOLDOWNS[error.code] ?? SHORT
  return Math.min(most, first * 2 ** (nth - 1)) * (0.9 + 0.2 * random)
}
