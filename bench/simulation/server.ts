import type { EventQueue } from './event-queue.ts'

/** A machine with so many cores: what it is asked for waits for one of them, first come, first served. */
export class Server {
  readonly #events: EventQueue
  readonly #cores: number
  readonly #waiting: { readonly costMs: number; readonly done: () => void }[] = []
  #next = 0
  #busy = 0
  /** Milliseconds of one core that were used. */
  usedMs = 0
  commands = 0

  constructor(events: EventQueue, cores: number) {
    this.#events = events
    this.#cores = cores
  }

  ask(costMs: number, done: () => void): void {
    this.commands++
    this.#waiting.push({ costMs, done })
    this.#start()
  }

  #start(): void {
    while (this.#busy < this.#cores && this.#next < this.#waiting.length) {
      const work = this.#waiting[this.#next++]
      if (!work) return
      if (this.#next > 10_000) {
        this.#waiting.splice(0, this.#next)
        this.#next = 0
      }
      this.#busy++
      this.usedMs += work.costMs
      this.#events.after(work.costMs, () => {
        this.#busy--
        work.done()
        this.#start()
      })
    }
  }
}

/** So many tokens a second, and a burst of a second's worth: how long the next one has to wait. */
export class Budget {
  readonly #everyMs: number
  readonly #burst: number
  #free = 0

  constructor(perSecond: number) {
    this.#everyMs = 1_000 / perSecond
    this.#burst = 1_000
  }

  /** Takes `tokens` at `now`; gives the milliseconds until they may be used. */
  take(now: number, tokens: number): number {
    this.#free = Math.max(this.#free, now - this.#burst) + tokens * this.#everyMs
    return Math.max(0, this.#free - now)
  }
}
