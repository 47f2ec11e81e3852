import { isDeepStrictEqual } from 'node:util'

import { idPlain, idText } from '../model/document.ts'
import { projectSettings } from '../model/project-settings.ts'
import type { Settings } from '../model/settings.ts'
import { summarize } from '../model/representation-summary.ts'
import type { DocumentReader } from '../model/stores.ts'
import type { ReportedTransfer } from '../streams/state-database.ts'
import { sitesToTell } from './list-representations.ts'
import { projectCounts, sitesOverview, type SiteCounts, type SitesOverview } from './overview.ts'
import { LiveActivity, type ActivityEvent, type LiveActivityParts } from './live-activity.ts'
import type { ProjectTotals, ProjectTotalsReader } from './project-totals.ts'
import type { RecordFeed, RecordNews } from './record-feed.ts'

export interface LiveParts extends Pick<LiveActivityParts, 'inspection' | 'instance' | 'activity'> {
  readonly feed: RecordFeed
  readonly reader: DocumentReader
  /** What is under way here. */
  readonly running: () => readonly ReportedTransfer[]
  /** What other instances have under way: they tell it as long as it is said that somebody looks. */
  readonly watched: (isWatched: boolean) => void
  readonly totals: ProjectTotalsReader
  readonly send: (event: LiveEvent) => void
  readonly signal: AbortSignal
}

export type LiveEvent =
  | ({ readonly kind: 'sites' } & SitesOverview)
  | { readonly kind: 'projects'; readonly projects: readonly SiteCounts[]; readonly totals: readonly ProjectTotals[] }
  /** Representations as they are now, and those that are not there any more. */
  | {
      readonly kind: 'representations'
      readonly items: readonly object[]
      readonly gone: readonly { readonly project: string; readonly id: string }[]
    }
  /** More changed than is told one by one: ask for what is shown. */
  | { readonly kind: 'reload' }
  | ActivityEvent
  | { readonly kind: 'running'; readonly running: readonly ReportedTransfer[]; readonly ended: readonly string[] }

/** Differences are told so often: four times a second at most of each file. Milliseconds. */
const TICK_MS = 250
const SITES_MS = 1_000
/** Between two counts of everything that is open, at least; a count that takes long is made more seldom. Milliseconds. */
const COUNTS_MS = 5_000
const COUNTS_SHARE = 10
/** Documents that are read at once, and that wait for it. */
const BATCH = 200
const MOST_CHANGED = 5_000

/** What everybody who looks on is told of: looked for once, however many they are, and not at all while there is nobody. */
export class Live {
  readonly #parts: LiveParts
  readonly #changed = new Map<string, { readonly project: string; readonly representationId: unknown }>()
  #isReading = false
  #isLooking = false
  #isStale = true
  #nextCount = 0
  #tick: NodeJS.Timeout | undefined
  #following: ReturnType<RecordFeed['follow']> | undefined
  #sitesAt = -Infinity
  #sites: SitesOverview | undefined
  #settings: Settings | undefined
  #counted: { readonly projects: readonly SiteCounts[]; readonly totals: readonly ProjectTotals[] } | undefined
  #others: readonly ReportedTransfer[] = []
  #told = new Map<string, ReportedTransfer>()

  readonly #activity: LiveActivity

  constructor(parts: LiveParts) {
    this.#parts = parts
    this.#activity = new LiveActivity(parts)
  }

  /** Somebody looks on. */
  start(): void {
    if (this.#tick) return
    this.#parts.watched(true)
    this.#following = this.#parts.feed.follow((news) => this.#heard(news))
    this.#tick = setInterval(() => this.#turn(), TICK_MS)
  }

  /** Nobody does any more. */
  stop(): void {
    clearInterval(this.#tick)
    this.#tick = undefined
    this.#following?.end()
    this.#following = undefined
    this.#parts.watched(false)
    this.#changed.clear()
    this.#told.clear()
    this.#others = []
    this.#activity.forget()
    this.#isStale = true
  }

  /**
   * How things are, for who begins to look; differences follow, of what was told last. What was told while this was read is told again where
   * it is otherwise, since it was not sent to whoever waits.
   */
  async snapshot(): Promise<object> {
    const inspection = await this.#parts.inspection()
    // Whoever reads a list after the snapshot misses nothing: by then all that changes is told. Where MongoDB does not answer, it is said now.
    await Promise.all([this.#following?.opened, inspection.db.command({ ping: 1 })])
    const [sites, activity] = await Promise.all([sitesOverview(inspection), this.#activity.snapshot(inspection)])
    if (!isSame(sites, this.#sites)) this.#sites = undefined
    this.#activity.reconcile(activity)
    this.#tellRunning()
    return { ...sites, ...activity, ...this.#counted, running: [...this.#told.values()] }
  }

  #running(): readonly ReportedTransfer[] {
    return [...this.#parts.running(), ...this.#others]
  }

  #heard(news: RecordNews): void {
    this.#isStale = true
    if (news.kind === 'document' && this.#changed.size < MOST_CHANGED) {
      this.#changed.set(`${news.project}/${idText(news.representationId)}`, news)
      return
    }
    this.#changed.clear()
    this.#parts.send({ kind: 'reload' })
  }

  #turn(): void {
    this.#tellRunning()
    void this.#tellRepresentations()
    if (performance.now() - this.#sitesAt >= SITES_MS) void this.#tellSites()
    void this.#activity.turn()
    if (this.#isStale && performance.now() >= this.#nextCount) void this.#tellProjects()
  }

  #tellRunning(): void {
    const now = new Map(this.#running().map((transfer) => [transfer.id, transfer]))
    const running = [...now.values()].filter((transfer) => !isDeepStrictEqual(transfer, this.#told.get(transfer.id)))
    const ended = [...this.#told.keys()].filter((id) => !now.has(id))
    this.#told = now
    if (running.length + ended.length > 0) this.#parts.send({ kind: 'running', running, ended })
  }

  async #tellRepresentations(): Promise<void> {
    if (this.#isReading || this.#changed.size === 0) return
    this.#isReading = true
    const some = [...this.#changed].slice(0, BATCH)
    for (const [key] of some) this.#changed.delete(key)
    try {
      const { settings } = await this.#parts.inspection()
      const items: object[] = []
      const gone: { project: string; id: string }[] = []
      const byProject = Map.groupBy(
        some.map(([, news]) => news),
        ({ project }) => project,
      )
      for (const [project, wanted] of byProject) {
        const own = projectSettings(settings, project)
        const ids = wanted.map(({ representationId }) => representationId)
        const found = new Map((await this.#parts.reader.read(project, ids)).map((document) => [idText(document._id), document]))
        for (const id of ids) {
          const document = found.get(idText(id))
          if (document?.type === 'representation') items.push(summarize(document, project, sitesToTell(own), own.retryCount))
          else gone.push({ project, id: idPlain(id) })
        }
      }
      if (this.#tick) this.#parts.send({ kind: 'representations', items, gone })
    } catch {
      // MongoDB does not answer: what is not looked at now is looked at with the next turn.
      for (const [key, news] of some) this.#changed.set(key, news)
    } finally {
      this.#isReading = false
    }
  }

  async #tellSites(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      const inspection = await this.#parts.inspection()
      const [sites, reports] = await Promise.all([sitesOverview(inspection), inspection.state.reports(inspection.settings.mongo.database)])
      const others = reports.filter(({ _id }) => _id !== this.#parts.instance)
      this.#others = others.flatMap(({ running = [] }) => running)
      this.#activity.tellSpeeds(others.flatMap(({ speeds = [] }) => [speeds]))
      if (this.#tick && !isSame(sites, this.#sites)) this.#parts.send({ kind: 'sites', ...sites })
      this.#sites = sites
      this.#judgedBy(inspection.settings)
    } catch {
      // Looked at again.
    } finally {
      this.#sitesAt = performance.now()
      this.#isLooking = false
    }
  }

  /** Other settings may have other sites: what is told of documents, and counted, is otherwise then, though no document changed. */
  #judgedBy(settings: Settings): void {
    const isOther = this.#settings !== undefined && this.#settings !== settings
    this.#settings = settings
    if (!isOther) return
    this.#isStale = true
    if (this.#tick) this.#parts.send({ kind: 'reload' })
  }

  async #tellProjects(): Promise<void> {
    const began = performance.now()
    this.#nextCount = Infinity
    this.#isStale = false
    try {
      const { signal, totals: reader } = this.#parts
      const inspection = await this.#parts.inspection()
      const [projects, totals] = await Promise.all([projectCounts(inspection, undefined, signal), reader.read(inspection, signal)])
      const counted = { projects, totals }
      if (this.#tick && !isDeepStrictEqual(counted, this.#counted)) this.#parts.send({ kind: 'projects', ...counted })
      this.#counted = counted
    } catch {
      this.#isStale = true
    } finally {
      this.#nextCount = performance.now() + Math.max(COUNTS_MS, COUNTS_SHARE * (performance.now() - began))
    }
  }
}

/** That an instance was heard of again is no news. */
function isSame(one: SitesOverview, other: SitesOverview | undefined): boolean {
  return other !== undefined && isDeepStrictEqual(withoutTimes(one), withoutTimes(other))
}

function withoutTimes({ instances, ...rest }: SitesOverview): object {
  return { ...rest, instances: instances.map(({ heard: _heard, heardAgoMs: _ago, ...instance }) => instance) }
}
