import type { SiteCounts } from '../service/overview.ts'

/** Between two counts, at least; one that takes long is made more seldom, so that it takes a tenth of the time at most. Milliseconds. */
const EVERY_MS = 5_000
const SHARE = 10
/** A count that takes longer is given up, by the server as well. Milliseconds. */
export const COUNT_MS = 300_000
/** What was counted so long ago is told no more. Milliseconds. */
const STALE_MS = 900_000

export interface Counted {
  readonly counts: readonly SiteCounts[]
  readonly ageSeconds: number
}

interface Latest<T> {
  readonly of: T
  readonly counts: readonly SiteCounts[]
  readonly at: number
}

/** What is to be done, as it was last counted: a count reads everything that is open, so it may take longer than whoever asks can wait. */
export class LatestCounts<T> {
  readonly #count: (of: T, signal: AbortSignal) => Promise<readonly SiteCounts[]>
  readonly #now: () => number
  #latest: Latest<T> | undefined
  #running: { readonly of: T; readonly ended: Promise<void> } | undefined
  #dueAt = -Infinity

  constructor(count: (of: T, signal: AbortSignal) => Promise<readonly SiteCounts[]>, now: () => number = () => performance.now()) {
    this.#count = count
    this.#now = now
  }

  /** Counts anew where it is time; resolves when that has ended, well or not. A count under another configuration is none. */
  async refresh(of: T): Promise<void> {
    if (this.#running?.of === of) return await this.#running.ended
    if (this.#latest?.of === of && this.#now() < this.#dueAt) return
    const running = { of, ended: this.#refresh(of) }
    this.#running = running
    await running.ended
    if (this.#running === running) this.#running = undefined
  }

  /** Undefined where nothing is known, or nothing any more. */
  get latest(): Counted | undefined {
    if (!this.#latest) return undefined
    const ageMs = this.#now() - this.#latest.at
    return ageMs > STALE_MS ? undefined : { counts: this.#latest.counts, ageSeconds: ageMs / 1_000 }
  }

  /** Never rejects. */
  async #refresh(of: T): Promise<void> {
    const began = this.#now()
    try {
      this.#latest = { of, counts: await this.#count(of, AbortSignal.timeout(COUNT_MS)), at: began }
    } catch {
      // Counted again when it is time.
    }
    this.#dueAt = this.#now() + Math.max(EVERY_MS, SHARE * (this.#now() - began))
  }
}
