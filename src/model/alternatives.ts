import { remembered } from './remembered.ts'
import type { Site } from './site.ts'

/**
 * The other names of a site's storage: whoever names a site as an alternative is one of it, too, and of all its alternatives. Names that are
 * not declared count, since records may have them.
 */
export function alternativesOf({ sites }: { readonly sites: ReadonlyMap<string, Site> }, site: string): readonly string[] {
  return (
    groupsOf(sites)
      .get(site)
      ?.filter((name) => name !== site) ?? []
  )
}

/** Each name of a group leads to the names of all. */
const groupsOf = remembered((sites: ReadonlyMap<string, Site>): ReadonlyMap<string, readonly string[]> => {
  const groups = new Map<string, readonly string[]>()
  for (const { name, alternativeSites } of sites.values()) {
    if (alternativeSites.length === 0) continue
    const joined = [...new Set([name, ...alternativeSites].flatMap((each) => groups.get(each) ?? [each]))]
    for (const each of joined) groups.set(each, joined)
  }
  return groups
})
