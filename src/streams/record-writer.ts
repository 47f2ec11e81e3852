import { MongoServerError, type Db, type Document } from 'mongodb'

import { SyncError } from '../errors.ts'
import { fileEntries, idText, type RepresentationDocument } from '../model/document.ts'
import type { RecordResult, WriteResult } from '../model/record-result.ts'
import { readSites, readTries, type SiteRecord } from '../model/site-record.ts'
import type { RecordWrite, RecordWriter } from '../model/stores.ts'
import type { RecordAddress } from '../model/transfer.ts'
import { KeyedBatcher } from './batcher.ts'
import { isPassing } from './outage.ts'
import type { OwnResults } from './own-results.ts'
import { areAllThere, openMarks, pathAt, placedFiles, positionOf, type PlacedFiles } from './record-positions.ts'
import { fieldsAt, fitsOperators, MARK, markUpdate, operatorUpdate, pipelineUpdate, writtenBy, type FieldUpdate } from './record-update.ts'
import { wantedFiles } from './projection.ts'

/**
 * The document itself is in the way of every write: 15 Overflow (nested as deeply as can be stored, and not changed), 121
 * DocumentValidationFailure, 10334, 17419 and 17420 (there is no room in it).
 */
const REFUSALS = new Set<unknown>([15, 121, 10_334, 17_419, 17_420])

/**
 * A document with an index over its records is re-keyed as a whole by every write: results of one document go together, as many as fit
 * into one command with the longest paths that are understood.
 */
const MAX_IN_DOCUMENT = 100

/** Results of several documents that share a round trip at most, and its wait for the majority. */
const MAX_BATCH = 100
/** How long one that lingers waits for others, in milliseconds. */
const LINGER_MS = 25
/** The same of any other while the thread is busy, at most. */
const BUSY_LINGER_MS = 20

/** `own` hears of each result before it can be in the change stream; `clean` takes secrets out of the texts of faults. */
export function recordWriter(db: Db, own?: OwnResults, clean = (text: string): string => text): RecordWriter {
  const single = new KeyedBatcher<string, RecordWrite, WriteResult>(() => ({
    run: async (writes) => writeInOneGo(db, writes),
    maxBatch: MAX_BATCH,
    concurrency: 2,
    lingerMs: LINGER_MS,
    busyLingerMs: BUSY_LINGER_MS,
  }))
  const batches = new KeyedBatcher<string, RecordWrite, WriteResult>(() => ({
    run: async (writes) => {
      const [only] = writes
      return only && writes.length === 1 && alternativesIn(only).length === 0
        ? [await single.add(only.address.project, only, only)]
        : writeAll(db, writes, own)
    },
    maxBatch: MAX_IN_DOCUMENT,
    concurrency: 1,
  }))
  return {
    async write(said) {
      const write = 'error' in said.result ? { ...said, result: { ...said.result, error: clean(said.result.error) } } : said
      const settle = own?.expect(write.address, write.result)
      // What fails may have been written: it is written again, or never told of.
      const written = await batches.add(`${write.address.project}/${idText(write.address.representationId)}`, write).catch(refused)
      settle?.(written.kind === 'written')
      return written
    },
  }
}

function refused(error: unknown): never {
  if (!(error instanceof MongoServerError) || !REFUSALS.has(error.code)) throw error
  throw new SyncError('REFUSED', `MongoDB does not take it: ${error.message}`, { cause: error })
}

/** One result each of several documents. When any of them changes nothing, each is asked why: writing it again changes nothing. */
async function writeInOneGo(db: Db, writes: readonly RecordWrite[]): Promise<readonly WriteResult[]> {
  const fitting = writes.filter(({ address }) => fitsOperators(address))
  const done = new Set(fitting.length > 0 && (await areAllWritten(db, fitting)) ? fitting : [])
  return Promise.all(writes.map(async (write) => (done.has(write) ? { kind: 'written' } : writeAlone(db, write))))
}

async function areAllWritten(db: Db, writes: readonly RecordWrite[]): Promise<boolean> {
  const [{ address }] = writes as readonly [RecordWrite]
  const updates = writes.map((write) => {
    const { update, arrayFilters } = operatorUpdate(write.address, write.result, 0)
    return { updateOne: { filter: filterOf([write]), update: merged([update]), arrayFilters: [...arrayFilters] } }
  })
  try {
    const { modifiedCount } = await db.collection(address.project).bulkWrite(updates, { ordered: false })
    return modifiedCount === writes.length
  } catch (error) {
    // Something about one of them.
    if (isPassing(error)) throw error
    return false
  }
}

/** The names whose records are marked with this result. */
function alternativesIn({ address: { alternatives = [] }, result }: RecordWrite): readonly string[] {
  return result.kind === 'synced' ? alternatives : []
}

async function writeAll(db: Db, writes: readonly RecordWrite[], own: OwnResults | undefined): Promise<readonly WriteResult[]> {
  const joined = writes.filter(({ address }) => fitsOperators(address))
  const marking = joined.filter((write) => alternativesIn(write).length > 0)
  const results = new Map(joined.length > 1 || marking.length > 0 ? await writeTogether(db, joined, own) : [])
  // The document may have changed in between.
  for (const write of marking)
    if (!results.has(write)) for (const [, result] of await writeTogether(db, [write], own)) results.set(write, result)
  // One whose place or lease is gone must not take the others with it; names that need a pipeline go one by one.
  for (const write of writes) if (!results.has(write)) results.set(write, await writeAlone(db, write, own))
  return writes.map((write) => results.get(write) as WriteResult)
}

async function writeAlone(db: Db, write: RecordWrite, own?: OwnResults): Promise<WriteResult> {
  const { address } = write
  const after = fitsOperators(address) ? await writeByFilters(db, write) : await writeByPipeline(db, write, own)
  if (after) return becameOf(write, after)
  return (await documentOf(db, address, { _id: 1 })) ? { kind: 'fenced' } : { kind: 'gone', what: 'document' }
}

async function writeByFilters(db: Db, write: RecordWrite): Promise<RepresentationDocument | null> {
  const { address, result } = write
  const marks = alternativesIn(write).map((site, n) => markUpdate(address, site, n + 1))
  const all = [operatorUpdate(address, result, 0), ...marks]
  const arrayFilters = all.flatMap((each) => each.arrayFilters)
  return await updateDocument(db, write, merged(all.map(({ update }) => update)), arrayFilters)
}

async function writeByPipeline(db: Db, write: RecordWrite, own: OwnResults | undefined): Promise<RepresentationDocument | null> {
  const { address, result } = write
  const names = alternativesIn(write)
  const read = names.length > 0 ? await documentOf(db, address, placedFiles([address.fileId], names)) : null
  const document = read as unknown as PlacedFiles | null
  const position = document && positionOf(document, address)
  const settle = own?.expectMarks(address, document && position ? openMarks(document, address, position).length : 0)
  const after = await updateDocument(db, write, [...pipelineUpdate(address, result)])
  settle?.(after !== null)
  return after
}

/**
 * One update of several records, each at the place it had a moment ago; what is not there any more is left out, and nothing is
 * written when one was changed since. (Array filters would need no places. But when they fit several elements, the server tells of
 * it as a change of the whole array, as it does a person's, and every instance would look at the document.)
 */
async function writeTogether(
  db: Db,
  writes: readonly RecordWrite[],
  own: OwnResults | undefined,
): Promise<readonly (readonly [RecordWrite, WriteResult])[]> {
  const [first] = writes as readonly [RecordWrite]
  const alternatives = [...new Set(writes.flatMap(alternativesIn))]
  const fileIds = writes.map((write) => write.address.fileId)
  const document = (await documentOf(db, first.address, placedFiles(fileIds, alternatives))) as unknown as PlacedFiles | null
  if (!document) return []
  const places = new Set<string>()
  const placed = writes.flatMap((write) => {
    const { address } = write
    const position = positionOf(document, address)
    const place = `${position?.file} ${address.site}`
    // Progress and the result of one record can't be in one update.
    if (!position || places.has(place)) return []
    places.add(place)
    return [{ ...position, write, address, expected: 'as claimed' as const }]
  })
  if (placed.length === 0) return []
  const marks = placed.flatMap((at) => {
    const open = alternativesIn(at.write).length > 0 ? openMarks(document, at.address, at) : []
    const free = open.filter(({ site, file }) => !places.has(`${file} ${site}`))
    return free.map(({ site, ...mark }) => ({ ...mark, address: { ...at.address, site }, expected: 'not marked' as const }))
  })
  const updates = [
    ...placed.map((at) => fieldsAt(pathAt(at), writtenBy(at.write.result, at.address.snapshot))),
    ...marks.map((mark) => fieldsAt(pathAt(mark), MARK)),
  ]
  const settle = own?.expectMarks(first.address, marks.length)
  const filter = filterOf(
    placed.map(({ write }) => write),
    areAllThere([...placed, ...marks]),
  )
  // No other index is tried, whatever the owner has.
  const { matchedCount } = await db.collection(first.address.project).updateOne(filter, merged(updates), { hint: { _id: 1 } })
  settle?.(matchedCount > 0)
  return matchedCount > 0 ? placed.map(({ write }) => [write, { kind: 'written' }] as const) : []
}

async function documentOf(db: Db, { project, representationId }: RecordAddress, projection: Document): Promise<Document | null> {
  return await db.collection(project).findOne({ _id: { $eq: representationId }, files: { $type: 'array' } } as Document, { projection })
}

/** Null when there is no such document, or the lease is over. */
async function updateDocument(
  db: Db,
  write: RecordWrite,
  update: Document | Document[],
  arrayFilters?: Document[],
): Promise<RepresentationDocument | null> {
  const { project, site, fileId } = write.address
  const isFile = { $eq: ['$$this._id', { $literal: fileId }] }
  return await db.collection<RepresentationDocument>(project).findOneAndUpdate(filterOf([write]), update, {
    projection: { _id: 1, files: wantedFiles([site], { $filter: { input: '$files', cond: isFile } }) },
    returnDocument: 'after',
    upsert: false,
    hint: { _id: 1 },
    ...(arrayFilters && { arrayFilters }),
  })
}

/** The document of these results, as long as none of their leases is over and the conditions, which are expressions, hold. */
function filterOf(writes: readonly RecordWrite[], ...conditions: readonly Document[]): Document {
  const { representationId } = (writes[0] as RecordWrite).address
  const until = new Date(Math.min(...writes.map((write) => write.until.getTime())))
  const $and = [{ $lt: ['$$NOW', until] }, ...conditions]
  return { _id: { $eq: representationId }, files: { $type: 'array' }, $expr: { $and } }
}

function merged(updates: readonly FieldUpdate[]): Document {
  const all = { $set: {}, $unset: {}, $currentDate: {} }
  for (const update of updates)
    for (const operator of ['$set', '$unset', '$currentDate'] as const) Object.assign(all[operator], update[operator])
  return Object.fromEntries(Object.entries(all).filter(([, fields]) => Object.keys(fields).length > 0))
}

function becameOf({ address, result }: RecordWrite, after: RepresentationDocument): WriteResult {
  const entry = fileEntries(after).find(({ _id, path }) => path === address.path && idText(_id) === idText(address.fileId))
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
  return snapshot.tries === (readTries(before.tries) ?? 0) + 1
}
