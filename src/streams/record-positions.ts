import type { Document } from 'mongodb'

import { idText, isPlain } from '../model/document.ts'
import type { RecordAddress } from '../model/transfer.ts'
import { wantedRecords } from './projection.ts'
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

/** What to read of a document for `positionOf` and, of these names, for `openMarks`. */
export function placedFiles(fileIds: readonly unknown[], alternatives: readonly string[]): Document {
  const wanted = { $in: ['$$this._id', { $literal: fileIds }] }
  return {
    _id: 0,
    ids: { $map: { input: '$files', in: { $cond: [wanted, '$$this._id', null] } } },
    files: { $map: { input: { $filter: { input: '$files', cond: wanted } }, as: 'entry', in: placedEntry(alternatives) } },
  }
}

/** Of the records no more than tells them apart: there may be thousands, and a map of them may have a million. */
const placedEntry = (alternatives: readonly string[]): Document => ({
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
      { $cond: [{ $eq: [{ $type: '$$entry.sites' }, 'object'] }, wantedRecords(alternatives), null] },
    ],
  },
})

/** A record of an alternative, and its place. */
export interface OpenMark extends RecordPosition {
  readonly site: string
}

const isOpen = (record: unknown): boolean => isPlain(record) && (record['created_dt'] ?? null) === null

/** The records of alternatives that are there and not marked, in the file whose record is at this position. */
export function openMarks({ ids, files }: PlacedFiles, { shape, alternatives = [] }: RecordAddress, at: RecordPosition): OpenMark[] {
  const found = ids.slice(0, at.file).filter((id) => id !== null && id !== undefined).length
  const entry = files[found]
  const sites = isPlain(entry) ? entry['sites'] : undefined
  if (shape === 'array' && Array.isArray(sites)) {
    return (sites as readonly unknown[]).flatMap((each, record) => {
      const site = isPlain(each) && isOpen(each) ? each['name'] : undefined
      return typeof site === 'string' && alternatives.includes(site) ? [{ site, file: at.file, record }] : []
    })
  }
  if (shape !== 'object' || !isPlain(sites)) return []
  const open = new Set(Object.entries(sites).flatMap(([site, record]) => (isOpen(record) ? [site] : [])))
  return alternatives.filter((site) => open.has(site)).map((site) => ({ site, file: at.file, record: undefined }))
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
