import type { FileHandle } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

import { pathOf } from './descriptor-anchor.ts'
import { digestIn, SHARED_BYTES, STATES, type Followed } from './hash-behind-state.ts'

/** A thread takes 30 ms to start, in which smaller files are hashed as well. Bytes. */
const WORTH_IT = 64 * 1024 * 1024
/** One processor is the main thread's. */
const MAX_THREADS = Math.max(1, availableParallelism() - 1)
const CODE = new URL(`./hash-behind-thread.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)
/** The thread needs a buffer of 1 MiB, which is not counted here. */
const LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 }

let threads = 0

/**
 * The SHA-256 of a large file, read back by a thread of its own behind the writer. So it is known soon after the last byte is stored, where reading it afterwards
 * takes as long as the copy, and holds up the main thread all the while.
 *
 * - *following*: what was stored is read and hashed. Left by `digest`, or when this is disposed of.
 * - *ended*: the thread ends by itself. Its answer counts only if it has read all that `digest` was told of.
 */
export class HashBehind implements Disposable {
  readonly #state: BigInt64Array
  readonly #answer: Promise<string | undefined>
  readonly #thread: Worker

  private constructor(path: string) {
    const shared = new SharedArrayBuffer(SHARED_BYTES)
    this.#state = new BigInt64Array(shared, 0, 2)
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    this.#answer = promise
    const followed: Followed = { path, shared }
    threads++
    const thread = new Worker(CODE, { workerData: followed, resourceLimits: LIMITS, execArgv: [], env: {} })
    // Who asks learns it from the end of the thread.
    thread.once('error', () => undefined)
    thread.once('exit', () => {
      threads--
      resolve(Atomics.load(this.#state, STATES.end) === STATES.hashed ? digestIn(shared).toString('hex') : undefined)
    })
    this.#thread = thread
  }

  /** Undefined where it is not worth a thread, all threads are in use, or the system has no paths of open files. */
  static of(file: FileHandle, size: number): HashBehind | undefined {
    const path = size >= WORTH_IT && threads < MAX_THREADS ? pathOf(file) : undefined
    return path === undefined ? undefined : new HashBehind(path)
  }

  /** So many bytes from the beginning on are stored. */
  stored(bytes: number): void {
    Atomics.store(this.#state, STATES.stored, BigInt(bytes))
    Atomics.notify(this.#state, STATES.stored)
  }

  /** Of all that was stored; undefined when it could not be read here. */
  async digest(): Promise<string | undefined> {
    this.#end(STATES.whole)
    return await this.#answer
  }

  /** The thread ends with what it is reading. On a disk that does not answer that may be never: it must not keep the process. */
  [Symbol.dispose](): void {
    this.#end(STATES.givenUp)
    this.#thread.unref()
  }

  #end(how: bigint): void {
    Atomics.store(this.#state, STATES.end, how)
    Atomics.notify(this.#state, STATES.stored)
  }
}
