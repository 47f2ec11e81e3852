import { isDeepStrictEqual } from 'node:util'

import { MongoServerError } from 'mongodb'

import type { HeardReport, InstanceReport, StateDatabase } from '../streams/state-database.ts'

export type News = Pick<InstanceReport, 'stream' | 'streamFault' | 'sites' | 'projects' | 'watched' | 'running' | 'speeds' | 'page'>

export interface ReporterParts {
  readonly id: Pick<InstanceReport, '_id' | 'database' | 'host' | 'pid' | 'started'>
  readonly state: Pick<StateDatabase, 'report' | 'reports' | 'forget'>
  /** Undefined while this instance does nothing. */
  readonly news: () => News | undefined
  /** What the other instances say. */
  readonly heard: (others: readonly HeardReport[]) => void
}

const LOOK_EVERY_MS = 1_000
const HEARTBEAT_MS = 10_000
/** An instance that is silent for so long has stopped, or stands still: it missed two heartbeats. */
const SILENT_MS = 2.5 * HEARTBEAT_MS

/**
 * Tells the others how this instance is doing, and hears of them: what changed within a second, and every few seconds that it is alive. The
 * others are asked for with each heartbeat, each second in the first ten, and at once when they were met.
 */
export class Reporter {
  readonly #parts: ReporterParts
  readonly #timer: NodeJS.Timeout
  #told: News | undefined
  #toldAt = -Infinity
  #heardAt = -Infinity
  #firstAt: number | undefined
  #telling: Promise<void> | undefined
  /** When MongoDB last answered to a heartbeat, or none was due. */
  #answeredAt = performance.now()

  constructor(parts: ReporterParts) {
    this.#parts = parts
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  /** Since MongoDB last answered to a heartbeat, were it with a refusal. Milliseconds; what it said is no matter of this process. */
  get silentMs(): number {
    return performance.now() - this.#answeredAt
  }

  /** Others may have come or gone: asks for them, at most once a second. */
  met(): void {
    if (performance.now() - this.#heardAt >= LOOK_EVERY_MS) this.#heardAt = -Infinity
    this.#look()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#telling
    if (this.#told) await this.#tell(undefined)
  }

  #look(): void {
    if (this.#telling) return
    const now = performance.now()
    const news = this.#parts.news()
    if (news === undefined) this.#answeredAt = now
    const isChanged = !isDeepStrictEqual(news, this.#told)
    const isHeartbeat = news !== undefined && now - this.#toldAt >= HEARTBEAT_MS
    if (news !== undefined) this.#firstAt ??= now
    const everyMs = now - (this.#firstAt ?? now) < HEARTBEAT_MS ? LOOK_EVERY_MS : HEARTBEAT_MS
    const hears = news !== undefined && now - this.#heardAt >= everyMs
    if (!isChanged && !isHeartbeat && !hears) return
    this.#telling = this.#speak(news, isChanged || isHeartbeat, hears).finally(() => (this.#telling = undefined))
  }

  async #speak(news: News | undefined, tells: boolean, hears: boolean): Promise<void> {
    if (tells) await this.#tell(news)
    if (hears) await this.#hear()
  }

  async #tell(news: News | undefined): Promise<void> {
    const { state, id } = this.#parts
    try {
      await (news ? state.report({ ...id, ...news }) : state.forget(id._id))
      this.#told = news
      this.#answeredAt = this.#toldAt = performance.now()
    } catch (error) {
      if (error instanceof MongoServerError) this.#answeredAt = performance.now()
      // What could not be told is told with the next look.
    }
  }

  async #hear(): Promise<void> {
    const { state, id, heard } = this.#parts
    try {
      const reports = await state.reports(id.database)
      this.#heardAt = performance.now()
      heard(reports.filter(({ _id, heardAgoMs }) => _id !== id._id && heardAgoMs < SILENT_MS))
    } catch {
      // Asked again with the next look.
    }
  }
}
