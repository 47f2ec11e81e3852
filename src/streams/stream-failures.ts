import { MongoNetworkTimeoutError } from 'mongodb'

import { isPassing } from './outage.ts'
import { NewPrimary } from './primary-watch.ts'
import { NoAnswer } from './waiting.ts'

export interface FailureTiming {
  readonly backoffMs: readonly [least: number, most: number]
  /** How long a fault lasts before it is told again; each time twice as long. */
  readonly remindMs: readonly [least: number, most: number]
}

export interface FailureVerdict {
  /** How long to wait before the next attempt. */
  readonly pauseMs: number
  /** Nobody was told of it, or not for long. */
  readonly isTold: boolean
  /** It will not get past this place. */
  readonly isStuck: boolean
}

/** So many failures at one place, with nothing in between, are the place's. */
const STRIKES = 3

/** Counts the failures of a stream: how long to wait, what to say, and when to give a place up. */
export class StreamFailures {
  readonly #timing: FailureTiming
  #count = 0
  #place: string | undefined
  #strikes = 0
  #saidOpen = false
  #remindAt = -Infinity
  #remindMs: number

  constructor(timing: FailureTiming) {
    this.#timing = timing
    this.#remindMs = timing.remindMs[0]
  }

  /** It failed more than once: that it can be opened proves nothing. */
  get isDoubtful(): boolean {
    return this.#count > 1
  }

  /** The stream is said to be open: its next failure is news. */
  opened(): void {
    this.#saidOpen = true
  }

  /** More than the opening has worked. */
  worked(): void {
    if (this.#count === 0) return
    this.#count = 0
    this.#strikes = 0
    this.#remindAt = -Infinity
    this.#remindMs = this.#timing.remindMs[0]
  }

  failed(error: unknown, place: string | undefined, now = performance.now()): FailureVerdict {
    const [least, most] = this.#timing.backoffMs
    const ceiling = Math.min(most, least * 2 ** this.#count++)
    if (place !== this.#place) this.#strikes = 0
    this.#place = place
    this.#strikes += weightOf(error)
    const isStuck = place !== undefined && this.#strikes >= STRIKES
    if (isStuck) this.#strikes = 0
    // It is known who answers, and was not asked yet.
    const pauseMs = error instanceof NewPrimary ? 0 : ceiling / 2 + (Math.random() * ceiling) / 2
    return { pauseMs, isTold: this.#isNews(now), isStuck }
  }

  #isNews(now: number): boolean {
    if (!this.#saidOpen && now < this.#remindAt) return false
    this.#saidOpen = false
    this.#remindAt = now + this.#remindMs
    this.#remindMs = Math.min(this.#timing.remindMs[1], this.#remindMs * 2)
    return true
  }
}

/** A server that is unavailable says nothing about the place, silence only little. */
function weightOf(error: unknown): number {
  if (error instanceof NoAnswer || error instanceof MongoNetworkTimeoutError) return 0.5
  return isPassing(error) || error instanceof NewPrimary ? 0 : 1
}
