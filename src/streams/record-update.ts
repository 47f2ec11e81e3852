import type { Document } from 'mongodb'

import type { RecordResult } from '../model/record-result.ts'
import { isPathName, readTries, RESULT_FIELDS, type RecordSnapshot } from '../model/site-record.ts'
import type { RecordAddress } from '../model/transfer.ts'
import { brokenText } from '../model/valid-text.ts'

/** An update by operators; several of one document can be joined. */
export interface FieldUpdate {
  readonly $set: Document
  readonly $unset: Document
  readonly $currentDate: Document
}

/** An update of one record, wherever it stands in its document. */
export interface OperatorUpdate {
  readonly update: FieldUpdate
  readonly arrayFilters: readonly Document[]
}

/** What is written into a record. */
export interface Written {
  readonly set: Document
  readonly unset: readonly string[]
  readonly dated: string | undefined
}

const UNSET: Readonly<Record<RecordResult['kind'], readonly string[]>> = {
  synced: ['error', 'tries', 'last_failed_dt', 'progress'],
  failed: ['progress'],
  'site-trouble': [],
  progress: [],
}

const DATED: Readonly<Record<RecordResult['kind'], string | undefined>> = {
  synced: 'created_dt',
  failed: 'last_failed_dt',
  'site-trouble': undefined,
  progress: undefined,
}

function values(result: RecordResult, snapshot: RecordSnapshot): Document {
  if (result.kind === 'synced') return { id: result.id }
  if (result.kind === 'progress') return { progress: result.progress }
  if (result.kind === 'site-trouble') return { error: result.error }
  // The snapshot guards this: two workers can't lose a count.
  return { error: result.error, tries: (readTries(snapshot.tries) ?? 0) + 1 }
}

/** Can operators say it? A site name that no path can spell needs `pipelineUpdate`. */
export function fitsOperators({ shape, site, alternatives = [] }: Pick<RecordAddress, 'shape' | 'site' | 'alternatives'>): boolean {
  return shape === 'array' || [site, ...alternatives].every(isPathName)
}

export function writtenBy(result: RecordResult, snapshot: RecordSnapshot): Written {
  return { set: values(result, snapshot), unset: UNSET[result.kind], dated: DATED[result.kind] }
}

/** The file has arrived at this site, too, which is the same storage: marks a record that is there and not marked, by the date alone. */
export const MARK: Written = { set: {}, unset: UNSET.synced, dated: DATED.synced }

/** Writes into the record at this path. */
export function fieldsAt(path: string, { set, unset, dated }: Written): FieldUpdate {
  return {
    $set: Object.fromEntries(Object.entries(set).map(([field, value]): [string, unknown] => [`${path}.${field}`, value])),
    $unset: Object.fromEntries(unset.map((field) => [`${path}.${field}`, ''])),
    $currentDate: dated === undefined ? {} : { [`${path}.${dated}`]: true },
  }
}

/**
 * Finds file and record by what they are, never by position, and only as they were when the work was claimed. `n` tells the
 * updates of one document apart.
 */
export function operatorUpdate(address: RecordAddress, result: RecordResult, n: number): OperatorUpdate {
  const { snapshot } = address
  return recordUpdate(address, writtenBy(result, snapshot), n, (at) => unchanged(at, snapshot))
}

/** A mark, where the record of `site` is found in the same way. */
export function markUpdate(address: RecordAddress, site: string, n: number): OperatorUpdate {
  return recordUpdate({ ...address, site }, MARK, n, (at) => [{ [`${at}.created_dt`]: null }])
}

function recordUpdate(
  address: RecordAddress,
  written: Written,
  n: number,
  conditions: (at: string) => readonly Document[],
): OperatorUpdate {
  const { shape, site } = address
  const [file, record] = [`f${n}`, `s${n}`]
  const isFile: Document[] = [{ [`${file}._id`]: { $eq: address.fileId } }, { [`${file}.path`]: { $eq: address.path } }]
  const at = shape === 'array' ? `files.$[${file}].sites.$[${record}]` : `files.$[${file}].sites.${site}`
  const arrayFilters: Document[] =
    shape === 'array'
      ? [
          { $and: [...isFile, { [`${file}.sites`]: { $type: 'array' } }] },
          { $and: [{ [`${record}.name`]: { $eq: site } }, ...conditions(record)] },
        ]
      : [
          {
            $and: [...isFile, ...isObject(`${file}.sites`), ...isObject(`${file}.sites.${site}`), ...conditions(`${file}.sites.${site}`)],
          },
        ]
  return { update: fieldsAt(at, written), arrayFilters }
}

function isObject(path: string): readonly Document[] {
  return [{ [path]: { $type: 'object' } }, { [path]: { $not: { $type: 'array' } } }]
}

function unchanged(at: string, snapshot: RecordSnapshot): readonly Document[] {
  return RESULT_FIELDS.map((field) => ({ [`${at}.${field}`]: Object.hasOwn(snapshot, field) ? same(snapshot[field]) : { $exists: false } }))
}

/** Equality that tells null from missing. Of what is not UTF-8 nobody can say more than that it is there. */
function same(value: unknown): Document {
  if (brokenText(value, '') !== undefined) return { $exists: true }
  if (value === null) return { $type: 'null' }
  if (value === undefined) return { $type: 'undefined' }
  return { $eq: value }
}

/** The same for object shape and any site name at all, as an aggregation pipeline. Atomic; one result an update. */
export function pipelineUpdate(address: RecordAddress, result: RecordResult): readonly Document[] {
  const { fileId, path, site, snapshot, alternatives = [] } = address
  const field = { $literal: site }
  const record = { $getField: { field, input: '$$file.sites' } }
  const isIt = {
    $and: [
      { $eq: ['$$file._id', { $literal: fileId }] },
      { $eq: ['$$file.path', { $literal: path }] },
      { $eq: [{ $type: '$$file.sites' }, 'object'] },
      { $eq: [{ $type: record }, 'object'] },
      ...RESULT_FIELDS.map((name) => unchangedExpression({ $getField: { field: name, input: record } }, name, snapshot)),
    ],
  }
  let sites: Document = { $setField: { field, input: '$$file.sites', value: changed(record, result, snapshot) } }
  if (result.kind === 'synced') for (const each of alternatives) sites = marked(sites, each)
  return [sitesUpdate(isIt, sites)]
}

/** A stage that gives the files for which `isIt` holds other `sites`; both are expressions over `$$file`. */
export function sitesUpdate(isIt: Document, sites: Document): Document {
  const written = { $setField: { field: 'sites', input: '$$file', value: sites } }
  return { $set: { files: { $map: { input: '$files', as: 'file', in: { $cond: [isIt, written, '$$file'] } } } } }
}

function marked(sites: Document, site: string): Document {
  const field = { $literal: site }
  return { $setField: { field, input: sites, value: markedRecord({ $getField: { field, input: '$$file.sites' } }) } }
}

/** An expression: does this record, also an expression, not say that the file is there? */
export function isOpen(record: Document | string): Document {
  return { $eq: [{ $ifNull: [{ $getField: { field: 'created_dt', input: record } }, null] }, null] }
}

/** A record of an alternative that says by its date that the file is there. One that says so, or is missing, stays as it is. */
export function markedRecord(record: Document | string): Document {
  let value: Document | string = record
  for (const each of UNSET.synced) value = { $unsetField: { field: each, input: value } }
  value = { $setField: { field: 'created_dt', input: value, value: '$$NOW' } }
  return { $cond: [{ $and: [{ $eq: [{ $type: record }, 'object'] }, isOpen(record)] }, value, record] }
}

function unchangedExpression(input: Document, name: keyof RecordSnapshot, snapshot: RecordSnapshot): Document {
  if (!Object.hasOwn(snapshot, name)) return { $eq: [{ $type: input }, 'missing'] }
  if (snapshot[name] === undefined) return { $eq: [{ $type: input }, 'undefined'] }
  if (brokenText(snapshot[name], '') !== undefined) return { $ne: [{ $type: input }, 'missing'] }
  return { $eq: [input, { $literal: snapshot[name] }] }
}

function changed(record: Document, result: RecordResult, snapshot: RecordSnapshot): Document {
  let input: Document = record
  for (const field of UNSET[result.kind]) input = { $unsetField: { field, input } }
  for (const [field, value] of Object.entries(values(result, snapshot))) input = { $setField: { field, input, value: { $literal: value } } }
  const dated = DATED[result.kind]
  return dated === undefined ? input : { $setField: { field: dated, input, value: '$$NOW' } }
}
