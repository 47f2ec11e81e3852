import type { Document } from 'mongodb'

import { idText, isPlain } from '../model/document.ts'
import { RESULT_FIELDS } from '../model/site-record.ts'
import type { RecordAddress } from '../model/transfer.ts'
import { wantedRecords } from './projection.ts'
import { isOpen } from './record-update.ts'

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

const saysNotCreated = (record: unknown): boolean => isPlain(record) && (record['created_dt'] ?? null) === null

/** The records of alternatives that are there and not marked, in the file whose record is at this position. */
export function openMarks({ ids, files }: PlacedFiles, { shape, alternatives = [] }: RecordAddress, at: RecordPosition): OpenMark[] {
  const found = ids.slice(0, at.file).filter((id) => id !== null && id !== undefined).length
  const entry = files[found]
  const sites = isPlain(entry) ? entry['sites'] : undefined
  if (shape === 'array' && Array.isArray(sites)) {
    return (sites as readonly unknown[]).flatMap((each, record) => {
      const site = isPlain(each) && saysNotCreated(each) ? each['name'] : undefined
      return typeof site === 'string' && alternatives.includes(site) ? [{ site, file: at.file, record }] : []
    })
  }
  if (shape !== 'object' || !isPlain(sites)) return []
  const open = new Set(Object.entries(sites).flatMap(([site, record]) => (saysNotCreated(record) ? [site] : [])))
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

/** A record at its position, and what has to be true of it for an update to be written there. */
export interface Placed extends RecordPosition {
  readonly address: Pick<RecordAddress, 'fileId' | 'path' | 'site' | 'snapshot'>
  /** Its result fields are as they were when the work was claimed; or it is not marked, whatever else it says. */
  readonly expected: 'as claimed' | 'not marked'
}

export const pathAt = ({ file, record, address: { site } }: Placed): string => `files.${file}.sites.${record ?? site}`

/**
 * An expression: do all records stand where they stood, as they have to be? A place alone is never trusted.
 *
 * What is expected is data beside one comparison for all. As a condition on `files.17.path` each would be asked of all files, since such a
 * path may also lead to a field called `17` in each of them: of a thousand files fifty results took 150 ms.
 */
export function areAllThere(records: readonly Placed[]): Document {
  const groups = Map.groupBy(records, ({ record, address, expected }) =>
    JSON.stringify([expected, record === undefined ? address.site : null]),
  )
  return { $and: [...groups.values()].map(areThere) }
}

function areThere(records: readonly Placed[]): Document {
  const [{ record: index, address, expected }] = records as readonly [Placed]
  const isArray = index !== undefined
  const fields = expected === 'as claimed' ? RESULT_FIELDS : []
  // An equality of documents tells a field that is null from one that is missing.
  const wanted = records.map(({ file, record, address: { fileId, path, site, snapshot } }) => {
    const said = fields.filter((field) => Object.hasOwn(snapshot, field)).map((field): [string, unknown] => [field, snapshot[field]])
    return { file, record, is: { _id: fileId, path, ...(isArray && { name: site }), ...Object.fromEntries(said) } }
  })
  const now = {
    _id: '$$file._id',
    path: '$$file.path',
    ...(isArray && { name: '$$record.name' }),
    ...Object.fromEntries(fields.map((field) => [field, `$$record.${field}`])),
  }
  const isIt = {
    $and: [
      { $eq: [{ $type: '$$record' }, 'object'] },
      { $eq: [now, '$$wanted.is'] },
      ...(expected === 'not marked' ? [isOpen('$$record')] : []),
    ],
  }
  const record = isArray ? elementAt('$$file.sites', '$$wanted.record') : `$$file.sites.${address.site}`
  const each = {
    $let: { vars: { file: elementAt('$files', '$$wanted.file') }, in: { $let: { vars: { record }, in: isIt } } },
  }
  return { $allElementsTrue: { $map: { input: { $literal: wanted }, as: 'wanted', in: each } } }
}

/** Missing where there is no such element, or no array. */
function elementAt(array: string, index: string): Document {
  return { $arrayElemAt: [{ $cond: [{ $isArray: [array] }, array, []] }, index] }
}
