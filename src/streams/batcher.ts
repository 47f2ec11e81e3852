import { threadLoad, type ThreadLoad } from './thread-load.ts'

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

export interface BatcherOptions<Item, Result> {
  /** Answers every item, in order. */
  readonly run: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly maxBatch: number
  /** Batches under way at once. */
  readonly concurrency: number
  /** How long an item that `lingers` waits for others at most, in milliseconds. @defaultValue 0 */
  readonly lingerMs?: number
  /** How long any other waits at most while the thread is busy, in milliseconds, the longer the busier: fewer commands are what helps then. @defaultValue 0 */
  readonly busyLingerMs?: number
  /** @defaultValue that of this thread */
  readonly load?: Pick<ThreadLoad, 'pressure'>
}

export interface AddOptions {
  /** Nobody is in a hurry for it: it may wait for others, since ten in one batch cost little more than one. @defaultValue `false` */
  readonly lingers?: boolean
}

/**
 * Puts what comes while an earlier batch is under way into the next one: under load the batches grow by themselves. An item goes at the end
 * of its turn of the event loop, with all that came in that turn, and takes along those that linger. So calls to the file system that are made in the
 * same turn are under way before a command is built, which takes longer.
 */
export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>
  #waiting: Waiting<Item, Result>[] = []
  #running = 0
  /** Set while all that wait linger. */
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Immediate | undefined

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options
  }

  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0
  }

  async add(item: Item, { lingers = false }: AddOptions = {}): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const { maxBatch } = this.#options
    const waitMs = this.#lingerMs(lingers)
    const wasEmpty = this.#waiting.length === 0
    this.#waiting.push({ item, resolve, reject })
    if (waitMs > 0 && wasEmpty) this.#timer = setTimeout(() => this.#go(), waitMs)
    else if (waitMs === 0 || this.#waiting.length >= maxBatch) this.#soon ??= setImmediate(() => this.#go())
    return promise
  }

  #lingerMs(lingers: boolean): number {
    const { lingerMs = 0, busyLingerMs = 0, load = threadLoad } = this.#options
    if (lingers) return lingerMs
    return busyLingerMs > 0 ? Math.floor(busyLingerMs * load.pressure()) : 0
  }

  /** Nothing lingers any more. */
  #go(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#soon)
    this.#timer = this.#soon = undefined
    this.#next()
  }

  #next(): void {
    if (this.#timer !== undefined) return
    while (this.#waiting.length > 0 && this.#running < this.#options.concurrency) {
      const batch = this.#waiting.splice(0, this.#options.maxBatch)
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

  async add(key: Key, item: Item, options?: AddOptions): Promise<Result> {
    let batcher = this.#batchers.get(key)
    if (!batcher) this.#batchers.set(key, (batcher = new Batcher(this.#options(key))))
    try {
      return await batcher.add(item, options)
    } finally {
      if (batcher.idle) this.#batchers.delete(key)
    }
  }
}
