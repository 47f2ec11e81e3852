import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

import { MongoClient } from 'mongodb'
import type { Db, MongoClientOptions } from 'mongodb'
import { inject, onTestFinished } from 'vitest'

import type { DoorAnswer } from './global-setup.ts'

export interface TestDatabase extends AsyncDisposable {
  readonly uri: string
  readonly client: MongoClient
  /** A database that is this test's alone. */
  readonly db: Db
  /** Name of a second one, for the service's own state. */
  readonly stateDb: string
  /** Drops both databases and closes the client. */
  dispose(): Promise<void>
}

let known: Promise<string> | undefined

/** Of the replica set that all tests of a run share; it starts when the first test asks. */
async function testMongoUri(): Promise<string> {
  known ??= ask(inject('mongoDoor'))
  return known
}

async function ask(port: number): Promise<string> {
  const answer = JSON.parse(await text(connect(port, '127.0.0.1'))) as DoorAnswer
  if ('error' in answer) throw new Error(answer.error)
  return answer.uri
}

/**
 * Empty databases with names of their own on a replica set of one member, and a client. Give it back with `dispose()` or
 * `await using`. Test commands are enabled, and fail points hold for everyone: name your client (`appName`) and say so in the
 * fail point's data.
 */
export async function testDatabase(options: MongoClientOptions = {}): Promise<TestDatabase> {
  const uri = await testMongoUri()
  const client = await new MongoClient(uri, options).connect()
  const name = `test_${randomBytes(6).toString('hex')}`
  const db = client.db(name)
  const stateDb = `${name}_state`
  const dispose = async (): Promise<void> => {
    await db.dropDatabase()
    await client.db(stateDb).dropDatabase()
    await client.close()
  }
  return { uri, client, db, stateDb, dispose, [Symbol.asyncDispose]: dispose }
}

/** The same, given back when the test that asks for it has ended. */
export async function ownDatabase(options: MongoClientOptions = {}): Promise<TestDatabase> {
  const database = await testDatabase(options)
  onTestFinished(async () => await database.dispose())
  return database
}
