import { setTimeout as sleep } from 'node:timers/promises'

import { timerMs } from '../../model/timer-range.ts'

/** Time as the provider sees it; tests bring their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Rejects with the signal's reason when it is aborted. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (milliseconds, signal) => await sleep(timerMs(milliseconds), undefined, { signal }),
}
