import pRetry from 'p-retry'

import { SyncError, toSyncError } from '../errors.ts'
import { MAX_PAUSE_MS, type TransientRetry } from '../model/retry-policy.ts'
import { timerMs } from '../model/timer-range.ts'

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
export async function retryTransient<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy, signal, progress, onRetry } = options
  let reached = progress()
  for (;;) {
    const before = reached
    try {
      return await attempts(work, options, () => {
        reached = Math.max(reached, progress())
        return reached > before
      })
    } catch (error) {
      if (reached === before || !mayRetry(error) || error.retries === 0) throw error
      const delayMs = Math.max(error.retryAfterMs ?? 0, policy.minTimeout * (1 + Math.random()))
      onRetry?.(error, delayMs)
      await pause(delayMs, signal)
      signal.throwIfAborted()
    }
  }
}

/** Until one works, gets on, or none is left. */
async function attempts<T>(work: () => Promise<T>, { policy, signal, onRetry }: RetryOptions, gotOn: () => boolean): Promise<T> {
  return pRetry(
    async () => {
      try {
        return await work()
      } catch (thrown) {
        throw toSyncError(thrown)
      }
    },
    {
      ...policy,
      factor: 2,
      randomize: true,
      signal,
      shouldRetry: ({ error, attemptNumber }) => mayRetry(error) && attemptNumber <= error.retries && !gotOn(),
      async onFailedAttempt({ error, retryDelay, retriesLeft }) {
        if (gotOn() || !mayRetry(error) || retriesLeft === 0) return
        const asked = error.retryAfterMs ?? 0
        onRetry?.(error, Math.max(asked, retryDelay))
        if (asked > retryDelay) await pause(asked - retryDelay, signal)
      },
    },
  )
}

function mayRetry(error: unknown): error is SyncError {
  return error instanceof SyncError && error.kind === 'transient' && !((error.retryAfterMs ?? 0) > MAX_PAUSE_MS)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, timerMs(ms))
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
}
