import type { Transfer } from './transfer.ts'

/** What brought a representation to our attention decides whether files that failed before are due again. */
export interface Occasion {
  /**
   * A regular scan: records whose last failure (server's clock) is before this are due again. Undefined: a failed record waits for
   * the next regular scan, whatever else happens to its document.
   */
  readonly retryFailedBefore?: Date
  /** Somebody unset `paused`: what failed earlier is due at once. */
  readonly unpaused?: boolean
}

/** A failed file waits for the next regular scan, unless its tries are gone or it was unpaused. */
export function isDue({ tries, lastFailed }: Pick<Transfer, 'tries' | 'lastFailed'>, { retryFailedBefore, unpaused }: Occasion): boolean {
  if (tries === 0 || unpaused === true) return true
  if (retryFailedBefore === undefined) return false
  return lastFailed === undefined || lastFailed < retryFailedBefore
}

/** The occasion that covers both. */
export function mergeOccasions(a: Occasion, b: Occasion): Occasion {
  const times = [a.retryFailedBefore, b.retryFailedBefore].filter((time) => time !== undefined)
  const latest = times.length === 0 ? undefined : new Date(Math.max(...times.map(Number)))
  return { ...(latest && { retryFailedBefore: latest }), ...((a.unpaused === true || b.unpaused === true) && { unpaused: true }) }
}
