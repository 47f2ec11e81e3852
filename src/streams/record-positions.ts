import type { Document } from 'mongodb'

import { idText, isPlain } from '../model/document.ts'
import type { RecordAddress } from '../model/transfer.ts'
import type { OperatorUpdate } from './record-update.ts'

/** Where a record stands in a document at the moment; `record` is undefined in object shape. */
export interface RecordPosition {
  readonly file: number
  readonly record: number | undefined
}

/** A document's entries of some ids, with the ids of all, so that places can be counted. */
export interface PlacedFiles {
  readonly ids: readonly unknown[]
  readonly files: readonly unknown[]
}

/** What to read of a document for `positionOf`. */
export function placedFiles(fileIds: readonly unknown[]): Document {
  const wanted = { $in: ['$$this._id', { $literal: fileIds }] }
  return {
    _id: 0,
    ids: { $map: { input: '$files', in: { $cond: [wanted, '$$this._id', null] } } },
    files: { $map: { input: { $filter: { input: '$files', cond: wanted } }, as: 'entry', in: placedEntry } },
  }
}

/** Of the records no more than tells them apart: there may be thousands, and a map of them may have a million. */
const placedEntry: Document = {
  _id: '$$entry._id',
  path: '$$entry.path',
  sites: {
    $cond: [
      { $isArray: '$$entry.sites' },
      {
        $map: {
          input: '$$entry.sites',
          as: 'record',
          in: { $cond: [{ $eq: [{ $type: '$$record' }, 'object'] }, { name: '$$record.name', created_dt: '$$record.created_dt' }, null] },
        },
      },
      { $cond: [{ $eq: [{ $type: '$$entry.sites' }, 'object'] }, {}, null] },
    ],
  },
}

/** Undefined when the record is not there any more, or not as the address says. */
export function positionOf({ ids, files }: PlacedFiles, { fileId, path, site, shape }: RecordAddress): RecordPosition | undefined {
  const places = ids.flatMap((id, at) => (id === null || id === undefined ? [] : [at]))
  const found = files.findIndex((entry) => isPlain(entry) && entry['path'] === path && idText(entry['_id']) === idText(fileId))
  const file = places[found]
  const entry = files[found]
  if (file === undefined || !isPlain(entry)) return undefined
  const { sites } = entry
  if (shape === 'object') return isPlain(sites) ? { file, record: undefined } : undefined
  if (!Array.isArray(sites)) return undefined
  const record = sites.findIndex((each) => isPlain(each) && each['name'] === site && (each['created_dt'] ?? null) === null)
  return record < 0 ? undefined : { file, record }
}

/**
 * The same update for a record at a known place. The place alone is never trusted: what the array filters ask of the record becomes a
 * condition on the document.
 */
export function atPosition({ update, arrayFilters }: OperatorUpdate, { file, record }: RecordPosition) {
  const fileAt = `files.${file}`
  const recordAt = `${fileAt}.sites.${record}`
  const placed = (fields: Document): Document =>
    Object.fromEntries(
      Object.entries(fields).map(([path, value]): [string, unknown] => [
        path.replace(/^files\.\$\[f\d+\]\.sites\.\$\[s\d+\]/, recordAt).replace(/^files\.\$\[f\d+\]/, fileAt),
        value,
      ]),
    )
  const conditions = arrayFilters
    .flatMap((filter) => filter['$and'] as Document[])
    .flatMap((condition) => Object.entries(condition))
    .map(([path, value]): Document => ({ [path.replace(/^f\d+/, fileAt).replace(/^s\d+/, recordAt)]: value as unknown }))
  return { update: { $set: placed(update.$set), $unset: placed(update.$unset), $currentDate: placed(update.$currentDate) }, conditions }
}
