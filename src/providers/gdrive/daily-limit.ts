import { SyncError } from '../../errors.ts'
import type { Clock } from './clock.ts'
import type { DriveFault } from './faults.ts'

/** The limit of 750 GB a day and account comes with these words and the reason of an ordinary rate limit. */
const WORDS = 'User rate limit exceeded.'
const IN_A_ROW = 3
const STAY_AWAY_MS = 30 * 60_000

/**
 * Tells the daily upload limit from an ordinary rate limit, which Google answers alike: it refuses every upload, one after the other,
 * while all other calls are served.
 */
export class DailyLimit {
  readonly #clock: Clock
  #refused = 0
  #refusedAt = 0
  #othersServed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Some other call was served. */
  otherServed(): void {
    this.#othersServed = true
  }

  uploadServed(): void {
    this.#refused = 0
    this.#othersServed = false
  }

  /** An upload that left at `sentAt` was refused; returns what to reject with. */
  judge(fault: DriveFault, sentAt: number): SyncError {
    if (fault.reason !== 'userRateLimitExceeded' || !fault.message.includes(WORDS)) return fault
    // Uploads that were under way together count once.
    if (sentAt >= this.#refusedAt) this.#refused++
    this.#refusedAt = this.#clock.now()
    if (this.#refused < IN_A_ROW || !this.#othersServed) return fault
    const text =
      'Google Drive refuses every upload of this account while it serves its other calls: most likely the 750 GB a day are used up'
    return new SyncError('QUOTA', `${text}; uploads go on within a day`, { retryAfterMs: STAY_AWAY_MS })
  }
}
