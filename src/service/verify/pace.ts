import { pause, type Clock } from '../../pipeline/clock.ts'

/** Lets so many through in a second, one after the other. */
export class Pace {
  readonly #clock: Clock
  readonly #everyMs: number
  #next = -Infinity

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#everyMs = 1_000 / perSecond
  }

  /** Resolves when it is its turn, or when it is told to end. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = this.#clock.now()
    const at = Math.max(now, this.#next)
    this.#next = at + this.#everyMs
    if (at > now) await pause(this.#clock, at - now, signal)
  }
}
