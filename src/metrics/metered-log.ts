import { SyncError } from '../errors.ts'
import type { Log, LogAction, LogFields } from '../model/log.ts'
import type { Look } from '../model/look.ts'
import type { Heard } from '../service/change-hints.ts'
import { AskedFor } from './asked-for.ts'
import type { Metrics } from './metrics.ts'
import { StreamLag } from './stream-lag.ts'

const OUTCOMES: Partial<Record<LogAction, string>> = {
  'transfer.succeeded': 'synced',
  'transfer.failed': 'failed',
  'transfer.dropped': 'dropped',
  'transfer.released': 'released',
}
/** Scans that look at everything. */
const REGULAR: ReadonlySet<unknown> = new Set(['start', 'interval'])

/** Counts what is told, and passes it on: whatever happens is told, so nothing else on the way of a file has to know of metrics. */
export class MeteredLog implements Log {
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #asked: AskedFor
  readonly #lag: StreamLag
  #lostBecause: string | undefined

  constructor(log: Log, metrics: Metrics, now: () => number = () => performance.now(), wallSeconds = () => Date.now() / 1_000) {
    this.#log = log
    this.#metrics = metrics
    this.#asked = new AskedFor(now)
    this.#lag = new StreamLag(now, wallSeconds)
    metrics.beforeReading(() => this.#tellWhatPasses())
  }

  /** The change stream tells of a change. */
  heard({ project, representationId, writtenAt }: Heard): void {
    this.#asked.told(project, representationId)
    if (writtenAt !== undefined) this.#lag.heard(writtenAt)
  }

  /** A representation was looked at. */
  looked(look: Look): void {
    this.#asked.looked(look)
  }

  /** A scan left out what a site has no room for. */
  turnedAway(site: string): void {
    this.#asked.turnedAway(site)
  }

  event(action: LogAction, fields: LogFields = {}): void {
    this.#log.event(action, fields)
    const outcome = OUTCOMES[action]
    if (outcome !== undefined) this.#ended(outcome, fields)
    const { site = '', durationMs = 0, extra } = fields
    switch (action) {
      case 'transfer.started':
        return this.#observe(this.#metrics.toStart, site, this.#asked.started(fields))
      case 'transfer.succeeded':
        this.#observe(this.#metrics.toSynced, site, this.#asked.arrived(fields))
        this.#count(fields)
        return this.#metrics.lastSuccess.set({ site }, Math.floor(Date.now() / 1_000))
      case 'transfer.failed':
        this.#asked.failed(fields, fields.tries ?? 0)
        return this.#metrics.failures.inc({ site, code: fields.error instanceof SyncError ? fields.error.code : 'UNEXPECTED' })
      case 'transfer.dropped':
        return this.#asked.dropped(fields)
      case 'transfer.released':
        return extra?.['lease_lost'] === true ? this.#metrics.leasesLost.inc() : undefined
      case 'stream.lost':
        this.#lag.lost()
        this.#lostBecause = extra?.['history_lost'] === true ? 'history lost' : 'interrupted'
        return
      case 'stream.unavailable':
        return this.#lag.unavailable()
      case 'stream.opened':
      case 'stream.resumed':
        this.#lag.opened()
        if (this.#lostBecause !== undefined) this.#metrics.resumes.inc({ reason: this.#lostBecause })
        this.#lostBecause = undefined
        return
      case 'scan.finished':
        if (REGULAR.has(extra?.['reason'])) this.#asked.scanned()
        return this.#metrics.scans.observe(durationMs / 1_000)
      default:
    }
  }

  #ended(outcome: string, { project = '', site = '' }: LogFields): void {
    this.#metrics.transfers.inc({ project, site, outcome })
  }

  #count({ site = '', extra }: LogFields): void {
    const sent = Number(extra?.['sent_bytes'] ?? 0)
    if (sent === 0) return
    this.#metrics.bytes.inc({ site, direction: 'in' }, sent)
    const source = extra?.['source']
    if (typeof source === 'string') this.#metrics.bytes.inc({ site: source, direction: 'out' }, sent)
  }

  #observe(histogram: Metrics['toStart'], site: string, ms: number | undefined): void {
    if (ms !== undefined) histogram.observe({ site }, ms / 1_000)
  }

  /** What changes by time alone. */
  #tellWhatPasses(): void {
    this.#metrics.foundByScan.inc(this.#asked.takeMissed())
    this.#metrics.setLag(this.#lag.seconds)
  }
}
