import type { Pause } from '../model/pauses.ts'
import { projectCounts, sitesOverview, type SiteCounts, type SiteOverview } from '../service/overview.ts'
import type { Inspection } from '../service/inspection.ts'
import { oplogFacts } from '../streams/server-facts.ts'
import type { Standing } from './metrics.ts'

/** What the gauges say. Costs what is open: it is read by the indexes of scans. */
export async function standingOf(inspection: Inspection, signal: AbortSignal): Promise<Standing> {
  const [overview, counts, oplog] = await Promise.all([
    sitesOverview(inspection),
    projectCounts(inspection, undefined, signal),
    oplogFacts(inspection.db.client).catch(() => undefined),
  ])
  return {
    pending: [...Map.groupBy(counts, ({ site }) => site)].flatMap(([site, own]) => [
      { site, state: 'pending', files: sum(own, ({ pending, failed }) => pending - failed) },
      { site, state: 'failed', files: sum(own, ({ failed }) => failed) },
      { site, state: 'paused', files: sum(own, ({ paused }) => paused) },
    ]),
    exhausted: new Map([...Map.groupBy(counts, ({ site }) => site)].map(([site, own]) => [site, sum(own, ({ exhausted }) => exhausted)])),
    oldest: oldestOf(counts),
    isUp: new Map(overview.sites.flatMap((site) => (site.skipped === undefined ? [[site.site, isUp(site)] as const] : []))),
    paused: [...overview.pauses, ...overview.closed].map(scopeOf),
    oplogSeconds: oplog?.windowSeconds,
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
