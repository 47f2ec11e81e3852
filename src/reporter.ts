import { isDeepStrictEqual } from 'node:util'

import type { InstanceReport, StateDatabase } from './streams/state-database.ts'

type News = Pick<InstanceReport, 'stream' | 'streamFault' | 'sites'>

export interface ReporterParts {
  readonly id: Pick<InstanceReport, '_id' | 'database' | 'host' | 'pid' | 'started'>
  readonly state: Pick<StateDatabase, 'report' | 'forget'>
  /** Undefined while this instance does nothing. */
  readonly news: () => News | undefined
}

const LOOK_EVERY_MS = 1_000
const HEARTBEAT_MS = 10_000

/** Tells the other commands how this instance is doing: what changed within a second, and every few seconds that it is alive. */
export class Reporter {
  readonly #parts: ReporterParts
  readonly #timer: NodeJS.Timeout
  #told: News | undefined
  #toldAt = 0
  #telling: Promise<void> | undefined

  constructor(parts: ReporterParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#telling
    if (this.#told) await this.#tell(undefined)
  }

  #look(): void {
    if (this.#telling) return
    const news = this.#parts.news()
    const isDue = news !== undefined && performance.now() - this.#toldAt >= HEARTBEAT_MS
    if (!isDue && isDeepStrictEqual(news, this.#told)) return
    this.#telling = this.#tell(news).finally(() => (this.#telling = undefined))
  }

  async #tell(news: News | undefined): Promise<void> {
    const { state, id } = this.#parts
    try {
      await (news ? state.report({ ...id, ...news }) : state.forget(id._id))
      this.#told = news
      this.#toldAt = performance.now()
    } catch {
      // What could not be told is told with the next look.
    }
  }
}
