import type { Db, Document } from 'mongodb'

import { idText, isPlain, type RepresentationDocument } from '../model/document.ts'
import type { RecordResult, WriteResult } from '../model/record-result.ts'
import { readSites, type SiteRecord } from '../model/site-record.ts'
import type { RecordAddress } from '../model/transfer.ts'
import { KeyedBatcher } from './batcher.ts'
import { fitsOperators, operatorUpdate, pipelineUpdate } from './record-update.ts'

interface RecordWrite {
  readonly address: RecordAddress
  readonly result: RecordResult
  /** The end of the lease by the server's clock; a write that comes later changes nothing. */
  readonly until: Date
}

/** Writes results into the records they belong to, and nothing else. */
export interface RecordWriter {
  write(write: RecordWrite): Promise<WriteResult>
}

/** A document with an index over its records is re-keyed as a whole by every write: results of one document go together. */
const TOGETHER = 50

export function recordWriter(db: Db): RecordWriter {
  const batches = new KeyedBatcher<string, RecordWrite, WriteResult>(() => ({
    run: async (writes) => writeAll(db, writes),
    most: TOGETHER,
    concurrency: 1,
  }))
  return {
    write: async (write) => batches.add(`${write.address.project}/${idText(write.address.representationId)}`, write),
  }
}

async function writeAll(db: Db, writes: readonly RecordWrite[]): Promise<readonly WriteResult[]> {
  const [first] = writes
  if (!first) return []
  if (writes.length === 1) return [await writeTogether(db, [first]).then(([result]) => result as WriteResult)]
  const joined = writes.filter(({ address }) => fitsOperators(address))
  const results = new Map<RecordWrite, WriteResult>()
  if (joined.length > 0) {
    const together = await writeTogether(db, joined)
    for (const [index, write] of joined.entries()) results.set(write, together[index] as WriteResult)
  }
  // One lease that ended must not take the others with it; names that need a pipeline go one by one.
  for (const write of writes) {
    const result = results.get(write)
    if (!result || result.kind === 'fenced') results.set(write, (await writeTogether(db, [write]))[0] as WriteResult)
  }
  return writes.map((write) => results.get(write) as WriteResult)
}

/** One update of one document, and what became of each of its records. */
async function writeTogether(db: Db, writes: readonly RecordWrite[]): Promise<readonly WriteResult[]> {
  const { project, representationId } = (writes[0] as RecordWrite).address
  const collection = db.collection<RepresentationDocument>(project)
  const until = new Date(Math.min(...writes.map((write) => write.until.getTime())))
  const filter = { _id: { $eq: representationId }, files: { $type: 'array' }, $expr: { $lt: ['$$NOW', until] } } as Document
  const { update, arrayFilters } = updateOf(writes)
  const wanted = { $in: ['$$this._id', { $literal: writes.map(({ address }) => address.fileId) }] }
  const projection = { _id: 1, files: { $filter: { input: '$files', cond: wanted } } }
  const after = await collection.findOneAndUpdate(filter, update, {
    projection,
    returnDocument: 'after',
    upsert: false,
    ...(arrayFilters.length > 0 && { arrayFilters: [...arrayFilters] }),
  })
  if (after) return writes.map((write) => becameOf(write, after))
  const there = await collection.findOne({ _id: { $eq: representationId }, files: { $type: 'array' } } as Document, {
    projection: { _id: 1 },
  })
  return writes.map(() => (there ? { kind: 'fenced' } : { kind: 'gone', what: 'document' }))
}

function updateOf(writes: readonly RecordWrite[]): { update: Document; arrayFilters: readonly Document[] } {
  const [first] = writes
  if (first && writes.length === 1 && !fitsOperators(first.address))
    return { update: [...pipelineUpdate(first.address, first.result)], arrayFilters: [] }
  const parts = writes.map(({ address, result }, n) => operatorUpdate(address, result, n))
  const merged = { $set: {}, $unset: {}, $currentDate: {} }
  for (const { update } of parts)
    for (const operator of ['$set', '$unset', '$currentDate'] as const) Object.assign(merged[operator], update[operator])
  const update = Object.fromEntries(Object.entries(merged).filter(([, fields]) => Object.keys(fields).length > 0))
  return { update, arrayFilters: parts.flatMap((part) => part.arrayFilters) }
}

function becameOf({ address, result }: RecordWrite, after: RepresentationDocument): WriteResult {
  const entries = (Array.isArray(after.files) ? (after.files as readonly unknown[]) : []).filter(isPlain)
  const entry = entries.find(({ _id, path }) => path === address.path && idText(_id) === idText(address.fileId))
  if (!entry) return { kind: 'gone', what: 'file entry' }
  const records = readSites(entry['sites']).records.get(address.site) ?? []
  if (records.length === 0) return { kind: 'gone', what: 'skeleton' }
  return records.some((record) => shows(record, result, address)) ? { kind: 'written' } : { kind: 'rewritten' }
}

function shows({ created, snapshot }: SiteRecord, result: RecordResult, { snapshot: before }: RecordAddress): boolean {
  if (result.kind === 'progress') return true
  if (result.kind === 'synced') return created && snapshot.id === result.id && snapshot.error === undefined
  if (created || snapshot.error !== result.error) return false
  if (result.kind === 'site-trouble') return true
  return snapshot.tries === (typeof before.tries === 'number' ? before.tries : 0) + 1
}
