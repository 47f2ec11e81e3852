import { unlessAborted } from './single-flight.ts'

/** Lets those who want the same thing have it one after the other. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>()

  async take<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    // Who gives up waiting must not let those behind overtake the one before.
    const ended = before === undefined ? promise : before.then(async () => await promise)
    this.#last.set(key, ended)
    void this.#forget(key, ended)
    try {
      if (before !== undefined) await unlessAborted(before, signal)
      return await work()
    } finally {
      resolve()
    }
  }

  async #forget(key: string, ended: Promise<void>): Promise<void> {
    await ended
    if (this.#last.get(key) === ended) this.#last.delete(key)
  }
}
