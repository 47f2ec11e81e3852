import type { Db, ObjectId } from 'mongodb'

import { writeFiles } from '../seed-files.ts'
import { backlog, publishesWhileRunning, type Publish, type PublishPlace } from './demo-project.ts'

export interface Published {
  readonly representations: number
  readonly files: number
}

/** Publishes as a studio's tools do: the files first, then the documents; and remembers when. */
export class Publisher {
  /** By `performance.now()`, just before the representation was inserted; by its id. */
  readonly publishedAt = new Map<string, number>()
  /** Ids of what was published while the service ran. */
  readonly live = new Set<string>()
  /** Paths of files that nobody wrote. */
  readonly missing: string[] = []
  readonly #db: Db
  readonly #place: PublishPlace

  constructor(db: Db, place: PublishPlace) {
    this.#db = db
    this.#place = place
  }

  /** What is there before the service starts. */
  async publishBacklog(): Promise<Published> {
    const { documents, files, missing } = backlog(this.#place)
    await writeFiles({ work: this.#place.folder }, files)
    const representations = documents.filter((document) => 'files' in document)
    const now = performance.now()
    for (const { _id: id } of representations) this.publishedAt.set(id.toHexString(), now)
    this.missing.push(...missing)
    await this.#collection.insertMany([...documents], { writeConcern: { w: 'majority' } })
    return { representations: representations.length, files: files.length + missing.length }
  }

  /** What is to be published while the service runs, one after the other with `publish`. */
  get publishes(): readonly Publish[] {
    return publishesWhileRunning(this.#place)
  }

  async publish({ representation, above, files }: Publish): Promise<void> {
    await writeFiles({ work: this.#place.folder }, files)
    const upserts = above.map(({ _id, ...replacement }) => ({ replaceOne: { filter: { _id }, replacement, upsert: true } }))
    await this.#collection.bulkWrite(upserts, { writeConcern: { w: 'majority' } })
    const { _id: id } = representation
    this.live.add(id.toHexString())
    this.publishedAt.set(id.toHexString(), performance.now())
    await this.#collection.insertOne(representation, { writeConcern: { w: 'majority' } })
  }

  get #collection() {
    return this.#db.collection<{ _id: ObjectId }>(this.#place.project)
  }
}
