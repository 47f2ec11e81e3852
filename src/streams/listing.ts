import { BSON, MongoServerError, type Db, type Document } from 'mongodb'

import type { RepresentationDocument } from '../model/document.ts'
import { someOpen } from './listing-filter.ts'
import { wantedFields } from './projection.ts'
import { isSendable, readDocument } from './raw-document.ts'

/** By what a list can be sorted, beside the id. */
const FIELDS = { asset: '$context.asset', subset: '$context.subset', version: '$context.version', name: '$name' } as const
export const SORT_KEYS = ['id', 'asset', 'subset', 'version', 'name'] as const
type SortKey = (typeof SORT_KEYS)[number]

export interface Sort {
  readonly key: SortKey
  readonly descending: boolean
}

/** The last one of a page: the next page begins after it. */
export interface Place {
  readonly project: string
  readonly id: unknown
  readonly value?: unknown
}

export interface PageParts {
  readonly filter: Document
  readonly sites: readonly string[]
  readonly sort: Sort
  readonly after?: Place | undefined
  readonly limit: number
  /** What matches is found by indexes and is little: all of it is read and sorted, whatever the order. */
  readonly few?: boolean | undefined
  readonly signal: AbortSignal
}

export interface Listed {
  readonly document: RepresentationDocument & Document
  readonly place: Place
}

/** How long the server may look for a page. Milliseconds. */
const MOST_MS = 8_000
/** No field of ours: the value that is sorted by. */
const VALUE = 'site_sync_sort'

/** What people call it, beside what the planning reads. */
export const NAMES = { 'context.asset': 1, 'context.subset': 1, 'context.version': 1 } as const

/** A page of one project's representations, sorted and cut by the server. */
export async function listPage(
  db: Db,
  project: string,
  { filter, sites, sort, after, limit, few = false, signal }: PageParts,
): Promise<readonly Listed[]> {
  const direction = sort.descending ? -1 : 1
  const isById = sort.key === 'id'
  const pipeline: Document[] = [
    { $match: { ...filter, ...(after && isById && !few && { $expr: isAfter('$_id', after.id, direction) }) } },
    ...(sort.key === 'id' ? [] : [{ $set: { [VALUE]: scalar(FIELDS[sort.key]) } }]),
    // Of another name, so that the server does not walk through all ids for the sake of the order.
    ...(isById && few ? [{ $set: { [VALUE]: { $ifNull: ['$_id', null] } } }] : []),
    ...(after && isById && few ? [{ $match: { $expr: isAfter(`$${VALUE}`, after.id, direction) } }] : []),
    ...(after && !isById ? [{ $match: { $expr: isBehind(after, direction) } }] : []),
    { $sort: isById && few ? { [VALUE]: direction } : { ...(!isById && { [VALUE]: direction }), _id: direction } },
    { $limit: limit },
    { $project: { ...wantedFields(sites), ...NAMES, ...(!isById && { [VALUE]: 1 }) } },
  ]
  const found = await db.collection(project).aggregate(pipeline, { raw: true, maxTimeMS: MOST_MS, allowDiskUse: true, signal }).toArray()
  return found.map((bytes) => {
    const document = readDocument(bytes as unknown as Uint8Array)
    return { document, place: { project, id: document._id, ...(!isById && { value: document[VALUE] ?? null }) } }
  })
}

/** `MaxTimeMSExpired` */
const TIME_IS_UP = 50
/** Documents that are sorted without an index in no time. */
const FEW = 20_000

/** How long it may take to find out: without indexes everything is read for it. Milliseconds. */
const FEW_MS = 500

/** Is it little that is open at these sites? Found by the indexes of scans; what is not known in time is not little. */
export async function isOpenFew(db: Db, project: string, sites: readonly string[], signal: AbortSignal): Promise<boolean> {
  const pipeline = [{ $match: { type: 'representation', ...someOpen(sites) } }, { $limit: FEW + 1 }, { $count: 'open' }]
  try {
    const [found] = await db.collection(project).aggregate<{ open: number }>(pipeline, { maxTimeMS: FEW_MS, signal }).toArray()
    return (found?.open ?? 0) <= FEW
  } catch (error) {
    if (error instanceof MongoServerError && error.code === TIME_IS_UP) return false
    throw error
  }
}

/** Equal values stay together in both orders: a list counts as a value that is missing. */
const scalar = (field: string): Document => ({ $cond: [{ $isArray: field }, null, { $ifNull: [field, null] }] })

/** Compares values of any two types, as sorting does. */
const isAfter = (field: string, value: unknown, direction: 1 | -1): Document => ({
  [direction === 1 ? '$gt' : '$lt']: [field, { $literal: value }],
})

function isBehind({ id, value }: Place, direction: 1 | -1): Document {
  const field = `$${VALUE}`
  return { $or: [isAfter(field, value, direction), { $and: [{ $eq: [field, { $literal: value }] }, isAfter('$_id', id, direction)] }] }
}

/** Without it the text begins as tokens of other programs do, which are taken out of everything that is said. */
const PREFIX = 'p'

/** The place as text, for whoever asks for the next page in the same order. */
export function placeText(place: Place, { key, descending }: Sort): string {
  const json = BSON.EJSON.stringify({ ...place, sort: `${descending ? '-' : ''}${key}` }, { relaxed: false })
  return `${PREFIX}${Buffer.from(json).toString('base64url')}`
}

/** Undefined when it is no place of a list in this order. */
export function readPlace(text: string, { key, descending }: Sort): Place | undefined {
  if (!/^p[\w-]+$/.test(text)) return undefined
  try {
    const read: unknown = BSON.EJSON.parse(Buffer.from(text.slice(PREFIX.length), 'base64url').toString('utf8'), { relaxed: true })
    if (typeof read !== 'object' || read === null || !('project' in read) || !('id' in read) || !('sort' in read)) return undefined
    const { project, id, sort } = read
    const value: unknown = 'value' in read ? read.value : null
    if (typeof project !== 'string' || sort !== `${descending ? '-' : ''}${key}` || !isSendable(id) || !isSendable(value)) return undefined
    return { project, id, value }
  } catch {
    return undefined
  }
}
