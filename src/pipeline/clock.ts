import { timerMs } from '../model/timer-range.ts'

/** Time as the pipeline sees it; tests bring their own. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number
  wallTime(): Date
  /** Calls back after that many milliseconds, unless cancelled. */
  after(ms: number, callback: () => void): () => void
  /** In [0, 1). */
  random(): number
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => new Date(),
  after(ms, callback) {
    const timer = setTimeout(callback, timerMs(ms))
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}

/** Resolves after that many milliseconds, or when the signal says so. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = clock.after(ms, resolve)
  const stop = (): void => resolve()
  signal.addEventListener('abort', stop, { once: true })
  await promise
  signal.removeEventListener('abort', stop)
  cancel()
}
