import type { Document } from 'mongodb'

/** What the planning reads of a document. */
export const FIELDS = { type: 1, name: 1, 'context.root': 1 } as const

/** Bytes. A document of so few files that it is read as a whole. */
const SMALL = 16_384
/** Is it one? As an expression. */
export const isSmall: Document = { $lte: [{ $bsonSize: '$$ROOT' }, SMALL] }

/** Bytes. Documents up to this size come as they are; of larger ones only what is needed, which the server has to work for. */
const LARGE = 262_144

/**
 * A projection to what the planning reads, and no more. Of a large document, records of sites that are not named stay behind: a site
 * map may have a million entries, and to read them would hold up everybody else. Of each file one that says that the file is at such a site
 * comes along, unless its site map is large itself. What can't be read in an array comes along, so that it can be told.
 */
export function wantedFields(sites: readonly string[], files: Document | string = '$files'): Document {
  return {
    ...FIELDS,
    files: trimmed(files, { array: [namedElements(sites), elementElsewhere(sites)], map: [fieldElsewhere(sites), wantedRecords(sites)] }),
  }
}

/** The files of a document, given by an expression, with the records of these sites. */
export function wantedFiles(sites: readonly string[], files: Document | string): Document {
  return trimmed(files, { array: [namedElements(sites)], map: [wantedRecords(sites)] })
}

/** Expressions for `sites` of the file `$$entry`, by its shape; where several give the same field of a map, the last one counts. */
interface Wanted {
  readonly array: readonly Document[]
  readonly map: readonly Document[]
}

function trimmed(files: Document | string, { array, map }: Wanted): Document {
  const isObject = { $eq: [{ $type: '$$entry.sites' }, 'object'] }
  const inObject = { $cond: [isObject, { $mergeObjects: map }, '$$entry.sites'] }
  const sites = { $cond: [{ $isArray: '$$entry.sites' }, { $concatArrays: array }, inObject] }
  const wanted = { _id: '$$entry._id', path: '$$entry.path', size: '$$entry.size', sites }
  const entry = { $cond: [{ $eq: [{ $type: '$$entry' }, 'object'] }, wanted, '$$entry'] }
  const isLarge = { $gt: [{ $bsonSize: '$$ROOT' }, LARGE] }
  return { $cond: [{ $and: [isLarge, { $isArray: '$files' }] }, { $map: { input: files, as: 'entry', in: entry } }, files] }
}

const isUnreadable: Document = { $or: [{ $ne: [{ $type: '$$record' }, 'object'] }, { $ne: [{ $type: '$$record.name' }, 'string'] }] }
const isOneOf = (name: string, names: readonly string[]): Document => ({ $in: [name, { $literal: names }] })

function namedElements(names: readonly string[]): Document {
  return { $filter: { input: '$$entry.sites', as: 'record', cond: { $or: [isUnreadable, isOneOf('$$record.name', names)] } } }
}

/** One record that says that the file is at a site which is not named. */
function elementElsewhere(names: readonly string[]): Document {
  const cond = { $and: [{ $not: [isUnreadable] }, isElsewhere('$$record.name', '$$record.created_dt', names)] }
  return { $slice: [{ $filter: { input: '$$entry.sites', as: 'record', cond } }, 1] }
}

/** The same of a site map that is not large itself. */
function fieldElsewhere(names: readonly string[]): Document {
  const cond = isElsewhere('$$record.k', '$$record.v.created_dt', names)
  const found = { $filter: { input: { $objectToArray: '$$entry.sites' }, as: 'record', cond } }
  return { $cond: [{ $lte: [{ $bsonSize: '$$entry.sites' }, LARGE] }, { $arrayToObject: { $slice: [found, 1] } }, { $literal: {} }] }
}

function isElsewhere(name: string, created: string, names: readonly string[]): Document {
  return { $and: [{ $not: [isOneOf(name, names)] }, { $gt: [created, null] }] }
}

/** Asks for each name: cheaper than to look at every field, and right for any name. What is missing stays missing. */
export function wantedRecords(names: readonly string[]): Document {
  let records: Document = { $literal: {} }
  for (const name of names) {
    const field = { $literal: name }
    records = { $setField: { field, input: records, value: { $getField: { field, input: '$$entry.sites' } } } }
  }
  return records
}
