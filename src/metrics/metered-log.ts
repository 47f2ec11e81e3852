import { LRUCache } from 'lru-cache'

import { idPlain } from '../model/document.ts'
import type { Log, LogAction, LogFields } from '../model/log.ts'
import type { Heard } from '../service/change-hints.ts'
import type { Metrics } from './metrics.ts'

const OUTCOMES: Partial<Record<LogAction, string>> = {
  'transfer.succeeded': 'synced',
  'transfer.failed': 'failed',
  'transfer.dropped': 'dropped',
  'transfer.released': 'released',
}
/** Publishes that are remembered until their files have arrived. */
const REMEMBERED = 50_000

/** Counts what is told, and passes it on: whatever happens is told, so nothing else on the way of a file has to know of metrics. */
export class MeteredLog implements Log {
  readonly #log: Log
  readonly #metrics: Metrics
  readonly #now: () => number
  /** When the change stream told of each, by `now`. */
  readonly #published = new LRUCache<string, number>({ max: REMEMBERED })
  #lostBecause: string | undefined

  constructor(log: Log, metrics: Metrics, now: () => number = () => performance.now()) {
    this.#log = log
    this.#metrics = metrics
    this.#now = now
  }

  /** The change stream tells of a change. */
  heard({ project, representationId, appeared, writtenAt }: Heard): void {
    if (appeared) this.#published.set(`${project}/${idPlain(representationId)}`, this.#now())
    if (writtenAt !== undefined) this.#metrics.streamLag.set(Math.max(0, Math.floor(Date.now() / 1_000) - writtenAt))
  }

  event(action: LogAction, fields: LogFields = {}): void {
    this.#log.event(action, fields)
    const outcome = OUTCOMES[action]
    if (outcome !== undefined) this.#ended(outcome, fields)
    const { site = '', durationMs = 0, extra } = fields
    switch (action) {
      case 'transfer.started':
        // Later attempts wait for something else than to be noticed.
        return fields.tries === 0 ? this.#since(this.#metrics.toStart, fields) : undefined
      case 'transfer.succeeded':
        this.#since(this.#metrics.toSynced, fields)
        this.#count(fields)
        return this.#metrics.lastSuccess.set({ site }, Math.floor(Date.now() / 1_000))
      case 'transfer.released':
        return extra?.['lease_lost'] === true ? this.#metrics.leasesLost.inc() : undefined
      case 'stream.lost':
        this.#lostBecause = extra?.['history_lost'] === true ? 'history lost' : 'interrupted'
        return
      case 'stream.opened':
      case 'stream.resumed':
        if (this.#lostBecause !== undefined) this.#metrics.resumes.inc({ reason: this.#lostBecause })
        this.#lostBecause = undefined
        return
      case 'scan.finished':
        this.#metrics.scans.observe(durationMs / 1_000)
        if (extra?.['reason'] === 'interval') this.#metrics.foundByScan.inc(Number(extra['transfers'] ?? 0))
        return
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

  #since(histogram: Metrics['toStart'], { project = '', representationId = '', site = '' }: LogFields): void {
    const published = this.#published.get(`${project}/${representationId}`)
    if (published !== undefined) histogram.observe({ site }, (this.#now() - published) / 1_000)
  }
}
