import { closedAt, type Bandwidth } from './bandwidth.ts'
import type { Pause } from './pauses.ts'
import type { Settings } from './settings.ts'
import type { Site } from './site.ts'

/**
 * The sites whose bandwidth is limited, by name. A site has one line, whichever project uses it: what the general configuration says counts
 * before what one for a project says.
 */
export function limitedSites({
  sites,
  projects,
}: Pick<Settings, 'sites' | 'projects'>): ReadonlyMap<string, Site & { readonly bandwidth: Bandwidth }> {
  const all = new Map([...[...projects.overrides.values()].toReversed().flatMap((override) => [...(override.sites ?? [])]), ...sites])
  return new Map([...all].filter((entry): entry is [string, Site & { readonly bandwidth: Bandwidth }] => entry[1].bandwidth !== undefined))
}

/** The sites that their bandwidth closes at this time: left alone as those that somebody has paused. */
export function closedSites(settings: Pick<Settings, 'sites' | 'projects'>, now: Date): readonly Pause[] {
  return [...limitedSites(settings)].flatMap(([site, { bandwidth }]): Pause[] => {
    const closed = closedAt(bandwidth, now)
    return closed ? [{ site, who: 'bandwidth', isClosed: true, ...closed }] : []
  })
}
