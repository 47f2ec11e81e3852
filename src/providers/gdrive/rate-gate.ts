import { SyncError } from '../../errors.ts'
import type { Clock } from './clock.ts'
import { abortFault } from './faults.ts'

/** A request that would have to wait longer fails at once instead, so that nothing hangs for hours. */
const MAX_WAIT_MS = 90_000
const MAX_BACKOFF_MS = 64_000

/** Keeps every request of one account back while the account is told to slow down. */
export class RateGate {
  readonly #clock: Clock
  #closedUntil = 0
  #closedAt = 0
  #refusals = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when requests may leave. */
  async pass(signal: AbortSignal): Promise<void> {
    for (;;) {
      const left = this.#closedUntil - this.#clock.now()
      if (left <= 0) return
      if (left > MAX_WAIT_MS) {
        const message = `Google Drive asked this account to stay away for another ${Math.ceil(left / 1000)} s`
        throw new SyncError('RATE_LIMITED', message, { retryAfterMs: left })
      }
      try {
        await this.#clock.sleep(left, signal)
      } catch (error) {
        if (signal.aborted) throw abortFault(signal)
        throw error
      }
    }
  }

  /**
   * The account was told to slow down by the answer to a request that left at `sentAt`; returns for how long, in milliseconds.
   * Without a time from Google it is 1, 2, 4, … 64 s and up to a second more.
   */
  close(sentAt: number, retryAfterMs: number | undefined): number {
    const now = this.#clock.now()
    // Requests that were under way together were refused together: that counts once.
    if (sentAt >= this.#closedAt) this.#refusals++
    this.#closedAt = now
    const wait = retryAfterMs ?? Math.min(1000 * 2 ** (this.#refusals - 1), MAX_BACKOFF_MS) + Math.random() * 1000
    this.#closedUntil = Math.max(this.#closedUntil, now + wait)
    return this.#closedUntil - now
  }

  /** A request that left at `sentAt` was served. */
  served(sentAt: number): void {
    if (sentAt >= this.#closedAt) this.#refusals = 0
  }
}
