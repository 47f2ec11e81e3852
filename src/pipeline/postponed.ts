import { Subject, type Observable } from 'rxjs'

import type { Clock } from './clock.ts'

/** More than these are left to the regular scans. */
const MAX_POSTPONED = 10_000

interface Entry {
  /** Undefined: its time has come, and it is being looked at. */
  cancel: (() => void) | undefined
}

/**
 * Representations that are to be looked at again after a while, because one of their files was not ready.
 *
 * unknown → (`add`) → waiting → (its time has come) → due, told by `due$` → (`looked`) → unknown.
 */
export class Postponed<T> {
  readonly #clock: Clock
  readonly #maxTimes: number
  /** Kept only where it is limited, which is in one pass. */
  readonly #times = new Map<string, number>()
  readonly #entries = new Map<string, Entry>()
  readonly #due = new Subject<T>()
  readonly #empty = new Subject<void>()

  /** `maxTimes`: how often each of them may be postponed. */
  constructor(clock: Clock, maxTimes = Infinity) {
    this.#clock = clock
    this.#maxTimes = maxTimes
  }

  get due$(): Observable<T> {
    return this.#due
  }

  /** Each time the last of them is gone. */
  get empty$(): Observable<void> {
    return this.#empty
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  /** False when it was postponed often enough, or there are too many. */
  add(key: string, value: T, inMs: number): boolean {
    if (this.#entries.get(key)?.cancel) return true
    if (this.#entries.size >= MAX_POSTPONED || !this.#isAllowed(key)) return false
    const entry: Entry = {
      cancel: this.#clock.after(inMs, () => {
        entry.cancel = undefined
        this.#due.next(value)
      }),
    }
    this.#entries.set(key, entry)
    return true
  }

  /** It was looked at, for whatever reason. */
  looked(key: string): void {
    const entry = this.#entries.get(key)
    if (!entry || entry.cancel) return
    this.#entries.delete(key)
    if (this.isEmpty) this.#empty.next()
  }

  close(): void {
    for (const { cancel } of this.#entries.values()) cancel?.()
    this.#entries.clear()
  }

  #isAllowed(key: string): boolean {
    if (this.#maxTimes === Infinity) return true
    const times = (this.#times.get(key) ?? 0) + 1
    this.#times.set(key, times)
    return times <= this.#maxTimes
  }
}
