import { systemClock, type Clock } from '../../src/pipeline/clock.ts'

const HOUR_MS = 3_600_000

/**
 * The system's clock, but who waits for up to an hour waits that many times shorter, and a second at most: cool-downs pass in a test's
 * time. Leases must not: give them more than an hour.
 */
export function hurriedClock(times: number): Clock {
  return { ...systemClock, after: (ms, callback) => systemClock.after(ms > HOUR_MS ? ms : Math.min(ms / times, 1_000), callback) }
}

/** For a service with a hurried clock. */
export const UNHURRIED_LEASE_SECONDS = 7_200
