import { limitAt, type Bandwidth, type Limit } from '../model/bandwidth.ts'
import { pause, type Clock } from './clock.ts'

export interface LineParts {
  readonly clock: Clock
  readonly bandwidth: Bandwidth
  /** How many instances share it now, this one among them. */
  readonly sharers: () => number
}

/** Bytes of one piece at most. */
const MAX_PIECE = 65_536
/** So often each stream gets a piece, however many there are: one that is silent for long is taken for dead by its site. */
const PIECES_A_SECOND = 4
/** The limit, the number of instances and the time of day are looked at again so often while somebody waits. Milliseconds. */
const LOOK_MS = 1_000

/**
 * What a site's line bears: a bucket that fills at the rate that holds now, and is shared by everything that goes there or comes from there.
 * Whoever waits is served in turn. Nothing is stored but the level: what is not used is lost, but for a quarter of a second.
 */
export class Line {
  readonly #parts: LineParts
  #limit: Limit = { rate: undefined }
  #lookAt = -Infinity
  #level = 0
  #filledAt = -Infinity
  #turn: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(parts: LineParts) {
    this.#parts = parts
  }

  /** How many bytes are best asked for at once. */
  get piece(): number {
    const rate = this.#rate()
    if (rate === undefined || rate === 0) return MAX_PIECE
    return Math.min(MAX_PIECE, Math.max(1, Math.floor(rate / PIECES_A_SECOND / (1 + this.#waiting))))
  }

  /** Resolves when so many bytes may go, or the signal was aborted. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    this.#waiting++
    await before
    try {
      for (let wait = this.#take(bytes); wait > 0 && !signal.aborted; wait = this.#take(bytes)) await pause(this.#parts.clock, wait, signal)
    } finally {
      this.#waiting--
      resolve()
    }
  }

  /** How long to wait before asking again, in milliseconds; 0: they are taken. */
  #take(bytes: number): number {
    const rate = this.#rate()
    const now = this.#parts.clock.now()
    const elapsed = Math.max(0, now - this.#filledAt)
    this.#filledAt = now
    if (rate === undefined) {
      this.#level = 0
      return 0
    }
    this.#level = Math.min(rate / PIECES_A_SECOND, this.#level + (Math.min(elapsed, LOOK_MS) * rate) / 1_000)
    if (rate > 0 && this.#level >= 0) {
      this.#level -= bytes
      return 0
    }
    const paid = rate === 0 ? LOOK_MS : (-this.#level / rate) * 1_000
    const { until } = this.#limit
    const left = until === undefined ? LOOK_MS : until.getTime() - this.#parts.clock.wallTime().getTime()
    return Math.max(1, Math.min(paid, left, LOOK_MS))
  }

  /** This instance's share of what holds now. */
  #rate(): number | undefined {
    const { clock, bandwidth, sharers } = this.#parts
    const now = clock.now()
    const wall = clock.wallTime()
    const { until } = this.#limit
    if (now >= this.#lookAt || (until !== undefined && wall >= until)) {
      this.#limit = limitAt(bandwidth, wall)
      this.#lookAt = now + LOOK_MS
    }
    return this.#limit.rate === undefined ? undefined : this.#limit.rate / sharers()
  }
}
