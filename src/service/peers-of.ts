import { projectMatcher } from '../model/project-settings.ts'
import type { Peer } from '../pipeline/peers.ts'
import type { HeardReport } from '../streams/state-database.ts'

/** The instances that share the work, by what they say of themselves. One of an earlier version shares nothing: it races for all of it. */
export function peersOf(reports: readonly HeardReport[]): readonly Peer[] {
  return reports.flatMap(({ _id, sites, projects }) => {
    if (projects === undefined) return []
    const usable = sites.filter(({ state }) => state === 'ok').map(({ site }) => site)
    const notServed = sites.filter(({ served }) => served === false).map(({ site }) => site)
    return [
      { id: _id, sites: new Set(usable), ...(notServed.length > 0 && { notServed: new Set(notServed) }), serves: projectMatcher(projects) },
    ]
  })
}
