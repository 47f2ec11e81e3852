import type { HttpParts, RunningHttp } from '../http/start-http.ts'
import type { MeteredLog } from '../metrics/metered-log.ts'
import { idPlain } from '../model/document.ts'
import type { Log } from '../model/log.ts'
import type { SyncError } from '../errors.ts'
import type { Attempt } from '../pipeline/attempt.ts'
import type { Settled } from '../pipeline/contracts.ts'
import type { HeardReport, ReportedTransfer } from '../streams/state-database.ts'
import type { News } from './reporter.ts'
import type { Webhooks, WebhooksParts } from './webhooks/webhooks.ts'

export type WebParts = Omit<HttpParts, 'http' | 'running' | 'watched' | 'instance'> & WebhooksParts

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

  constructor(instance: string, attempts: () => readonly Attempt[]) {
    this.#instance = instance
    this.#attempts = attempts
  }

  /** Rejects with a `ConfigError` where others than this machine would be answered and there is no token. */
  async start(parts: WebParts): Promise<void> {
    const { http, webhooks } = parts.settings()
    if (webhooks) this.#webhooks = new (await import('./webhooks/webhooks.ts')).Webhooks(parts)
    if (!http) return
    const [{ startHttp }, { MeteredLog }] = await Promise.all([import('../http/start-http.ts'), import('../metrics/metered-log.ts')])
    this.#running = await startHttp({
      ...parts,
      http,
      instance: this.#instance,
      running: () => this.#transfers(),
      watched: (isWatched) => (this.#isWatched = isWatched),
    })
    this.#metered = new MeteredLog(parts.log, this.#running.metrics)
  }

  /** The log that feeds metrics, where somebody may ask for them; otherwise the same log. */
  metered(log: Log): Log & Partial<Pick<MeteredLog, 'heard' | 'looked' | 'turnedAway'>> {
    return this.#metered ?? log
  }

  async stop(): Promise<void> {
    await Promise.all([this.#running?.[Symbol.asyncDispose](), this.#webhooks?.stop()])
  }

  /** What came of a transfer. */
  settled(settled: Settled): void {
    this.#webhooks?.settled(settled)
  }

  /** A site began, or ended, to be left alone. */
  health(site: string, error: SyncError | undefined): void {
    this.#webhooks?.health(site, error)
  }

  /** The same, with what is under way where somebody looks at it. */
  with(news: News | undefined): News | undefined {
    if (!news || !(this.#isWatched || this.#isAsked)) return news
    return { ...news, ...(this.#isWatched && { watched: true as const }), running: this.#transfers() }
  }

  heard(others: readonly Pick<HeardReport, 'watched'>[]): void {
    this.#isAsked = others.some(({ watched }) => watched === true)
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
