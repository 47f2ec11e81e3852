import type { Attempt } from './attempt.ts'
import type { Clock } from './clock.ts'

/** Attempts that hold a slot for longer ask for their permits themselves: beside their bytes that takes no time. Milliseconds. */
const SHORT_MS = 500
/** How long a lease is held for an attempt that gets no slot. Milliseconds. */
const MAX_WAIT_MS = 1_000
/** What the last attempt counts in the usual time. */
const WEIGHT = 0.2

/**
 * Attempts of one site that ask for their permits before there is a slot for them. A file of a few kilobytes is sent in one request, which
 * waits for the permit: asked for in the slot, it would leave the site unused meanwhile. Only where the last attempts were short, at most
 * one for each slot in use, and given back after a second without a slot: another instance may have one.
 */
export class Ahead {
  readonly #clock: Clock
  /** With how to stop their timers. */
  readonly #waiting = new Map<Attempt, () => void>()
  #inUse = 0
  #usualMs = Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#waiting.size
  }

  get isUseful(): boolean {
    return this.#usualMs < SHORT_MS && this.size < this.#inUse
  }

  /** A slot is in use; gives back how to end that. `isSample`: as long as such attempts take. */
  slotTaken(): (isSample: boolean) => void {
    const since = this.#clock.now()
    this.#inUse++
    return (isSample) => {
      this.#inUse--
      if (!isSample) return
      const ms = this.#clock.now() - since
      this.#usualMs = this.#usualMs === Infinity ? ms : this.#usualMs + WEIGHT * (ms - this.#usualMs)
    }
  }

  add(attempt: Attempt): void {
    const cancel = this.#clock.after(MAX_WAIT_MS, () => {
      // The slots are in use for longer than they were.
      this.#usualMs = Infinity
      attempt.changed = true
      attempt.end({ kind: 'refused', reason: 'no slot was free' })
    })
    this.#waiting.set(attempt, cancel)
    attempt.signal.addEventListener('abort', () => this.remove(attempt), { once: true })
  }

  remove(attempt: Attempt): void {
    this.#waiting.get(attempt)?.()
    this.#waiting.delete(attempt)
  }

  /** In the order of their coming. */
  all(): readonly Attempt[] {
    return [...this.#waiting.keys()]
  }

  /** Ends them all. */
  clear(): void {
    for (const attempt of this.all()) attempt.end({ kind: 'refused', reason: 'its site is not served now' })
  }
}
