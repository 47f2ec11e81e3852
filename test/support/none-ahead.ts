import { Ahead } from '../../src/pipeline/ahead.ts'
import type { Clock } from '../../src/pipeline/clock.ts'

/** For attempts that take no time by the test's clock: here each takes an hour, so none asks for its permit ahead of its slot. */
export function noneAhead(clock: Clock): Ahead {
  let hours = 0
  return new Ahead({
    now: () => ++hours * 3_600_000,
    wallTime: () => clock.wallTime(),
    after: (ms, callback) => clock.after(ms, callback),
    random: () => clock.random(),
  })
}
