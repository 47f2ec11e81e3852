import type { SchedulerLike } from 'rxjs'

import type { Clock } from '../../src/pipeline/clock.ts'

interface Alarm {
  readonly at: number
  readonly callback: () => void
}

export const START = new Date('2024-05-06T07:08:09.010Z')

/** Time stands still until the test moves it on. */
export class FakeClock implements Clock {
  /** What `random` gives. */
  chance = 0.5
  readonly #alarms = new Set<Alarm>()
  #now = 0

  /** Callbacks that wait for their time. */
  get alarms(): number {
    return this.#alarms.size
  }

  now(): number {
    return this.#now
  }

  wallTime(): Date {
    return new Date(START.getTime() + this.#now)
  }

  after(ms: number, callback: () => void): () => void {
    const alarm = { at: this.#now + ms, callback }
    this.#alarms.add(alarm)
    return () => this.#alarms.delete(alarm)
  }

  random(): number {
    return this.chance
  }

  /** Moves time on, calls back whom it is time for, and lets everything happen that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    let calls = 0
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.at)
      this.#alarms.delete(next)
      if (++calls > 10_000) throw new Error(`an alarm every ${ms / calls} ms: this never rests`)
      next.callback()
      await settle()
    }
    this.#now = end
    await settle()
  }

  #next(end: number): Alarm | undefined {
    return [...this.#alarms].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
  }
}

/** Everything that can happen without time passing has happened. */
export async function settle(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  setImmediate(resolve)
  await promise
}

/** The time of a scheduler, for parts that take both. */
export function clockOf(scheduler: SchedulerLike, chance = 0.5): Clock {
  return {
    now: () => scheduler.now(),
    wallTime: () => new Date(START.getTime() + scheduler.now()),
    after(ms, callback) {
      const subscription = scheduler.schedule(callback, ms)
      return () => subscription.unsubscribe()
    },
    random: () => chance,
  }
}
