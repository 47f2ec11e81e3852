/** Beyond this, timers fire at once. Milliseconds, some 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** A pause that a timer can keep; who asked for a longer one is called back too early instead of at once. */
export function timerMs(ms: number): number {
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), MAX_TIMER_MS)
}
