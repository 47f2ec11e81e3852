interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

export interface BatcherOptions<Item, Result> {
  /** Answers every item, in order. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
  /** Items in one batch at most. */
  readonly most: number
  /** Batches under way at once. */
  readonly concurrency: number
}

/**
 * Puts what comes while an earlier batch is under way into the next one. A lone item goes at once; under load the batches grow by
 * themselves, and no timer ever holds anything back.
 */
export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>
  #waiting: Waiting<Item, Result>[] = []
  #running = 0

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options
  }

  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0
  }

  async add(item: Item): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.#waiting.push({ item, resolve, reject })
    // What is added in the same turn goes together.
    queueMicrotask(() => this.#next())
    return promise
  }

  #next(): void {
    while (this.#waiting.length > 0 && this.#running < this.#options.concurrency) {
      const batch = this.#waiting.splice(0, this.#options.most)
      this.#running++
      void this.#run(batch).finally(() => {
        this.#running--
        this.#next()
      })
    }
  }

  async #run(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.run(batch.map(({ item }) => item))
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}

/** One batcher a key; a key costs nothing while nobody uses it. */
export class KeyedBatcher<Key extends string, Item, Result> {
  readonly #batchers = new Map<Key, Batcher<Item, Result>>()
  readonly #options: (key: Key) => BatcherOptions<Item, Result>

  constructor(options: (key: Key) => BatcherOptions<Item, Result>) {
    this.#options = options
  }

  async add(key: Key, item: Item): Promise<Result> {
    let batcher = this.#batchers.get(key)
    if (!batcher) this.#batchers.set(key, (batcher = new Batcher(this.#options(key))))
    try {
      return await batcher.add(item)
    } finally {
      if (batcher.idle) this.#batchers.delete(key)
    }
  }
}
