import { performance } from 'node:perf_hooks'

/** How long the thread is looked at before it is judged, in milliseconds. */
const SAMPLE_MS = 100
/** The share of its time from which on what is queued waits for the thread more than for anything else. */
const BUSY = 0.8

export interface ThreadLoadParts {
  /** Milliseconds. */
  readonly now: () => number
  /** For how many milliseconds the event loop was at work, since anywhen. */
  readonly activeMs: () => number
}

const OWN: ThreadLoadParts = { now: () => performance.now(), activeMs: () => performance.eventLoopUtilization().active }

/** How busy a thread is, as its event loop counts it: what it waits for the processor counts as work. */
export class ThreadLoad {
  readonly #parts: ThreadLoadParts
  #since: number
  #active: number
  #pressure = 0

  constructor(parts: ThreadLoadParts = OWN) {
    this.#parts = parts
    this.#since = parts.now()
    this.#active = parts.activeMs()
  }

  /**
   * From 0, for a thread that was at work for four fifths of its time or less, to 1, for one that did nothing else: in the last tenth of a second,
   * or since it was asked before that.
   */
  pressure(): number {
    const now = this.#parts.now()
    const elapsed = now - this.#since
    if (elapsed < SAMPLE_MS) return this.#pressure
    const active = this.#parts.activeMs()
    const share = (active - this.#active) / elapsed
    this.#pressure = Math.min(1, Math.max(0, (share - BUSY) / (1 - BUSY)))
    this.#since = now
    this.#active = active
    return this.#pressure
  }
}

/** Of the thread that asks. */
export const threadLoad = new ThreadLoad()
