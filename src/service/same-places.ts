import { setTimeout as delay } from 'node:timers/promises'

import type { SyncError } from '../errors.ts'
import type { Log } from '../model/log.ts'
import { alternativesOf } from '../model/alternatives.ts'
import { projectSettings } from '../model/project-settings.ts'
import type { Settings } from '../model/settings.ts'
import type { Site } from '../model/site.ts'
import { rootKey } from '../model/transfer.ts'
import type { ProviderPool } from '../providers/provider-pool.ts'
import { allSites } from './site-check.ts'

/** How long the start waits for sites to say what their roots are; who answers later counts from then on. Milliseconds. */
const PATIENCE_MS = 5_000
const ANSWER_MS = 60_000

interface Root {
  readonly site: Site
  readonly root: string
}

/**
 * Finds roots that are one place, by whatever names and paths the sites call it: two sites with the same Drive folder, a folder and a
 * link to it. Told once; the map leads from the key of each but the first to the key of the first, and grows as sites answer. Without
 * it two transfers would write one file at the same time.
 */
export async function findSamePlaces(
  settings: Settings,
  providers: Pick<ProviderPool, 'get'>,
  misconfigured: ReadonlyMap<string, SyncError>,
  log: Log,
): Promise<ReadonlyMap<string, string>> {
  const same = new Map<string, string>()
  for (const [other, first] of alternativeRoots(settings)) unite(same, other, first)
  const firsts = new Map<string, Root>()
  const asked = candidates(allSites(settings).filter(({ name }) => !misconfigured.has(name))).map(async (each) => {
    const id = await identityOf(each, providers)
    if (id === undefined) return
    const first = firsts.get(id)
    if (!first) return void firsts.set(id, each)
    if (first.site.name === each.site.name || !unite(same, keyOf(each), keyOf(first))) return
    const message = `its root ${each.root} is the same place as ${first.root} of site ${JSON.stringify(first.site.name)}: what one of them has, the other has, and nothing is sent twice`
    log.event('site.warning', { site: each.site.name, provider: each.site.provider, message })
  })
  if (asked.length > 0) await Promise.race([Promise.all(asked), delay(PATIENCE_MS, undefined, { ref: false })])
  return same
}

const keyOf = ({ site, root }: Root): string => rootKey(site.name, root)

/** False when they are known to be one place. All keys of a place lead to one. */
function unite(same: Map<string, string>, other: string, first: string): boolean {
  const [from, to] = [same.get(other) ?? other, same.get(first) ?? first]
  if (from === to) return false
  for (const [key, known] of same) if (known === from) same.set(key, to)
  same.set(from, to)
  return true
}

/** Roots of one name at alternative sites, as the configuration says. */
function* alternativeRoots(settings: Settings): Generator<readonly [string, string]> {
  const scopes = [settings, ...[...settings.projects.overrides.keys()].map((project) => projectSettings(settings, project))]
  for (const { sites } of scopes) {
    for (const site of sites.values()) {
      for (const name of alternativesOf({ sites }, site.name)) {
        const other = sites.get(name)
        if (other) for (const [from, to] of sharedRoots(site, other)) yield [rootKey(name, to), rootKey(site.name, from)]
      }
    }
  }
}

function sharedRoots({ root }: Site, { root: other }: Site): readonly (readonly [string, string])[] {
  if (typeof root === 'string' || typeof other === 'string') return typeof root === typeof other ? [[root as string, other as string]] : []
  return [...root].flatMap(([name, path]): (readonly [string, string])[] => {
    const same = other.get(name)
    return same === undefined ? [] : [[path, same]]
  })
}

/** Only two sites of one provider can be one place. */
function candidates(sites: readonly Site[]): readonly Root[] {
  const byProvider = Map.groupBy(sites, ({ provider }) => provider)
  return [...byProvider.values()]
    .filter((some) => new Set(some.map(({ name }) => name)).size > 1)
    .flatMap((some) =>
      some.flatMap((site) => (typeof site.root === 'string' ? [site.root] : [...site.root.values()]).map((root) => ({ site, root }))),
    )
}

/** A site that can't say it now is taken for a place of its own. */
async function identityOf({ site, root }: Root, providers: Pick<ProviderPool, 'get'>): Promise<string | undefined> {
  try {
    const provider = await providers.get(site)
    return await provider.identify(root, { signal: AbortSignal.timeout(ANSWER_MS) })
  } catch {
    return undefined
  }
}
