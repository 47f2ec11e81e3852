export interface GatherOptions {
  /** How long one waits for others at most. */
  readonly ms: number
  /** So many do not wait for more. */
  readonly most: number
}

/**
 * Holds back what nobody waits for until there is more of it: ten writes in one command cost the server and us little more than one.
 * Who is in a hurry goes at once, and takes along who waits.
 */
export class Gather {
  readonly #options: GatherOptions
  #waiting: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(options: GatherOptions) {
    this.#options = options
  }

  /** Resolves when it is time to go, for all that wait in the same turn. */
  async join({ hurry }: { readonly hurry: boolean }): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push(resolve)
    if (hurry || this.#waiting.length >= this.#options.most) this.#go()
    else this.#timer ??= setTimeout(() => this.#go(), this.#options.ms)
    await promise
  }

  #go(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
