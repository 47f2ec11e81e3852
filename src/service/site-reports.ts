import type { Engine } from './engine.ts'
import type { SyncError } from '../errors.ts'
import { servesSite } from '../model/project-settings.ts'
import type { Settings } from '../model/settings.ts'
import type { News } from './reporter.ts'
import { sitesByName } from './site-check.ts'
import type { ReportedSite } from '../streams/state-database.ts'

/** How the sites are doing under one configuration, those of single projects included. */
export function siteReports(
  settings: Settings,
  engine: Pick<Engine, 'status'>,
  misconfigured: ReadonlyMap<string, SyncError>,
): readonly ReportedSite[] {
  return [...sitesByName(settings).values()].map(({ name, provider }) => {
    const { health, running, queued, rootFaults } = engine.status(name)
    const site = { site: name, provider, running, queued, ...(!servesSite(settings, name) && { served: false }) }
    const mistake = misconfigured.get(name)
    if (mistake) return { ...site, state: 'misconfigured', error: mistake.message }
    if (health.state === 'ok') return { ...site, state: 'ok', ...(rootFaults.length > 0 && { error: rootFaults.join('; ') }) }
    const { state, error, since } = health
    return { ...site, state, error: error.message, since, ...('until' in health && { until: health.until }) }
  })
}

/** What earlier configurations still have under way counts as well. */
export function withEarlier(sites: readonly ReportedSite[], earlier: readonly ReportedSite[]): readonly ReportedSite[] {
  const all = new Map(sites.map((site) => [site.site, site]))
  for (const site of earlier) {
    const now = all.get(site.site)
    if (now) all.set(site.site, { ...now, running: now.running + site.running, queued: now.queued + site.queued })
    else if (site.running > 0) all.set(site.site, site)
  }
  return [...all.values()]
}

/** What an instance says that has several configurations, the latest first; undefined when it has none. */
export function newsOf([latest, ...earlier]: readonly News[]): News | undefined {
  return (
    latest && {
      ...latest,
      sites: withEarlier(
        latest.sites,
        earlier.flatMap(({ sites }) => sites),
      ),
    }
  )
}
