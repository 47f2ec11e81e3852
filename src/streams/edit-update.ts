import type { Db, Document } from 'mongodb'

import { rawRecords, type EditedFiles, type RecordEdit } from '../model/record-edit.ts'
import { fitsOperators, sitesUpdate } from './record-update.ts'

export interface EditUpdate {
  readonly filter: Document
  readonly update: Document | Document[]
  readonly arrayFilters?: Document[]
}

/** The fields that people and services change. A record in which one of them is not as it was read was changed meanwhile. */
const GUARDED = ['created_dt', 'error', 'tries', 'last_failed_dt', 'id', 'paused', 'priority'] as const

/**
 * An edit of one document's records of one site as one atomic update, which changes nothing when one of these records, or files, is not as
 * it was read. Files are found by id.
 */
export function editUpdate(documentId: unknown, edit: RecordEdit, edited: EditedFiles): EditUpdate {
  const filter = unchangedFilter(documentId, edited)
  return { filter, ...(fitsOperators(edited) ? byOperators(edit, edited) : byPipeline(edit, edited)) }
}

/** The document, as long as these records and files are as they were read. */
export function unchangedFilter(documentId: unknown, edited: EditedFiles): Document {
  return { _id: { $eq: documentId }, type: 'representation', files: { $type: 'array' }, $expr: isUnchanged(edited) }
}

/** The same, asked for without changing anything. */
export async function isAsRead(db: Db, project: string, documentId: unknown, edited: EditedFiles): Promise<boolean> {
  const filter = unchangedFilter(documentId, edited)
  return (await db.collection(project).findOne(filter, { projection: { _id: 1 }, hint: { _id: 1 } })) !== null
}

function byOperators(edit: RecordEdit, { shape, site, fileIds }: EditedFiles): Omit<EditUpdate, 'filter'> {
  const file = { 'f._id': { $in: fileIds } }
  const sites = 'files.$[f].sites'
  if (shape === 'array' && edit.kind === 'add') {
    return { update: { $push: { [sites]: { $each: edit.records ?? [{ name: site }] } } }, arrayFilters: [file] }
  }
  if (shape === 'array' && edit.kind === 'remove') return { update: { $pull: { [sites]: { name: site } } }, arrayFilters: [file] }
  const at = shape === 'array' ? `${sites}.$[s]` : `${sites}.${site}`
  const arrayFilters = shape === 'array' ? [file, { 's.name': { $eq: site } }] : [file]
  switch (edit.kind) {
    case 'unset':
      return { update: { $unset: Object.fromEntries(edit.fields.map((field) => [`${at}.${field}`, ''])) }, arrayFilters }
    case 'set':
      return { update: { $set: { [`${at}.${edit.field}`]: edit.value } }, arrayFilters }
    case 'add':
      return { update: { $set: { [at]: edit.records?.[0] ?? {} } }, arrayFilters }
    case 'reset':
      return { update: { $set: { [at]: shape === 'array' ? { name: site } : {} } }, arrayFilters }
    case 'remove':
      return { update: { $unset: { [at]: '' } }, arrayFilters }
  }
}

/** For a name in object shape that no path can spell. */
function byPipeline(edit: RecordEdit, { site, fileIds }: EditedFiles): Omit<EditUpdate, 'filter'> {
  const field = { $literal: site }
  const input = '$$file.sites'
  const record = { $getField: { field, input } }
  const sites =
    edit.kind === 'remove' ? { $unsetField: { field, input } } : { $setField: { field, input, value: editedRecord(edit, record) } }
  return { update: [sitesUpdate(isOneOf(fileIds), sites)] }
}

function editedRecord(edit: RecordEdit, record: Document): Document {
  if (edit.kind === 'set') return { $setField: { field: edit.field, input: record, value: { $literal: edit.value } } }
  if (edit.kind === 'add') return { $literal: edit.records?.[0] ?? {} }
  if (edit.kind !== 'unset') return { $literal: {} }
  let input = record
  for (const field of edit.fields) input = { $unsetField: { field, input } }
  return input
}

const isOneOf = (fileIds: readonly unknown[]): Document => ({ $in: ['$$file._id', { $literal: fileIds }] })

function isUnchanged({ site, shape, fileIds, entries }: EditedFiles): Document {
  const chosen = { $filter: { input: '$files', as: 'file', cond: isOneOf(fileIds) } }
  const now = {
    $map: { input: chosen, as: 'file', in: { id: '$$file._id', path: '$$file.path', records: recordsExpression(site, shape) } },
  }
  const then = entries.map((entry) => ({
    id: entry['_id'],
    ...(Object.hasOwn(entry, 'path') && { path: entry['path'] }),
    records: rawRecords(entry['sites'], site).map(guardedFields),
  }))
  return { $eq: [now, { $literal: then }] }
}

const isObject = (input: Document | string): Document => ({ $eq: [{ $type: input }, 'object'] })
const fields = (record: string): Document[] =>
  GUARDED.map((field): Document => ({ $ifNull: [{ $getField: { field, input: record } }, null] }))

function recordsExpression(site: string, shape: EditedFiles['shape']): Document {
  if (shape === 'array') {
    const own = { $and: [isObject('$$record'), { $eq: ['$$record.name', { $literal: site }] }] }
    const records = { $filter: { input: '$$file.sites', as: 'record', cond: own } }
    const mapped = { $map: { input: records, as: 'record', in: fields('$$record') } }
    return { $cond: [{ $isArray: '$$file.sites' }, mapped, { $cond: [{ $eq: [{ $type: '$$file.sites' }, 'missing'] }, [], null] }] }
  }
  const own = { $getField: { field: { $literal: site }, input: '$$file.sites' } }
  const record = { $let: { vars: { record: own }, in: { $cond: [isObject('$$record'), [fields('$$record')], []] } } }
  return { $cond: [isObject('$$file.sites'), record, null] }
}

function guardedFields(record: Readonly<Record<string, unknown>>): readonly unknown[] {
  return GUARDED.map((field) => (Object.hasOwn(record, field) ? (record[field] ?? null) : null))
}
