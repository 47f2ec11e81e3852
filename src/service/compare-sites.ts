import type { Db } from 'mongodb'

import { messageOf } from '../errors.ts'
import { idPlain, type RepresentationDocument } from '../model/document.ts'
import type { Selection } from '../model/selection.ts'
import type { ProjectSettings, Settings } from '../model/settings.ts'
import { recordedPairs, type RecordedPair } from '../model/site-difference.ts'
import { placeAt } from '../model/sources.ts'
import type { ProviderPool } from '../providers/provider-pool.ts'
import { selectedWithRoots } from './selected-projects.ts'
import { selected } from '../streams/selected.ts'

/** One file that is not the same at both sites. */
export interface Difference {
  readonly project: string
  readonly representation: string
  readonly path: string
  /** The site that has it, and the one that lacks it; neither where both have it, of different sizes. */
  readonly has?: string
  readonly lacks?: string
  /** Bytes at each of the sites. */
  readonly sizes?: readonly [number, number]
}

export interface CompareCounts {
  /** Files that were compared. */
  records: number
  /** Representations that they are in. */
  representations: number
  different: number
  /** Files of which a site did not say whether it has them. */
  unknown: number
}

export interface CompareParts {
  readonly db: Db
  readonly settings: Settings
  readonly selection: Selection
  readonly sites: readonly [string, string]
  /** Asks the sites themselves; without it, the records. */
  readonly providers?: ProviderPool
  /** A site did not answer; told once for each message. */
  readonly failed: (site: string, why: string) => void
}

/** Files that are looked at at once. */
const AT_ONCE = 8

/** Goes through the selected representations, and gives what differs. A site that does not answer says nothing about any file. */
export async function* compareSites(parts: CompareParts, counts: CompareCounts): AsyncGenerator<Difference> {
  const { db, settings, selection, sites } = parts
  for await (const { project, own } of selectedWithRoots(db, settings, selection)) {
    for await (const document of selected(db, project, selection, { sites })) {
      const pairs = recordedPairs(document, sites)
      if (pairs.length === 0) continue
      counts.representations++
      counts.records += pairs.length
      const representation = idPlain(document._id)
      for (let from = 0; from < pairs.length; from += AT_ONCE) {
        const found = await Promise.all(pairs.slice(from, from + AT_ONCE).map(async (pair) => look(parts, own, document, pair, counts)))
        for (const [at, difference] of found.entries()) {
          if (!difference) continue
          counts.different++
          yield { project, representation, path: pairs[from + at]?.path ?? '', ...difference }
        }
      }
    }
  }
}

type Sides = Pick<Difference, 'has' | 'lacks' | 'sizes'>

async function look(
  { providers, sites, failed }: CompareParts,
  settings: ProjectSettings,
  document: RepresentationDocument,
  { path, created }: RecordedPair,
  counts: CompareCounts,
): Promise<Sides | undefined> {
  if (!providers) return sidesOf(sites, created)
  const sizes = await Promise.all(
    sites.map(async (name) => {
      try {
        const found = placeAt({ document, settings }, path, name)
        if (!found) throw new Error('it is not configured in this project')
        const provider = await providers.get(found.site)
        return (await provider.stat(found.place, { signal: AbortSignal.timeout(STAT_MS), exact: true }))?.size
      } catch (error) {
        failed(name, messageOf(error))
        return 'unknown'
      }
    }),
  )
  const [one, other] = sizes
  if (one === 'unknown' || other === 'unknown') {
    counts.unknown++
    return undefined
  }
  if (one === undefined || other === undefined) return sidesOf(sites, [one !== undefined, other !== undefined])
  return one === other ? undefined : { sizes: [one, other] }
}

/** Milliseconds. */
const STAT_MS = 30_000

function sidesOf([one, other]: readonly [string, string], [isAtOne, isAtOther]: readonly [boolean, boolean]): Sides | undefined {
  if (isAtOne === isAtOther) return undefined
  return isAtOne ? { has: one, lacks: other } : { has: other, lacks: one }
}
