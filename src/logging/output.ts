import type { Destination } from './destination.ts'

/** What may wait to be written: several thousand lines that come without a pause. Bytes. */
const MAX_WAITING = 2 << 20
/** Bytes of lines that are written by one call to the system: as much as a pipe takes. */
const MAX_JOINED = 65_536

/**
 * Lines on their way out of the process. Those of one turn of the event loop share a call to the system. What its destination does not take
 * waits here up to a limit; beyond it lines are dropped, and counted until they can be told of.
 */
export class Output {
  readonly #destination: Destination
  readonly #dropped: (lines: number) => void
  readonly #maxWaiting: number
  readonly #waiting: Buffer[] = []
  #waitingBytes = 0
  #droppedLines = 0
  #isFull = false
  #soon: NodeJS.Immediate | undefined
  #isGone = false
  #emptied = Promise.withResolvers<void>()

  /** `dropped` tells how many lines are missing where the next line will stand. */
  constructor(destination: Destination, dropped: (lines: number) => void, maxWaiting = MAX_WAITING) {
    this.#maxWaiting = maxWaiting
    this.#destination = destination
    this.#dropped = dropped
  }

  /** Nobody reads any more: the pipe was closed, the terminal went away. */
  get isGone(): boolean {
    return this.#isGone
  }

  write(line: string): void {
    if (this.#isGone) return
    const bytes = Buffer.from(line)
    // Nothing stands behind a gap before the gap is told of.
    if (this.#droppedLines > 0 || (this.#isTooMuch(bytes.length) && !this.#makesRoom(bytes.length))) {
      this.#droppedLines++
      return
    }
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#isFull) return
    if (this.#destination.isCostly) this.#soon ??= setImmediate(() => this.#passOn())
    else this.#passOn()
  }

  #isTooMuch(bytes: number): boolean {
    return this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.#maxWaiting
  }

  /** The reader may have gone on while this process wrote more and more without a pause. */
  #makesRoom(bytes: number): boolean {
    this.#passOn()
    return !this.#isTooMuch(bytes)
  }

  /** Resolves when everything has left the process, or nobody reads any more, or the time is over. */
  async flush(withinMs: number): Promise<void> {
    const timeOver = Promise.withResolvers<void>()
    const timer = setTimeout(timeOver.resolve, withinMs)
    await Promise.race([this.#flushed(), timeOver.promise])
    clearTimeout(timer)
  }

  async #flushed(): Promise<void> {
    if (!this.#isFull) this.#passOn()
    while (this.#waiting.length > 0 || this.#droppedLines > 0) {
      this.#emptied = Promise.withResolvers()
      await this.#emptied.promise
    }
    await new Promise<void>((resolve) => this.#destination.whenEmpty(resolve))
  }

  #passOn(): void {
    clearImmediate(this.#soon)
    this.#soon = undefined
    try {
      for (let next = this.#joined(); next; next = this.#joined()) {
        const taken = this.#destination.take(next)
        this.#waitingBytes -= taken
        if (taken < next.length) {
          this.#waiting[0] = next.subarray(taken)
          this.#askAgain()
          break
        }
        this.#waiting.shift()
      }
    } catch {
      this.#isGone = true
      this.#waiting.length = this.#waitingBytes = this.#droppedLines = 0
    }
    this.#tell()
    if (this.#waiting.length === 0) this.#emptied.resolve()
  }

  /** The lines that go next, as the first that waits. */
  #joined(): Buffer | undefined {
    const [first] = this.#waiting
    if (this.#waiting.length < 2 || !first) return first
    let count = 1
    let bytes = first.length
    for (let next = this.#waiting[1]; next && bytes + next.length <= MAX_JOINED; next = this.#waiting[count]) {
      bytes += next.length
      count++
    }
    if (count === 1) return first
    const joined = Buffer.concat(this.#waiting.slice(0, count), bytes)
    this.#waiting.splice(0, count, joined)
    return joined
  }

  #askAgain(): void {
    if (this.#isFull) return
    this.#isFull = true
    this.#destination.whenReady(() => {
      this.#isFull = false
      this.#passOn()
    })
  }

  #tell(): void {
    if (this.#droppedLines === 0 || this.#waitingBytes > this.#maxWaiting / 2) return
    const lines = this.#droppedLines
    this.#droppedLines = 0
    this.#dropped(lines)
  }
}
