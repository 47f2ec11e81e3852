import { UsageError } from '../errors.ts'
import { projectSettings } from '../model/project-settings.ts'
import { summarize, type RepresentationSummary } from '../model/representation-summary.ts'
import type { ProjectSettings } from '../model/settings.ts'
import { listPage, placeText, readPlace, type Place, type Sort } from '../streams/listing.ts'
import { isMostlyTried, isOfOpen, listingFilter, type ListingFilter } from '../streams/listing-filter.ts'
import { collectionNames } from '../streams/scan.ts'
import { selectedProjects } from './selected-projects.ts'
import { PACE, walkProject, type Pace } from './walk-project.ts'
import type { Inspection } from './inspection.ts'

export interface ListRequest extends Omit<ListingFilter, 'ids' | 'errorOf' | 'tried'> {
  /** Only these, by project. */
  readonly only?: ReadonlyMap<string, readonly string[]> | undefined
  readonly project?: string | undefined
  readonly sort: Sort
  readonly cursor?: string | undefined
  readonly limit: number
  readonly pace?: Pace | undefined
}

export interface RepresentationList {
  readonly items: readonly RepresentationSummary[]
  readonly nextCursor: string | null
}

/** Every site of a project that its documents may have records of, in the order of the configuration. */
export function sitesToTell({ publishSite, localId, sites, skipped }: ProjectSettings): readonly string[] {
  return [...new Set([publishSite, ...sites.keys(), ...(skipped?.keys() ?? []), localId])]
}

/** Documents that may be sorted by what no index holds: about a second's work. */
const MOST_SORTED = 100_000

/** Names are in no index of ours. What is open is found by one, and is few in general; everything may be a million. */
async function requireFew(db: Inspection['db'], project: string, filter: Pick<ListingFilter, 'states'>): Promise<void> {
  if (isOfOpen(filter)) return
  if ((await db.collection(project).estimatedDocumentCount()) <= MOST_SORTED) return
  const most = MOST_SORTED.toLocaleString('en-US')
  throw new UsageError(
    `"sort": a project of more than ${most} documents (${JSON.stringify(project)}) is listed by id, or with a "state" that is open`,
  )
}

/**
 * A page of all projects, one project after the other, each in the order that is asked for. A list that takes long gives what was found so
 * far, and where to go on: a page may be short, or empty, and not the last one.
 */
export async function listRepresentations(
  { db, settings }: Pick<Inspection, 'db' | 'settings'>,
  { project, sort, cursor, limit, only, pace = PACE, ...filter }: ListRequest,
  signal: AbortSignal,
): Promise<RepresentationList> {
  const isWalked = sort.key === 'id' && !only
  const parts = isWalked ? partsOf(filter) : only ? [filter] : partsByName(filter)
  const after = cursor === undefined ? undefined : readPlace(cursor, sort)
  const begun = after?.part ?? 0
  if (cursor !== undefined && (!after || !(begun in parts))) throw new UsageError('"cursor" is not one of a list in this order')
  const named =
    project === undefined ? await selectedProjects(db, settings, {}) : (await collectionNames(db)).filter((name) => name === project)
  const projects = named.filter((name) => !only || only.has(name)).toSorted()
  const steps = parts.flatMap((each, part) => projects.map((name) => ({ each, part, name })))
  const items: RepresentationSummary[] = []
  const began = performance.now()
  const isFirst = cursor === undefined
  let isBegun = false
  let last: Place | undefined
  for (const { each, part, name } of steps) {
    if (part < begun || (part === begun && after && name < after.project)) continue
    const waited = performance.now() - began
    const isLate = waited >= (!isWalked && isFirst && part > 0 && items.length > 0 ? pace.soonMs : pace.lateMs)
    if (isLate && isBegun) return { items, nextCursor: placeText({ part, project: name }, sort) }
    isBegun = true
    const own = projectSettings(settings, name)
    const sites = sitesToTell(own)
    if (sort.key !== 'id' && !only) await requireFew(db, name, filter)
    const scope = { retryCount: own.retryCount, sites: [...own.sites.keys()] }
    const asked = {
      filter: listingFilter({ ...each, ids: only?.get(name) }, scope),
      sites,
      sort,
      after: part === begun && after?.project === name && 'id' in after ? after : undefined,
      // One more says whether there is a next page.
      limit: limit + 1 - items.length,
      signal,
    }
    // What is open is in the indexes of scans; names may be in one of the owner.
    const walk = {
      isFirst,
      hasSome: items.length > 0,
      began,
      pace,
      isIndexed: each.asset !== undefined || isOfOpen(each),
      split: isMostlyTried(each)
        ? { tried: listingFilter({ ...each, tried: true }, scope), others: listingFilter({ ...each, tried: false }, scope) }
        : undefined,
    }
    const { found, upTo } = isWalked
      ? await walkProject(db, name, asked, walk)
      : { found: await listPage(db, name, asked), upTo: undefined }
    for (const { document, place } of found) {
      if (items.length === limit) return { items, nextCursor: last ? placeText(last, sort) : null }
      items.push(summarize(document, name, sites, own.retryCount))
      last = { ...place, part }
    }
    if (upTo) return { items, nextCursor: placeText({ ...upTo, part }, sort) }
  }
  return { items, nextCursor: null }
}

/**
 * A text of an error stands nearly always in an open record, which the indexes of scans lead to; that it stands in a record of what is there,
 * or of a site that is not configured, only a look at everything can tell. So what is open comes first, and the rest when it was looked through.
 */
const partsOf = (filter: ListingFilter): readonly ListingFilter[] =>
  filter.error === undefined || filter.states !== undefined || filter.whole === true
    ? [filter]
    : (['open', 'others'] as const).map((errorOf) => ({ ...filter, errorOf }))

/** What failed, by name: what has been tried is found at once among however many that wait, so it comes before what only has an error. */
const partsByName = (filter: ListingFilter): readonly ListingFilter[] =>
  isMostlyTried(filter) ? [true, false].map((tried) => ({ ...filter, tried })) : [filter]
