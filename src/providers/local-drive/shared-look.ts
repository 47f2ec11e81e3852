/**
 * One look at a time for all who ask. Whoever asks while one is under way shares the next one with the others that came meanwhile: what
 * an answer says was so after each of them had asked. So a disk that does not answer holds a single thread, too.
 */
export class SharedLook<T> {
  readonly #look: () => Promise<T>
  #current: Promise<unknown> = Promise.resolve()
  #next: Promise<T> | undefined

  constructor(look: () => Promise<T>) {
    this.#look = look
  }

  async ask(): Promise<T> {
    return await (this.#next ??= this.#begin())
  }

  async #begin(): Promise<T> {
    const before = this.#current
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#current = promise
    try {
      await before
      this.#next = undefined
      return await this.#look()
    } finally {
      resolve()
    }
  }
}
