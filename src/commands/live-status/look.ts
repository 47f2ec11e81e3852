import { hostname } from 'node:os'

import type { Inspection } from '../../service/inspection.ts'
import type { RepresentationSummary } from '../../model/representation-summary.ts'
import { listRepresentations } from '../../service/list-representations.ts'
import { projectCounts, sitesOverview, type SiteCounts, type SitesOverview } from '../../service/overview.ts'
import type { ReportedTransfer } from '../../streams/state-database.ts'
import { transfersUnderWay } from '../../streams/transfers-under-way.ts'

/** Of a representation that failed lately. */
export interface NewestError {
  readonly name: string
  readonly site: string
  readonly error: string
  readonly isGivenUp: boolean
}

/** What the live view shows. */
export interface StatusView extends SitesOverview {
  readonly projects: readonly SiteCounts[]
  readonly running: readonly ReportedTransfer[]
  readonly errors: readonly NewestError[]
}

/** Between two looks at everything that is open: a look that takes long is taken more seldom. Milliseconds. */
const COUNTS_MS = 5_000
const COUNTS_SHARE = 10
const MOST_ERRORS = 20
/** How often it says that somebody looks on, and for how long that holds. Milliseconds. */
const WATCH_EVERY_MS = 5_000
const WATCHED_MS = 15_000

/** Looks again and again. It writes one thing, into the state database: that somebody looks on, so that instances tell how far they are. */
export class StatusLook {
  readonly #inspection: Inspection
  readonly #project: string | undefined
  #open: Pick<StatusView, 'projects' | 'errors'> = { projects: [], errors: [] }
  #nextAt = -Infinity
  #watchAt = -Infinity

  constructor(inspection: Inspection, project: string | undefined) {
    this.#inspection = inspection
    this.#project = project
  }

  async look(signal: AbortSignal): Promise<StatusView> {
    const { state, stateDb, settings } = this.#inspection
    if (performance.now() >= this.#watchAt) void this.#watch()
    const overview = await sitesOverview(this.#inspection)
    if (performance.now() >= this.#nextAt) await this.#lookAtOpen(signal)
    const reports = await state.reports(settings.mongo.database)
    // Instances say more, and sooner, while they know that somebody looks on; else leases tell.
    const said = new Map(reports.flatMap(({ running = [] }) => running).map((each) => [each.id, each]))
    const ids = reports.map(({ _id }) => _id)
    const held = (await transfersUnderWay(stateDb, ids)).map((each) => said.get(each.id) ?? each)
    const running = [...new Map([...said.values(), ...held].map((each) => [each.id, each])).values()]
    return {
      ...overview,
      ...this.#open,
      running: running.filter(({ project }) => this.#project === undefined || project === this.#project),
    }
  }

  /** Who may only read sees bars that move with the leases. */
  async #watch(): Promise<void> {
    this.#watchAt = performance.now() + WATCH_EVERY_MS
    await this.#inspection.controls.watch(`${hostname()} ${process.pid}`, WATCHED_MS).catch(() => undefined)
  }

  async #lookAtOpen(signal: AbortSignal): Promise<void> {
    const began = performance.now()
    const project = this.#project
    const request = {
      project,
      states: new Set(['failed', 'exhausted'] as const),
      sort: { key: 'id', descending: true } as const,
      limit: MOST_ERRORS,
    }
    const projects = await projectCounts(this.#inspection, project, signal)
    const isAny = projects.some(({ failed, exhausted }) => failed + exhausted > 0)
    const items: RepresentationSummary[] = []
    for (let cursor: string | null | undefined = isAny ? undefined : null; cursor !== null && items.length < MOST_ERRORS;) {
      const page = await listRepresentations(this.#inspection, { ...request, cursor, limit: MOST_ERRORS - items.length }, signal)
      items.push(...page.items)
      cursor = page.nextCursor
    }
    const errors = items.flatMap(({ asset, subset, version, name, id, sites }) =>
      sites.flatMap(({ site, errors: of = [] }) =>
        of.map(({ error, exhausted }) => {
          const words = [asset, subset, version === undefined ? undefined : `v${version}`, name].filter((word) => word !== undefined)
          return { name: words.join(' ') || id, site, error, isGivenUp: exhausted > 0 }
        }),
      ),
    )
    this.#open = { projects, errors }
    this.#nextAt = performance.now() + Math.max(COUNTS_MS, COUNTS_SHARE * (performance.now() - began))
  }
}
