import { Counter, Gauge, Histogram, Registry } from 'prom-client'

import type { OplogFacts } from '../streams/server-facts.ts'
import { version } from '../version.ts'
import { addProcessMetrics } from './process-metrics.ts'

/** Seconds; from a file that is sent at once to one that waits for a site over a weekend. */
const WAITS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200, 259_200]
const SCANS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300]

/** What the gauges say, as it was found at one moment; what is not known is left out. */
export interface Standing {
  readonly isDatabaseUp?: boolean
  /** Undefined where nothing is to be synced. */
  readonly isStreamUp?: boolean
  /** Since MongoDB last answered to a heartbeat. */
  readonly heartbeatSeconds?: number
  readonly counts?: Counts & { readonly ageSeconds: number }
  readonly isUp?: ReadonlyMap<string, boolean>
  /** `all`, `site:NAME`, `project:NAME` or `project:NAME,site:NAME`. */
  readonly paused?: readonly string[]
  readonly oplog?: OplogFacts
}

/** What is to be done. */
export interface Counts {
  readonly pending: readonly { readonly site: string; readonly state: string; readonly files: number }[]
  readonly exhausted: ReadonlyMap<string, number>
  /** When the oldest representation was made that has a file pending for the site. */
  readonly oldest: ReadonlyMap<string, Date>
}

/**
 * The metrics of one service, in a registry of its own (docs/metrics.md). Counters and histograms are fed as things happen; gauges are asked
 * for when somebody reads. No label is a name of a file: there are as many series as projects and sites.
 */
export class Metrics {
  readonly #registry = new Registry()
  readonly transfers = this.#counter('transfers_total', 'Attempts that have ended, by their outcome.', ['project', 'site', 'outcome'])
  readonly bytes = this.#counter(
    'transferred_bytes_total',
    'Bytes sent to a site (in) or read from one (out) by transfers that succeeded.',
    ['site', 'direction'],
  )
  readonly failures = this.#counter('failures_total', 'Attempts that have failed, by the code of the fault.', ['site', 'code'])
  readonly toStart = this.#histogram(
    'publish_to_start_seconds',
    'From the news that a file is asked for to the start of its first attempt.',
    WAITS,
    ['site'],
  )
  readonly toSynced = this.#histogram(
    'publish_to_synced_seconds',
    'From the news that a file is asked for until it is at the site.',
    WAITS,
    ['site'],
  )
  readonly lastSuccess = this.#gauge('last_success_timestamp_seconds', 'When a file last arrived at the site by this instance.', ['site'])
  readonly resumes = this.#counter(
    'change_stream_resumes_total',
    'Times that the change stream had to be opened again, by what ended it.',
    ['reason'],
  )
  readonly scans = this.#histogram('scan_duration_seconds', 'How long scans took.', SCANS)
  readonly foundByScan = this.#counter('found_by_scan_total', 'Files found by regular scans that the change stream did not tell of.')
  readonly leasesLost = this.#counter('leases_lost_total', 'Attempts given back because their lease was lost.')
  readonly #lag = this.#gauge('change_stream_lag_seconds', 'How late changes are heard of; grows while the stream is lost.')
  readonly #streamUp = this.#gauge('change_stream_up', '1: the change stream is open; 0: scans alone find the work.')
  readonly #databaseUp = this.#gauge('mongodb_up', '1: MongoDB has a primary that answers and whose writes the majority has.')
  readonly #heartbeat = this.#gauge('heartbeat_age_seconds', 'Since MongoDB last answered to a heartbeat of this instance.')
  readonly #countsAge = this.#gauge('counts_age_seconds', 'How old pending, exhausted and oldest_pending_seconds are.')
  readonly #filling = this.#gauge('oplog_filling', '1: nothing of the oplog was overwritten yet, so its window grows by itself.')
  readonly #pending = this.#gauge('pending', 'Files that are to be sent, by state: pending, failed or paused.', ['site', 'state'])
  readonly #exhausted = this.#gauge('exhausted', 'Files that have no tries left.', ['site'])
  readonly #oldest = this.#gauge('oldest_pending_seconds', 'Age of the oldest representation that has a file pending.', ['site'])
  readonly #up = this.#gauge('site_up', '1: the site can be used; 0: it is in trouble at an instance, or misconfigured.', ['site'])
  readonly #paused = this.#gauge('paused', '1 for each pause of more than records, and for each site that is closed by its bandwidth.', [
    'scope',
  ])
  readonly #oplog = this.#gauge('oplog_window_seconds', 'How long a change can be read from the oplog; missing where the role may not ask.')
  readonly #standing: () => Promise<Standing>
  #beforeReading = (): void => {}

  /** `standing` is asked once for each reading, and answers in time; what it leaves out, and all of it when it fails, is left out. */
  constructor(standing: () => Promise<Standing>) {
    this.#standing = standing
    this.#gauge('build_info', 'Always 1.', ['version', 'node']).set({ version: version(), node: process.versions.node }, 1)
    addProcessMetrics(this.#registry)
  }

  /** The names of all metrics. */
  get names(): readonly string[] {
    return this.#registry.getMetricsAsArray().map(({ name }) => name)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** Called before each reading. */
  beforeReading(callback: () => void): void {
    this.#beforeReading = callback
  }

  /** Undefined: nobody knows. */
  setLag(seconds: number | undefined): void {
    this.#set(this.#lag, seconds)
  }

  /** In Prometheus' exposition format. */
  async exposition(): Promise<string> {
    this.#take(await this.#standing().catch(() => ({})))
    this.#beforeReading()
    return await this.#registry.metrics()
  }

  #take({ isDatabaseUp, isStreamUp, heartbeatSeconds, counts, isUp, paused, oplog }: Standing): void {
    this.#set(this.#databaseUp, isDatabaseUp)
    this.#set(this.#streamUp, isStreamUp)
    this.#set(this.#heartbeat, heartbeatSeconds)
    this.#set(this.#oplog, oplog?.windowSeconds)
    this.#set(this.#filling, oplog?.isFilling)
    this.#set(this.#countsAge, counts?.ageSeconds)
    for (const gauge of [this.#pending, this.#exhausted, this.#oldest, this.#up, this.#paused]) gauge.reset()
    for (const { site, state, files } of counts?.pending ?? []) this.#pending.set({ site, state }, files)
    for (const [site, files] of counts?.exhausted ?? []) this.#exhausted.set({ site }, files)
    for (const [site, made] of counts?.oldest ?? []) this.#oldest.set({ site }, Math.max(0, (Date.now() - made.getTime()) / 1_000))
    for (const [site, is] of isUp ?? []) this.#up.set({ site }, Number(is))
    for (const scope of paused ?? []) this.#paused.set({ scope }, 1)
  }

  /** A gauge without labels would be 0 when nothing is known of it, which would be a lie. */
  #set(gauge: Gauge, value: number | boolean | undefined): void {
    if (value === undefined) gauge.remove()
    else gauge.set(Number(value))
  }

  #counter<T extends string = never>(name: string, help: string, labelNames: readonly T[] = []): Counter<T> {
    return new Counter({ name: `site_sync_${name}`, help, labelNames: [...labelNames], registers: [this.#registry] })
  }

  #gauge<T extends string = never>(name: string, help: string, labelNames: readonly T[] = []): Gauge<T> {
    return new Gauge({ name: `site_sync_${name}`, help, labelNames: [...labelNames], registers: [this.#registry] })
  }

  #histogram<T extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly T[] = [],
  ): Histogram<T> {
    return new Histogram({
      name: `site_sync_${name}`,
      help,
      buckets: [...buckets],
      labelNames: [...labelNames],
      registers: [this.#registry],
    })
  }
}
