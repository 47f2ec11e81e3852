import { MongoServerError, type Db, type Document } from 'mongodb'

import { SyncError } from '../errors.ts'
import { idText, type Plain } from '../model/document.ts'
import { readSites, type SiteRecord } from '../model/site-record.ts'
import { KeyedBatcher } from './batcher.ts'
import { unchangedFilter } from './edit-update.ts'
import { isPassing } from './outage.ts'
import { markedRecord, sitesUpdate } from './record-update.ts'
import { recordWriter } from './record-writer.ts'

/** A file that is at a site already. */
export interface Adopted {
  readonly project: string
  readonly representationId: unknown
  /** The file entry as it was read. */
  readonly entry: Plain
  readonly site: string
  /** The provider's id of the file. */
  readonly id: string
  /** Other names of the site's storage. */
  readonly alternatives: readonly string[]
}

/** `skipped`: the document is not as it was read. `refused`: the server does not take it. */
export type AdoptedResult = 'adopted' | 'skipped' | 'refused'

/** Nobody else holds a lease that would have to end. */
const NO_END = new Date('9999-12-31')
/** Files of one document in one update. */
const MAX_IN_DOCUMENT = 50

/** Marks files as there, as a success does; where there is no record, one is made that says so from its first moment. */
export function adoptedWriter(db: Db): (adopted: Adopted) => Promise<AdoptedResult> {
  const records = recordWriter(db)
  const adding = new KeyedBatcher<string, Adopted, boolean>(() => ({
    run: async (all) => {
      const [only] = all
      if (await addRecords(db, all)) return all.map(() => true)
      if (only && all.length === 1) return [false]
      // One that changed must not take the others with it.
      return Promise.all(all.map(async (each) => addRecords(db, [each])))
    },
    maxBatch: MAX_IN_DOCUMENT,
    concurrency: 1,
  }))
  return async (adopted) => {
    const { project, representationId, entry, site } = adopted
    const read = readSites(entry['sites'])
    const record = read.records.get(site)?.find(({ created }) => !created)
    try {
      if (record) return await mark(adopted, record, read.shape)
      return (await adding.add(`${project}/${idText(representationId)}/${site}/${read.shape}`, adopted)) ? 'adopted' : 'skipped'
    } catch (error) {
      const isRefused = error instanceof SyncError ? error.code === 'REFUSED' : error instanceof MongoServerError && !isPassing(error)
      if (!isRefused) throw error
      return 'refused'
    }
  }

  async function mark({ entry, id, ...address }: Adopted, { snapshot }: SiteRecord, shape: 'array' | 'object'): Promise<AdoptedResult> {
    const where = { ...address, fileId: entry['_id'], path: String(entry['path']), shape, snapshot }
    const written = await records.write({ address: where, result: { kind: 'synced', id }, until: NO_END })
    return written.kind === 'written' ? 'adopted' : 'skipped'
  }
}

/** Of one document and site, in one shape; false when one of the files is not as it was read: nothing is changed then. */
async function addRecords(db: Db, all: readonly Adopted[]): Promise<boolean> {
  const [{ project, representationId, site, alternatives }] = all as readonly [Adopted]
  const entries = all.map(({ entry }) => entry)
  const fileIds = entries.map(({ _id }) => _id)
  const { shape } = readSites(entries[0]?.['sites'])
  const edited = { site, shape, fileIds, entries, created: 0 }
  const isOne = { $in: ['$$file._id', { $literal: fileIds }] }
  const id = { $arrayElemAt: [{ $literal: all.map((each) => each.id) }, { $indexOfArray: [{ $literal: fileIds }, '$$file._id'] }] }
  const sites = shape === 'array' ? inArray(site, id, alternatives) : inObject(site, id, alternatives)
  const { matchedCount } = await db
    .collection(project)
    .updateOne(unchangedFilter(representationId, edited), [sitesUpdate(isOne, sites)], { upsert: false, hint: { _id: 1 } })
  return matchedCount > 0
}

function inArray(site: string, id: Document, alternatives: readonly string[]): Document {
  const sites = { $ifNull: ['$$file.sites', []] }
  const isAlternative = { $and: [{ $eq: [{ $type: '$$record' }, 'object'] }, { $in: ['$$record.name', { $literal: alternatives }] }] }
  const marked = { $cond: [isAlternative, markedRecord('$$record'), '$$record'] }
  const others = alternatives.length === 0 ? sites : { $map: { input: sites, as: 'record', in: marked } }
  return { $concatArrays: [others, [{ name: { $literal: site }, created_dt: '$$NOW', id }]] }
}

function inObject(site: string, id: Document, alternatives: readonly string[]): Document {
  let sites: Document | string = '$$file.sites'
  for (const each of alternatives) {
    const field = { $literal: each }
    sites = { $setField: { field, input: sites, value: markedRecord({ $getField: { field, input: sites } }) } }
  }
  return { $setField: { field: { $literal: site }, input: sites, value: { created_dt: '$$NOW', id } } }
}
