import { publishSites } from './model/project-settings.ts'
import type { Settings } from './model/settings.ts'
import type { SiteGates } from './pipeline/site-gates.ts'
import { concurrencyOf } from './providers/registry.ts'

/**
 * How many leases may be taken ahead of a site's slots. None where instances share the slots: nobody reserves what another has a slot
 * for. None while a site that files come from is in trouble: they could not be used.
 */
export function mostAhead(settings: Settings, gates: SiteGates): (site: string) => number {
  const sources = publishSites(settings)
  return (name) => {
    const site = settings.sites.get(name)
    const isUseful = site?.concurrencyScope !== 'cluster' && !sources.some((source) => gates.isInTrouble(source))
    return isUseful ? concurrencyOf(site) : 0
  }
}
