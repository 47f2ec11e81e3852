import { MongoBulkWriteError, type AnyBulkWriteOperation, type Db } from 'mongodb'

import { idPlain } from '../model/document.ts'
import type { EditedFiles, RecordEdit } from '../model/record-edit.ts'
import { editUpdate } from '../streams/edit-update.ts'
import type { EditCounts } from './edit-records.ts'

/** Documents in one request to the server, and files in them. */
const MOST_DOCUMENTS = 200
const MOST_FILES = 2_000
/** How long a document waits for others of its kind: its records may change meanwhile, and sequences of all lengths would be held in memory. Milliseconds. */
const MAX_WAIT_MS = 500

interface Batch {
  readonly ids: unknown[]
  readonly updates: AnyBulkWriteOperation[]
  /** Of each of its documents. */
  readonly files: number
  readonly created: number
  readonly since: number
}

export interface BatchParts {
  readonly db: Db
  readonly project: string
  readonly edit: RecordEdit
  readonly counts: EditCounts
  readonly refused?: ((project: string, representation: string, error: unknown) => void) | undefined
  /** Milliseconds. */
  readonly now?: () => number
}

/**
 * Edits of many documents, one update each, in few requests. Each update still holds only while its records are as they were read. The
 * server says how many of a request did, not which: so documents in which as many records change go together, and all counts are exact.
 */
export class EditBatches {
  readonly #parts: BatchParts
  readonly #now: () => number
  /** Those that have waited longest first. */
  readonly #batches = new Map<string, Batch>()

  constructor(parts: BatchParts) {
    this.#parts = parts
    this.#now = parts.now ?? (() => performance.now())
  }

  /** Gives what sends a request that has become full, or has waited for long. */
  add(documentId: unknown, edited: EditedFiles): (() => Promise<void>) | undefined {
    const { edit } = this.#parts
    const { fileIds, created } = edited
    const kind = `${fileIds.length}/${created}`
    const batch = this.#batches.get(kind) ?? { ids: [], updates: [], files: fileIds.length, created, since: this.#now() }
    this.#batches.set(kind, batch)
    batch.ids.push(documentId)
    batch.updates.push({ updateOne: { ...editUpdate(documentId, edit, edited), upsert: false, hint: { _id: 1 } } })
    const isFull = batch.ids.length >= MOST_DOCUMENTS || batch.ids.length * batch.files >= MOST_FILES
    const [due, ready] = isFull ? [kind, batch] : (this.#batches.entries().next().value as [string, Batch])
    if (!isFull && this.#now() - ready.since < MAX_WAIT_MS) return undefined
    this.#batches.delete(due)
    return async () => this.#send(ready)
  }

  /** What is left. */
  async flush(): Promise<void> {
    const left = [...this.#batches.values()]
    this.#batches.clear()
    for (const batch of left) await this.#send(batch)
  }

  async #send({ ids, updates, files, created }: Batch): Promise<void> {
    const { db, project, counts, refused } = this.#parts
    let matched: number
    let failed = 0
    try {
      const result = await db.collection(project).bulkWrite(updates, { ordered: false })
      matched = result.matchedCount
    } catch (error) {
      // A fault of the server, or of the way to it, is of all of them.
      if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError() || error.result.getWriteErrorCount() === 0)
        throw error
      matched = error.matchedCount
      for (const one of error.result.getWriteErrors()) {
        failed++
        refused?.(project, idPlain(ids[one.index]), one.errmsg)
      }
    }
    counts.records += matched * files
    counts.created += matched * created
    counts.representations += matched
    counts.refused += failed
    counts.skipped += ids.length - matched - failed
  }
}
