import { isDeepStrictEqual } from 'node:util'

import type { HttpParts, RunningHttp } from '../http/start-http.ts'
import type { MeteredLog } from '../metrics/metered-log.ts'
import { idPlain } from '../model/document.ts'
import type { Log } from '../model/log.ts'
import { ConfigError, type SyncError } from '../errors.ts'
import type { HttpSettings } from '../model/http-settings.ts'
import type { Attempt } from '../pipeline/attempt.ts'
import type { Settled } from '../pipeline/contracts.ts'
import type { HeardReport, ReportedTransfer } from '../streams/state-database.ts'
import { activityStore } from '../streams/activity-store.ts'
import { ActivityKeeper } from './activity-keeper.ts'
import type { News } from './reporter.ts'
import type { Webhooks, WebhooksParts } from './webhooks/webhooks.ts'
import { CLOSING_MS, within } from './within.ts'

export type WebParts = Omit<HttpParts, 'http' | 'running' | 'watched' | 'instance' | 'activity'> & WebhooksParts

/** Transfers that an instance tells of at most. */
const MOST = 200

/**
 * What the service is to those who ask over HTTP. Where the configuration does not enable that, nothing of it is even loaded. What is
 * under way is told to other instances as long as somebody looks at it at any of them: nobody writes it down in vain.
 */
export class Web {
  readonly #instance: string
  readonly #attempts: () => readonly Attempt[]
  #running: RunningHttp | undefined
  #metered: MeteredLog | undefined
  #webhooks: Webhooks | undefined
  #isWatched = false
  #isAsked = false
  #isOnTerminal = false
  #activity: ActivityKeeper | undefined
  #page: string | undefined
  #http: HttpSettings | undefined
  #isPageElsewhere = false

  constructor(instance: string, attempts: () => readonly Attempt[]) {
    this.#instance = instance
    this.#attempts = attempts
  }

  /** Rejects with a `ConfigError` where others than this machine would be answered and there is no token. */
  async start(parts: WebParts): Promise<void> {
    const { http, mongo } = parts.settings()
    const store = activityStore(parts.connections.work.db(mongo.stateDatabase), mongo.database)
    this.#activity = new ActivityKeeper({
      attempts: this.#attempts,
      save: async (activity) => store.save(this.#instance, activity),
      isWanted: () => this.#running !== undefined || this.#isPageElsewhere,
    })
    await this.#openWebhooks(parts)
    await this.#open(parts, http)
  }

  /** Answers as the settings say now, where that changed. What can't be taken is told, and the former goes on. */
  async reload(parts: WebParts): Promise<void> {
    await this.#openWebhooks(parts)
    const { http } = parts.settings()
    const before = this.#http
    if (isDeepStrictEqual(http, before)) return
    const running = this.#running
    this.#running = this.#page = undefined
    this.#isWatched = false
    await within(CLOSING_MS, Promise.resolve(running?.[Symbol.asyncDispose]()))
    try {
      await this.#open(parts, http)
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      parts.log.event('config.rejected', { error, message: `the former "http" goes on: ${error.message}` })
      await this.#open(parts, before)
    }
    // What was refused is not asked for again before it changes.
    this.#http = http
  }

  /** With the first address that is to be told; which there are is looked up for each message. */
  async #openWebhooks(parts: WebParts): Promise<void> {
    if (!parts.settings().webhooks || this.#webhooks) return
    this.#webhooks = new (await import('./webhooks/webhooks.ts')).Webhooks(parts)
  }

  async #open(parts: WebParts, http: HttpSettings | undefined): Promise<void> {
    this.#http = http
    this.#metered = undefined
    const activity = this.#activity
    if (!http || !activity) return
    const [{ startHttp }, { MeteredLog }] = await Promise.all([import('../http/start-http.ts'), import('../metrics/metered-log.ts')])
    this.#running = await startHttp({
      ...parts,
      http,
      instance: this.#instance,
      running: () => this.#transfers(),
      watched: (isWatched) => (this.#isWatched = isWatched),
      activity,
    })
    const running = this.#running
    void running.listening.then((address) => this.#running === running && (this.#page = address))
    this.#metered = new MeteredLog(parts.log, running.metrics)
  }

  /** The log that feeds metrics, where somebody may ask for them; otherwise the same log. */
  metered(log: Log): Log & Partial<Pick<MeteredLog, 'heard' | 'looked' | 'turnedAway'>> {
    return this.#metered ?? log
  }

  async stop(): Promise<void> {
    await Promise.all([this.#running?.[Symbol.asyncDispose](), this.#webhooks?.stop(), this.#activity?.stop()])
  }

  /** What came of a transfer. */
  settled(settled: Settled): void {
    this.#webhooks?.settled(settled)
    this.#activity?.settled(settled)
  }

  /** A site began, or ended, to be left alone. */
  health(site: string, error: SyncError | undefined): void {
    this.#webhooks?.health(site, error)
  }

  /** The same, with where its page is, and with what is under way where somebody looks at it. */
  with(news: News | undefined): News | undefined {
    if (!news) return news
    const said = this.#page === undefined ? news : { ...news, page: this.#page }
    if (!this.#isWatched && !this.#isAsked && !this.#isOnTerminal) return said
    return {
      ...said,
      ...(this.#isWatched && { watched: true as const }),
      running: this.#transfers(),
      speeds: this.#activity?.speeds() ?? [],
    }
  }

  /** Does somebody look on at a terminal, at whichever machine? */
  watched(isOnTerminal: boolean): void {
    this.#isOnTerminal = isOnTerminal
  }

  heard(others: readonly Pick<HeardReport, 'watched' | 'page'>[]): void {
    this.#isAsked = others.some(({ watched }) => watched === true)
    this.#isPageElsewhere = others.some(({ page }) => page !== undefined)
  }

  #transfers(): readonly ReportedTransfer[] {
    return this.#attempts()
      .filter(({ stage }) => stage === 'running')
      .slice(0, MOST)
      .map(({ id, transfer, progress }) => ({
        id,
        project: transfer.project,
        representation: idPlain(transfer.representationId),
        file: idPlain(transfer.fileId),
        path: transfer.path,
        site: transfer.site,
        bytes: progress.bytes,
        size: progress.size,
      }))
  }
}
