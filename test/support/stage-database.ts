import { MongoClient, type Db } from 'mongodb'

import { testDatabase } from './mongo.ts'

interface StageDatabase {
  readonly uri: string
  readonly db: Db
  readonly state: Db
  readonly dispose: () => Promise<void>
}

/** Databases of a test's own on the server that all tests share. */
export async function sharedDatabase(): Promise<StageDatabase> {
  const database = await testDatabase()
  const { uri, client, db, stateDb } = database
  return { uri, db, state: client.db(stateDb), dispose: async () => await database.dispose() }
}

/** Those of another server, under the names that a production uses; they go when the server does. */
export function ownDatabase(uri: string): StageDatabase {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 20_000 })
  return { uri, db: client.db('avalon'), state: client.db('site_sync'), dispose: async () => await client.close() }
}
