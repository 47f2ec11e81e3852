import type { Transfer } from './transfer.ts'

/** What brought a representation to our attention decides whether files that failed before are due again. */
export interface Occasion {
  /**
   * A regular scan: records whose last failure (server's clock) is before this are due again. Undefined: a failed record waits for
   * the next regular scan, whatever else happens to its document.
   */
  readonly retryFailedBefore?: Date
  /** The server's clock, about: what failed later than now was dated by somebody whose clock, or time zone, is wrong. */
  readonly now?: Date
  /** Somebody unset `paused`: what failed earlier is due at once. */
  readonly unpaused?: boolean
}

/** Between two looks at the server's clock. Milliseconds. */
const CLOCK_TOLERANCE_MS = 10_000

/** A failed file waits for the next regular scan, unless its tries are gone or it was unpaused. */
export function isDue(
  { tries, lastFailed }: Pick<Transfer, 'tries' | 'lastFailed'>,
  { retryFailedBefore, now, unpaused }: Occasion,
): boolean {
  if (tries === 0 || unpaused === true) return true
  if (retryFailedBefore === undefined) return false
  if (lastFailed === undefined || lastFailed < retryFailedBefore) return true
  return now !== undefined && lastFailed.getTime() > now.getTime() + CLOCK_TOLERANCE_MS
}

/** The occasion that covers both. */
export function mergeOccasions(a: Occasion, b: Occasion): Occasion {
  const retryFailedBefore = latest(a.retryFailedBefore, b.retryFailedBefore)
  const now = latest(a.now, b.now)
  return {
    ...(retryFailedBefore && { retryFailedBefore }),
    ...(now && { now }),
    ...((a.unpaused === true || b.unpaused === true) && { unpaused: true }),
  }
}

function latest(...times: readonly (Date | undefined)[]): Date | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : new Date(Math.max(...known.map(Number)))
}
