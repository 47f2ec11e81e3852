import type { ServiceState } from '../model/health.ts'
import type { Pause } from '../model/pauses.ts'
import type { Inspection } from '../service/inspection.ts'
import { projectCounts, sitesOverview, type SiteCounts, type SiteOverview } from '../service/overview.ts'
import { inTime } from '../service/within.ts'
import { oplogFacts } from '../streams/server-facts.ts'
import { COUNT_MS, LatestCounts } from './latest-counts.ts'
import type { Counts, Standing } from './metrics.ts'

export interface StandingParts {
  readonly inspection: () => Promise<Inspection>
  /** Why MongoDB can't be asked; undefined when it can. Answers in time. */
  readonly fault: () => Promise<string | undefined>
  readonly state: () => ServiceState
  readonly signal: AbortSignal
}

/** Each of two steps may take so long: whoever reads metrics waits ten seconds, by the default of Prometheus. Milliseconds. */
const STEP_MS = 3_000

/** What the gauges say, within `2 * STEP_MS`: what is not known by then is left out, or told as it was last found. */
export function standings({ inspection, fault, state, signal }: StandingParts): () => Promise<Standing> {
  const counts = new LatestCounts<Inspection>(async (of, timeout) =>
    projectCounts(of, undefined, AbortSignal.any([signal, timeout]), COUNT_MS),
  )
  const found = async (): Promise<Pick<Standing, 'isUp' | 'paused' | 'oplog'>> => {
    const of = await inTime(STEP_MS, inspection())
    if (!of) return {}
    const [overview, oplog] = await Promise.all([
      inTime(STEP_MS, sitesOverview(of)),
      inTime(STEP_MS, oplogFacts(of.db.client)),
      inTime(STEP_MS, counts.refresh(of)),
    ])
    return {
      ...(overview && {
        isUp: new Map(overview.sites.flatMap((site) => (site.skipped === undefined ? [[site.site, isUp(site)] as const] : []))),
        paused: [...overview.pauses, ...overview.closed].map(scopeOf),
      }),
      ...(oplog && { oplog }),
    }
  }
  return async () => {
    const [gauges, why] = await Promise.all([found(), fault()])
    const { latest } = counts
    return {
      ...gauges,
      ...ownState(state()),
      isDatabaseUp: why === undefined,
      ...(latest && { counts: told(latest.counts, latest.ageSeconds) }),
    }
  }
}

function ownState({ isOff, stream, heartbeatMs }: ServiceState): Pick<Standing, 'isStreamUp' | 'heartbeatSeconds'> {
  return {
    ...(!isOff && { isStreamUp: stream === 'open' }),
    ...(heartbeatMs !== undefined && { heartbeatSeconds: heartbeatMs / 1_000 }),
  }
}

function told(counts: readonly SiteCounts[], ageSeconds: number): Counts & { readonly ageSeconds: number } {
  const bySite = [...Map.groupBy(counts, ({ site }) => site)]
  return {
    ageSeconds,
    pending: bySite.flatMap(([site, own]) => [
      { site, state: 'pending', files: sum(own, ({ pending, failed }) => pending - failed) },
      { site, state: 'failed', files: sum(own, ({ failed }) => failed) },
      { site, state: 'paused', files: sum(own, ({ paused }) => paused) },
    ]),
    exhausted: new Map(bySite.map(([site, own]) => [site, sum(own, ({ exhausted }) => exhausted)])),
    oldest: oldestOf(counts),
  }
}

function sum(counts: readonly SiteCounts[], of: (counts: SiteCounts) => number): number {
  return counts.reduce((total, each) => total + of(each), 0)
}

function oldestOf(counts: readonly SiteCounts[]): ReadonlyMap<string, Date> {
  const oldest = new Map<string, Date>()
  for (const { site, oldest: made } of counts) {
    const known = oldest.get(site)
    if (made && (!known || made < known)) oldest.set(site, made)
  }
  return oldest
}

function isUp({ misconfigured, instances }: SiteOverview): boolean {
  return misconfigured === undefined && instances.every(({ state }) => state === 'ok')
}

function scopeOf({ project, site }: Pause): string {
  const parts = [...(project === undefined ? [] : [`project:${project}`]), ...(site === undefined ? [] : [`site:${site}`])]
  return parts.join(',') || 'all'
}
