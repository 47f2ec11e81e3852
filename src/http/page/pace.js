/** Pixels a millisecond: about four screens a second, at which no row can be read. It is fast until it is half of that. */
const FAST = 4
const REST_MS = 120

/** Whether one scrolls too fast to read, for two looks at least: a single jump is none. `rested` is called when a fast scroll has come to rest. */
export class Pace {
  isFast = false
  #rested
  #before
  #wasFast = false
  #timer
  #frame

  constructor(rested) {
    this.#rested = rested
  }

  moved(y, at = performance.now()) {
    const before = this.#before
    this.#before = { y, at }
    if (!before) return
    const speed = Math.abs(y - before.y) / Math.max(1, at - before.at)
    const isNow = speed > (this.isFast ? FAST / 2 : FAST)
    this.isFast = isNow && this.#wasFast
    this.#wasFast = isNow
    this.stop()
    // A scroll that came while a slow frame was drawn is told before the next one: it may not be at rest yet.
    if (this.isFast) this.#timer = setTimeout(() => (this.#frame = requestAnimationFrame(() => this.#rest())), REST_MS)
  }

  stop() {
    clearTimeout(this.#timer)
    cancelAnimationFrame(this.#frame)
  }

  #rest() {
    this.isFast = false
    this.#wasFast = false
    this.#rested()
  }
}
