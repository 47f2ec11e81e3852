import type { Document } from 'mongodb'

/** What the planning reads of a document. */
const FIELDS = { type: 1, name: 1, 'context.root': 1 } as const

/** Bytes. Documents up to this size come as they are; of larger ones only what is needed, which the server has to work for. */
const LARGE = 262_144

/**
 * A projection to what the planning reads, and no more. Of a large document, records of sites that are not named stay behind: a site
 * map may have a million entries, and to read them would hold up everybody else. Of each file one that says that the file is at such a site
 * comes along, unless its site map is large itself. What can't be read in an array comes along, so that it can be told.
 */
export function wantedFields(sites: readonly string[], files: Document | string = '$files'): Document {
  return { ...FIELDS, files: wantedFiles(sites, files) }
}

/** The files of a document, given by an expression, with the records of these sites. */
export function wantedFiles(sites: readonly string[], files: Document | string): Document {
  const entry = { $cond: [{ $eq: [{ $type: '$$entry' }, 'object'] }, wantedEntry(sites), '$$entry'] }
  const trimmed = { $map: { input: files, as: 'entry', in: entry } }
  const isLarge = { $gt: [{ $bsonSize: '$$ROOT' }, LARGE] }
  return { $cond: [{ $and: [isLarge, { $isArray: '$files' }] }, trimmed, files] }
}

const isObject: Document = { $eq: [{ $type: '$$entry.sites' }, 'object'] }

function wantedEntry(names: readonly string[]): Document {
  const isNamed = { $in: ['$$record.name', { $literal: names }] }
  const isUnreadable = { $or: [{ $ne: [{ $type: '$$record' }, 'object'] }, { $ne: [{ $type: '$$record.name' }, 'string'] }] }
  const isElsewhere = { $and: [{ $not: [{ $or: [isUnreadable, isNamed] }] }, { $gt: ['$$record.created_dt', null] }] }
  const all = { input: '$$entry.sites', as: 'record' }
  const elsewhere = { $slice: [{ $filter: { ...all, cond: isElsewhere } }, 1] }
  const some = { $concatArrays: [{ $filter: { ...all, cond: { $or: [isUnreadable, isNamed] } } }, elsewhere] }
  const map = { $mergeObjects: [oneElsewhere(names), wantedRecords(names)] }
  const sites = { $cond: [{ $isArray: '$$entry.sites' }, some, { $cond: [isObject, map, '$$entry.sites'] }] }
  return { _id: '$$entry._id', path: '$$entry.path', size: '$$entry.size', sites }
}

/** A record of a site map that says that the file is at a site which is not named. */
function oneElsewhere(names: readonly string[]): Document {
  const isElsewhere = { $and: [{ $not: [{ $in: ['$$record.k', { $literal: names }] }] }, { $gt: ['$$record.v.created_dt', null] }] }
  const found = { $filter: { input: { $objectToArray: '$$entry.sites' }, as: 'record', cond: isElsewhere } }
  return { $cond: [{ $lte: [{ $bsonSize: '$$entry.sites' }, LARGE] }, { $arrayToObject: { $slice: [found, 1] } }, { $literal: {} }] }
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
