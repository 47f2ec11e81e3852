import { BSON, MaxKey, MinKey, MongoServerError, type AggregateOptions, type Db, type Document } from 'mongodb'

import type { RepresentationDocument } from '../model/document.ts'
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
  /** Of a list that is given in parts, one after the other: which one. */
  readonly part?: number | undefined
  readonly project: string
  /** Missing where it is the beginning of the project. */
  readonly id?: unknown
  readonly value?: unknown
  /** Of the project, what has been tried was given: the rest is only what was not. */
  readonly rest?: true
  /** Indexes led to too much here. */
  readonly byId?: true
}

export interface PageParts {
  readonly filter: Document
  readonly sites: readonly string[]
  readonly sort: Sort
  readonly after?: Place | undefined
  readonly limit: number
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

/** A page of one project's representations, sorted and cut by the server, which reads all that match unless they are sorted by id. */
export async function listPage(db: Db, project: string, parts: PageParts): Promise<readonly Listed[]> {
  const { filter, sort, after } = parts
  const direction = sort.descending ? -1 : 1
  if (sort.key === 'id') {
    const range = after ? { $expr: isAfter('$_id', after.id, direction) } : {}
    return find(db, project, [{ $match: { ...filter, ...range } }, { $sort: { _id: direction } }], parts)
  }
  const behind = after ? [{ $match: { $expr: isBehind(after, direction) } }] : []
  const value = { $set: { [VALUE]: scalar(FIELDS[sort.key]) } }
  return find(db, project, [{ $match: filter }, value, ...behind, { $sort: { [VALUE]: direction, _id: direction } }], parts)
}

/** A part of a list by id. */
export interface Stretch {
  readonly found: readonly Listed[]
  /** How far it was looked; undefined at the end of the project. */
  readonly upTo: Place | undefined
}

/** Of the next documents by id, so many and no more, those that match: reading in the order of ids costs little, as long as it ends. */
export async function listStretch(db: Db, project: string, parts: PageParts, documents: number): Promise<Stretch> {
  const { filter, sort, after, signal } = parts
  const direction = sort.descending ? -1 : 1
  // Nothing comes after these, and the server takes no such bound.
  if (after?.id instanceof (direction === 1 ? MaxKey : MinKey)) return { found: [], upTo: undefined }
  const from = after ? [isAfter('$_id', after.id, direction)] : []
  // As bounds of the index, of which nothing else is read: for a condition the server fetches each document. The lower one is inclusive.
  const bound = after && { [direction === 1 ? 'min' : 'max']: { _id: after.id } }
  const skipped = documents - (bound && direction === 1 ? 0 : 1)
  const [bytes] = await db
    .collection(project)
    .find({}, { ...COMMON, ...bound, signal, projection: { _id: 1 }, hint: { _id: 1 } })
    .sort({ _id: direction })
    .skip(skipped)
    .limit(1)
    .toArray()
  const last = bytes && readDocument(bytes as unknown as Uint8Array)._id
  // An id that can't be sent back is none to go on from: the rest is looked through at once.
  const upTo = last === undefined || !isSendable(last) ? undefined : { project, id: last }
  const range = [...from, ...(upTo ? [{ [direction === 1 ? '$lte' : '$gte']: ['$_id', { $literal: upTo.id }] }] : [])]
  const matching = { $match: { ...filter, ...(range.length > 0 && { $expr: { $and: range } }) } }
  const found = await find(db, project, [matching, { $sort: { _id: direction } }], parts, { hint: { _id: 1 } })
  return { found, upTo }
}

/**
 * The same as a page by id, where the documents that match are few and an index leads to them: all of them are read, and sorted afterwards.
 * Undefined when that takes longer than `mostMs`.
 */
export async function listByIndex(db: Db, project: string, parts: PageParts, mostMs: number): Promise<readonly Listed[] | undefined> {
  const { filter, sort, after } = parts
  const direction = sort.descending ? -1 : 1
  // Of another name, so that the server does not walk through all ids for the sake of the order.
  const value = { $set: { [VALUE]: { $ifNull: ['$_id', null] } } }
  const behind = after ? [{ $match: { $expr: isAfter(`$${VALUE}`, after.id, direction) } }] : []
  try {
    return await find(db, project, [{ $match: filter }, value, ...behind, { $sort: { [VALUE]: direction } }], parts, { maxTimeMS: mostMs })
  } catch (error) {
    if (error instanceof MongoServerError && error.code === TIME_IS_UP) return undefined
    throw error
  }
}

/** `MaxTimeMSExpired` */
const TIME_IS_UP = 50
const COMMON = { raw: true, maxTimeMS: MOST_MS } as const

async function find(
  db: Db,
  project: string,
  stages: readonly Document[],
  { sites, sort, limit, signal }: PageParts,
  options: AggregateOptions = {},
): Promise<readonly Listed[]> {
  const isById = sort.key === 'id'
  const pipeline = [...stages, { $limit: limit }, { $project: { ...wantedFields(sites), ...NAMES, ...(!isById && { [VALUE]: 1 }) } }]
  const found = await db
    .collection(project)
    .aggregate(pipeline, { ...COMMON, allowDiskUse: true, signal, ...options })
    .toArray()
  return found.map((bytes) => {
    const document = readDocument(bytes as unknown as Uint8Array)
    return { document, place: { project, id: document._id, ...(!isById && { value: document[VALUE] ?? null }) } }
  })
}

/** Equal values stay together in both orders: a list counts as a value that is missing. */
const scalar = (field: string): Document => ({ $cond: [{ $isArray: field }, null, { $ifNull: [field, null] }] })

/** An expression that compares values of any two types, as sorting does. */
export const isAfter = (field: string, value: unknown, direction: 1 | -1): Document => ({
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
    if (typeof read !== 'object' || read === null || !('project' in read) || !('sort' in read)) return undefined
    const { project, sort } = read
    const id: unknown = 'id' in read ? read.id : undefined
    const value: unknown = 'value' in read ? read.value : null
    const part: unknown = 'part' in read ? read.part : 0
    if (typeof project !== 'string' || sort !== `${descending ? '-' : ''}${key}` || !isSendable(id) || !isSendable(value)) return undefined
    if (typeof part !== 'number') return undefined
    if (id === undefined) return { part, project }
    const rest = 'rest' in read && read.rest === true && { rest: true as const }
    const byId = 'byId' in read && read.byId === true && { byId: true as const }
    return { part, project, id, value, ...rest, ...byId }
  } catch {
    return undefined
  }
}
