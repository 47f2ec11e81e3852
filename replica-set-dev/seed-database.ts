import { MongoClient } from 'mongodb'
import type { ObjectId } from 'mongodb'

import { writeFiles } from './seed-files.ts'
import { smallProduction } from './small-production.ts'

export interface SeedOptions {
  readonly uri: string
  readonly database: string
  /** Name of the project and of its collection. */
  readonly project: string
  /** Folder of the publish site; the files are made there. */
  readonly root: string
  readonly publishSite: string
  readonly remoteSite: string
}

export interface SeedReport extends SeedOptions {
  readonly representations: number
  readonly files: number
  readonly bytes: number
  readonly missing: readonly string[]
}

/** Makes the files and the documents of a small production. Doing it again resets both. A collection that holds other documents is left alone. */
export async function seedDatabase(options: SeedOptions): Promise<SeedReport> {
  const production = smallProduction(options)
  const client = new MongoClient(options.uri, { serverSelectionTimeoutMS: 5000 })
  try {
    const collection = client.db(options.database).collection<{ _id: ObjectId }>(options.project)
    const strangers = await collection.countDocuments({ _id: { $nin: production.documents.map(({ _id }) => _id) } })
    if (strangers > 0) {
      throw new Error(`${options.database}.${options.project} holds ${strangers} documents of somebody else: choose another --project`)
    }
    const written = await writeFiles({ work: options.root }, production.files)
    await collection.bulkWrite(
      production.documents.map(({ _id, ...replacement }) => ({ replaceOne: { filter: { _id }, replacement, upsert: true } })),
      { writeConcern: { w: 'majority' } },
    )
    return {
      ...options,
      representations: production.representations.length,
      files: written.length,
      bytes: written.reduce((sum, { size }) => sum + size, 0),
      missing: production.missing,
    }
  } finally {
    await client.close()
  }
}
