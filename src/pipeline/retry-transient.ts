import pRetry from 'p-retry'

import { SyncError, toSyncError } from '../errors.ts'
import type { TransientRetry } from '../model/retry-policy.ts'

export interface RetryOptions {
  readonly policy: TransientRetry
  readonly signal: AbortSignal
  /** Grows while the work gets on; what got on since the last fault has all its retries again. */
  readonly progress: () => number
  readonly onRetry?: (error: SyncError, delayMs: number) => void
}

/**
 * Runs `work` again, after a growing and jittered pause, while its faults are transient. The last of them is thrown as it is;
 * other faults are thrown at once. A longer pause that the other side asked for is kept to.
 */
export async function retryTransient<T>(work: () => Promise<T>, { policy, signal, progress, onRetry }: RetryOptions): Promise<T> {
  let before = progress()
  const gotOn = (): boolean => {
    const now = progress()
    const moved = now > before
    before = now
    return moved
  }
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
      shouldConsumeRetry: () => !gotOn(),
      shouldRetry: ({ error }) => error instanceof SyncError && error.kind === 'transient',
      async onFailedAttempt({ error, retryDelay, retriesLeft }) {
        if (!(error instanceof SyncError) || error.kind !== 'transient' || retriesLeft === 0) return
        const asked = error.retryAfterMs ?? 0
        onRetry?.(error, Math.max(asked, retryDelay))
        if (asked > retryDelay) await pause(asked - retryDelay, signal)
      },
    },
  )
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  clearTimeout(timer)
}
