import { randomUUID } from 'node:crypto'

import { LRUCache } from 'lru-cache'

import { messageOf } from '../errors.ts'
import { HttpProblem } from './problem.ts'

/** Work that takes longer than somebody waits for an answer. */
export interface Job {
  readonly id: string
  readonly action: string
  readonly who: string
  readonly started: Date
  state: 'running' | 'done' | 'failed'
  /** How far it is. */
  progress: object
  result?: object
  error?: string
}

/** Jobs that are kept to be looked at, and that may run at once. */
const MOST_KEPT = 200
const MOST_RUNNING = 8
/** How long an answer is waited for before it is a job to look at. Milliseconds. */
const PATIENCE_MS = 2_000

/** What this instance does, or did lately, on somebody's behalf. */
export class Jobs implements AsyncDisposable {
  readonly #known = new LRUCache<string, Job>({ max: MOST_KEPT })
  readonly #running = new Map<Job, Promise<object>>()

  find(id: string): Job | undefined {
    return this.#known.get(id)
  }

  /** The result, or the job where that takes longer, or nobody is to wait for it. Rejects with the fault of work that ends soon. */
  async run(
    of: Pick<Job, 'action' | 'who'>,
    inBackground: boolean,
    work: (tell: (progress: object) => void) => Promise<object>,
  ): Promise<{ readonly result: object } | { readonly job: Job }> {
    if (this.#running.size >= MOST_RUNNING) {
      throw new HttpProblem(503, 'as many actions are under way as may be at once', { headers: { 'retry-after': '5' } })
    }
    const job: Job = { id: randomUUID(), ...of, started: new Date(), state: 'running', progress: {} }
    const working = work((progress) => (job.progress = progress))
    this.#running.set(job, working)
    const ended = working
      .then(
        (result) => Object.assign(job, { state: 'done', result }),
        (error: unknown) => Object.assign(job, { state: 'failed', error: messageOf(error) }),
      )
      .finally(() => this.#running.delete(job))
    if (inBackground || (await isLate(ended))) {
      this.#known.set(job.id, job)
      return { job }
    }
    return { result: await working }
  }

  /** Waits for what runs; it was told to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }
}

async function isLate(work: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<true>()
  const timer = setTimeout(() => resolve(true), PATIENCE_MS)
  const isFirst = await Promise.race([late, work.then(() => false)])
  clearTimeout(timer)
  return isFirst
}
