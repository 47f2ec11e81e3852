/** Of a stream that has told nothing for so long, nothing is late: it answers every second, changes or none. Milliseconds. */
const QUIET_MS = 60_000

/**
 * How late changes are heard of. While the stream is lost, what happens is not heard of at all: the lag grows from the moment when it was
 * last known to be well. Unknown before the stream is open for the first time, and where there are none.
 */
export class StreamLag {
  readonly #now: () => number
  readonly #wallSeconds: () => number
  #state: 'open' | 'lost' | undefined
  /** The latest change, or the loss. */
  #at = 0
  #seconds = 0

  constructor(now: () => number, wallSeconds: () => number) {
    this.#now = now
    this.#wallSeconds = wallSeconds
  }

  /** A change that was written then: seconds since 1970, by the database. */
  heard(writtenAt: number): void {
    if (this.#state !== 'open') return
    this.#at = this.#now()
    this.#seconds = Math.max(0, Math.floor(this.#wallSeconds()) - writtenAt)
  }

  opened(): void {
    this.#state = 'open'
    this.#at = this.#now()
    this.#seconds = 0
  }

  /** Told again as long as it lasts. */
  lost(): void {
    if (this.#state !== 'open') return
    this.#seconds = this.seconds ?? 0
    this.#state = 'lost'
    this.#at = this.#now()
  }

  /** There are no change streams here. */
  unavailable(): void {
    this.#state = undefined
  }

  get seconds(): number | undefined {
    const passed = this.#now() - this.#at
    if (this.#state === undefined) return undefined
    if (this.#state === 'lost') return this.#seconds + passed / 1_000
    return passed < QUIET_MS ? this.#seconds : 0
  }
}
