import { UsageError } from '../errors.ts'
import { projectSettings } from '../model/project-settings.ts'
import { summarize, type RepresentationSummary } from '../model/representation-summary.ts'
import type { ProjectSettings } from '../model/settings.ts'
import { isOpenFew, listPage, placeText, readPlace, type Place, type Sort } from '../streams/listing.ts'
import { listingFilter, type ListingFilter } from '../streams/listing-filter.ts'
import { collectionNames } from '../streams/scan.ts'
import { selectedProjects } from './selected-projects.ts'
import type { Inspection } from './inspection.ts'

export interface ListRequest extends Omit<ListingFilter, 'ids'> {
  /** Only these, by project. */
  readonly only?: ReadonlyMap<string, readonly string[]> | undefined
  readonly project?: string | undefined
  readonly sort: Sort
  readonly cursor?: string | undefined
  readonly limit: number
}

export interface RepresentationList {
  readonly items: readonly RepresentationSummary[]
  readonly nextCursor: string | null
}

/** Every site of a project that its documents may have records of, in the order of the configuration. */
export function sitesToTell({ publishSite, localId, sites, skipped }: ProjectSettings): readonly string[] {
  return [...new Set([publishSite, ...sites.keys(), ...(skipped?.keys() ?? []), localId])]
}

/** A collection that is read as a whole in no time. */
const SMALL = 50_000

/** In a large collection of which little is open, what is open is looked at, and not everything in the order of ids. */
async function isFew(
  db: Inspection['db'],
  project: string,
  { states, site }: Pick<ListingFilter, 'states' | 'site'>,
  own: ProjectSettings,
  signal: AbortSignal,
): Promise<boolean> {
  // Of what is pending there is enough to be met soon on the way through all ids.
  if (states === undefined || states.has('synced') || states.has('pending')) return false
  if ((await db.collection(project).estimatedDocumentCount()) <= SMALL) return false
  return await isOpenFew(db, project, site === undefined ? [...own.sites.keys()] : [site], signal)
}

/** Documents that may be sorted by what no index holds: about a second's work. */
const MOST_SORTED = 100_000

/** Names are in no index of ours. What is open is found by one, and is few in general; everything may be a million. */
async function requireFew(db: Inspection['db'], project: string, { states }: Pick<ListingFilter, 'states'>): Promise<void> {
  if (states !== undefined && !states.has('synced')) return
  if ((await db.collection(project).estimatedDocumentCount()) <= MOST_SORTED) return
  const most = MOST_SORTED.toLocaleString('en-US')
  throw new UsageError(
    `"sort": a project of more than ${most} documents (${JSON.stringify(project)}) is listed by id, or with a "state" that is open`,
  )
}

/** A page of all projects, one project after the other, each in the order that is asked for. */
export async function listRepresentations(
  { db, settings }: Pick<Inspection, 'db' | 'settings'>,
  { project, sort, cursor, limit, only, ...filter }: ListRequest,
  signal: AbortSignal,
): Promise<RepresentationList> {
  const after = cursor === undefined ? undefined : readPlace(cursor, sort)
  if (cursor !== undefined && !after) throw new UsageError('"cursor" is not one of a list in this order')
  const projects =
    project === undefined ? await selectedProjects(db, settings, {}) : (await collectionNames(db)).filter((name) => name === project)
  const items: RepresentationSummary[] = []
  let last: Place | undefined
  for (const name of projects.toSorted()) {
    if ((after && name < after.project) || (only && !only.has(name))) continue
    const own = projectSettings(settings, name)
    const sites = sitesToTell(own)
    if (sort.key !== 'id' && !only) await requireFew(db, name, filter)
    const found = await listPage(db, name, {
      filter: listingFilter({ ...filter, ids: only?.get(name) }, { retryCount: own.retryCount, sites: [...own.sites.keys()] }),
      sites,
      sort,
      few: await isFew(db, name, filter, own, signal),
      after: after?.project === name ? after : undefined,
      // One more says whether there is a next page.
      limit: limit + 1 - items.length,
      signal,
    })
    for (const { document, place } of found) {
      if (items.length === limit) return { items, nextCursor: last ? placeText(last, sort) : null }
      items.push(summarize(document, name, sites, own.retryCount))
      last = place
    }
  }
  return { items, nextCursor: null }
}
