/** Whoever was asked says nothing. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

/** Waits for one answer after the other, but not for ever, until the signal says so; an answer that comes too late is ignored. */
export class TimeLimit implements Disposable {
  readonly #signal: AbortSignal
  readonly #stop = (): void => this.#waiting?.resolve(null)
  #waiting: PromiseWithResolvers<unknown> | undefined
  #fault: Error | undefined
  #ms: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#stop, { once: true })
  }

  /** Null when the signal said so first. */
  async within<T>(ms: number, answer: Promise<T>): Promise<T | null> {
    const waiting = Promise.withResolvers<T | null>()
    this.#waiting = waiting as PromiseWithResolvers<unknown>
    answer.then(waiting.resolve, waiting.reject)
    if (this.#signal.aborted) this.#stop()
    if (this.#fault) waiting.reject(this.#fault)
    this.#limit(ms)
    return waiting.promise
  }

  /** Nothing will come any more: whoever waits is told, and whoever would. */
  fail(fault: Error): void {
    this.#fault ??= fault
    this.#waiting?.reject(this.#fault)
  }

  /** One timer for all answers: thousands may come in a second. */
  #limit(ms: number): void {
    if (ms === this.#ms) return void this.#timer?.refresh()
    clearTimeout(this.#timer)
    this.#ms = ms
    this.#timer = setTimeout(() => this.#waiting?.reject(new NoAnswer(`no answer within ${ms} ms`)), ms)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#signal.removeEventListener('abort', this.#stop)
  }
}

/** Ends early when the signal does. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}
