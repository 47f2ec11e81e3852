import { SyncError, toSyncError } from '../errors.ts'
import { MAX_PAUSE_MS, type TransientRetry } from '../model/retry-policy.ts'
import { pause, systemClock } from './clock.ts'

export interface RetryOptions {
  readonly policy: TransientRetry
  readonly signal: AbortSignal
  /** Grows while the work gets on; what got on since the last fault has all its retries again. */
  readonly progress: () => number
  readonly onRetry?: (error: SyncError, delayMs: number) => void
}

/**
 * Runs `work` again, after a growing and jittered pause, while its faults are transient. The last of them is thrown as it is;
 * other faults are thrown at once, and so is one whose side asked for a pause that is too long to hold a slot for. A shorter one is
 * kept to.
 */
export async function retryTransient<T>(work: () => Promise<T>, { policy, signal, progress, onRetry }: RetryOptions): Promise<T> {
  let reached = progress()
  for (let retries = 0; ; retries++) {
    try {
      signal.throwIfAborted()
      const result = await work()
      signal.throwIfAborted()
      return result
    } catch (thrown) {
      signal.throwIfAborted()
      const error = toSyncError(thrown)
      const hasGotOn = progress() > reached
      if (!mayRetry(error) || error.retries === 0) throw error
      if (!hasGotOn && retries >= Math.min(policy.retries, error.retries)) throw error
      const growing = hasGotOn ? policy.minTimeout : policy.minTimeout * 2 ** retries
      const delayMs = Math.max(error.retryAfterMs ?? 0, Math.min(policy.maxTimeout, growing * (1 + Math.random())))
      onRetry?.(error, delayMs)
      await pause(systemClock, delayMs, signal)
      if (!hasGotOn) continue
      reached = progress()
      // The next attempt counts as the first.
      retries = -1
    }
  }
}

function mayRetry(error: SyncError): boolean {
  return error.kind === 'transient' && !((error.retryAfterMs ?? 0) > MAX_PAUSE_MS)
}
