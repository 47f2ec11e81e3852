import type { Db, Document, Filter } from 'mongodb'

import type { RepresentationDocument } from '../model/document.ts'
import type { Selection } from '../model/selection.ts'
import { isPathName } from '../model/site-record.ts'
import { idsOf } from './ids-of.ts'
import { isAfter } from './listing.ts'
import { someOpen } from './open-records.ts'
import { wantedFields } from './projection.ts'
import { isSendable, readDocument } from './raw-document.ts'

/** Documents in one batch of the server. */
const PAGE = 200

/** To which people fill up the number of a version. */
const MOST_DIGITS = 6

interface SelectedOptions {
  readonly sites: readonly string[]
  readonly signal?: AbortSignal
  /** Only of these. */
  readonly ids?: readonly unknown[]
  /** Only where one of the records of `sites` may be in a selected state, or have a selected error: the server leaves out the rest. */
  readonly byRecords?: boolean
}

/**
 * The representations of one project in which something may be selected, in the order of their ids: what is changed meanwhile is neither
 * skipped nor seen twice. One page is in memory at a time.
 */
export async function* selected(
  db: Db,
  project: string,
  selection: Selection,
  { sites, signal, after, ids, byRecords = false }: SelectedOptions & { readonly after?: unknown },
): AsyncGenerator<RepresentationDocument> {
  const filter = selectionFilter(selection)
  const more = [
    // The server makes it a bound of the index.
    ...(after === undefined ? [] : [{ $expr: isAfter('$_id', after, 1) }]),
    ...(ids ? [{ _id: { $in: ids } }] : []),
    ...(byRecords ? recordsFilter(selection, sites) : []),
  ]
  if (more.length > 0) filter['$and'] = [...((filter['$and'] as Document[] | undefined) ?? []), ...more]
  const cursor = db.collection(project).find(filter as Filter<Document>, {
    projection: wantedFields(sites),
    readConcern: 'majority',
    batchSize: PAGE,
    raw: true,
    sort: { _id: 1 },
    hint: { _id: 1 },
    ...(signal && { signal }),
  })
  try {
    for await (const bytes of cursor) yield readDocument(bytes as unknown as Uint8Array)
  } finally {
    await cursor.close().catch(() => undefined)
  }
}

/** Milliseconds. Servers forget a cursor that nobody asks for ten minutes, and a session after thirty. */
const CURSOR_MS = 60_000

interface SlowOptions extends SelectedOptions {
  readonly cursorMs?: number
  readonly after?: unknown
}

/** The same for work that takes hours: whoever asks slowly gets a fresh cursor, which begins where the last one was left. It begins after the id `after`. */
export async function* selectedSlowly(
  db: Db,
  project: string,
  selection: Selection,
  { cursorMs = CURSOR_MS, after, ...options }: SlowOptions,
): AsyncGenerator<RepresentationDocument> {
  let last = after
  for (let isDone = false; !isDone;) {
    isDone = true
    const openedAt = performance.now()
    for await (const document of selected(db, project, selection, { ...options, after: last })) {
      yield document
      // An id that nobody can read, or that can't be sent back, is none to go on from.
      if (document._id === undefined || !isSendable(document._id)) continue
      last = document._id
      if (performance.now() - openedAt < cursorMs) continue
      isDone = false
      break
    }
  }
}

/** The first representation of that id, path or name in a project, with the records of these sites. */
export async function findRepresentation(
  db: Db,
  project: string,
  representation: string,
  sites: readonly string[],
  fields: Document = {},
): Promise<(RepresentationDocument & Document) | undefined> {
  const filter = representationFilter(representation) as Filter<Document>
  const bytes: unknown = await db.collection(project).findOne(filter, { projection: { ...wantedFields(sites), ...fields }, raw: true })
  return bytes instanceof Uint8Array ? readDocument(bytes) : undefined
}

/** What the server is asked for; what only a look at the records can tell is not in it. */
function selectionFilter(selection: Selection): Document {
  const { representation, asset, subset, version, name, site, states, error } = selection
  const isOfRecord = site !== undefined && (states !== undefined || error !== undefined)
  const conditions = [
    ...(representation === undefined ? [] : [representationFilter(representation)]),
    ...(version === undefined ? [] : [versionFilter(version)]),
    ...(isOfRecord ? [siteFilter(site)] : []),
  ]
  return {
    type: 'representation',
    ...(asset !== undefined && { 'context.asset': asset }),
    ...(subset !== undefined && { 'context.subset': subset }),
    ...(name !== undefined && { name }),
    ...(conditions.length > 0 && { $and: conditions }),
  }
}

/** More than what is selected: paths of fields tell it in few microseconds a document, which the client would have to read otherwise. */
function recordsFilter({ states, error }: Selection, sites: readonly string[]): readonly Document[] {
  const isOpen = states !== undefined && !states.has('synced')
  const records = ['files.sites', ...sites.map((site) => `files.sites.${site}`)]
  const hasError = { $or: records.map((record) => ({ [`${record}.error`]: { $type: 'string' } })) }
  return [...(isOpen ? [someOpen(sites)] : []), ...(error !== undefined && sites.every(isPathName) ? [hasError] : [])]
}

/** An id, a path, or asset/subset/version/name. */
function representationFilter(text: string): Document {
  const parts = text.split('/')
  const [asset, subset, version = '', name] = parts
  const isPath = text.startsWith('{') || /^[a-z]:$/i.test(parts[0] ?? '')
  if (parts.length === 4 && parts.every((part) => part !== '') && !isPath) {
    return { 'context.asset': asset, 'context.subset': subset, name, ...versionFilter(version) }
  }
  if (!/[/\\]/.test(text)) return { _id: { $in: idsOf(text) } }
  // Disks spell a name in one of these ways, and people paste what a disk says.
  const spellings = [...new Set([text, text.normalize('NFC'), text.normalize('NFD')])]
  return { $or: [{ 'files.path': { $in: spellings } }, { 'data.path': { $in: spellings } }, ...belowRoot(spellings)] }
}

/** A path on a disk: in documents its root is a token, so that it may be any of its ends. */
function belowRoot(spellings: readonly string[]): readonly Document[] {
  if (spellings.some((path) => path.startsWith('{'))) return []
  const ends = spellings.flatMap((path) => {
    const parts = path.replaceAll('\\', '/').split('/')
    return parts.map((_, at) => parts.slice(at).join('/')).filter((end) => end !== '' && !end.startsWith('/'))
  })
  const input = { $cond: [{ $isArray: '$files' }, '$files', []] }
  const end = { $last: { $split: ['$$file.path', '}/'] } }
  const rest = { $substrCP: ['$$file.path', { $add: [{ $indexOfCP: ['$$file.path', '}/'] }, 2] }, 40_000] }
  const isBelow = { $and: [{ $eq: [{ $indexOfCP: ['$$file.path', '{root'] }, 0] }, { $in: [rest, { $literal: ends }] }] }
  const isText = { $eq: [{ $type: '$$file.path' }, 'string'] }
  const isIt = { $cond: [{ $and: [isText, { $ne: [end, '$$file.path'] }] }, isBelow, false] }
  return [{ $expr: { $anyElementTrue: [{ $map: { input, as: 'file', in: isIt } }] } }]
}

/** `3`, `003` and `v003` are one version; some tools write it as text, in any of these ways. */
function versionFilter(text: string): Document {
  const digits = /^v?0*(\d+)$/i.exec(text)?.[1]
  const padded = digits === undefined ? [] : Array.from({ length: MOST_DIGITS }, (_, at) => digits.padStart(at + 1, '0'))
  const texts = [...new Set(padded.flatMap((each) => [each, `v${each}`, `V${each}`]))]
  return { 'context.version': { $in: digits === undefined ? [text] : [Number(digits), text, ...texts] } }
}

function siteFilter(site: string): Document {
  const inArray = { 'files.sites.name': site }
  return isPathName(site) ? { $or: [inArray, { [`files.sites.${site}`]: { $exists: true } }] } : {}
}
