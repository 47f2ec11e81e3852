import { randomBytes } from 'node:crypto'

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

/** Those of another server; they go when the server does. No lease that one test leaves behind is in the way of the next. */
export function ownDatabase(uri: string): StageDatabase {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 20_000 })
  const name = `stage_${randomBytes(6).toString('hex')}`
  return { uri, db: client.db(name), state: client.db(`${name}_state`), dispose: async () => await client.close() }
}
