import { performance } from 'node:perf_hooks'

/** How long the thread is looked at before it is said to be busy or not, in milliseconds. */
const SAMPLE_MS = 100
/** The share of its time from which on what is queued waits for the thread more than for anything else. */
const BUSY = 0.7

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
  #isBusy = false

  constructor(parts: ThreadLoadParts = OWN) {
    this.#parts = parts
    this.#since = parts.now()
    this.#active = parts.activeMs()
  }

  /** Was it at work for most of the time when it was looked at last, which is a tenth of a second ago at most, or when it was asked before? */
  isBusy(): boolean {
    const now = this.#parts.now()
    const elapsed = now - this.#since
    if (elapsed < SAMPLE_MS) return this.#isBusy
    const active = this.#parts.activeMs()
    this.#isBusy = active - this.#active > elapsed * BUSY
    this.#since = now
    this.#active = active
    return this.#isBusy
  }
}

/** Of the thread that asks. */
export const threadLoad = new ThreadLoad()
