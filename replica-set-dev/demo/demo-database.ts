import { access } from 'node:fs/promises'
import path from 'node:path'

import { MongoClient, type Db } from 'mongodb'

import { secretsOf } from '../../src/config/mongo-address.ts'
import { registerSecret } from '../../src/secrets.ts'
import { findMongod } from '../find-mongod.ts'
import { withoutPassword } from '../report.ts'
import { startReplicaSet } from '../start-replica-set.ts'
import type { Screen } from './screen.ts'

export interface DemoDatabase {
  readonly client: MongoClient
  readonly uri: string
  /** For a person; without the password. */
  readonly description: string
}

export interface OpenOptions {
  /** The user's own; undefined: a mongod is started. */
  readonly uri: string | undefined
  /** Whoever is pushed there ends before the database. */
  readonly stack: AsyncDisposableStack
  readonly screen: Screen
  readonly signal: AbortSignal
}

/** Starts a replica set, or connects to the user's. Rejects with what to do about it. */
export async function openDatabase({ uri, stack, screen, signal }: OpenOptions): Promise<DemoDatabase> {
  if (uri !== undefined) {
    return { client: await connected(uri, stack), uri, description: `${withoutPassword(uri)} (yours)` }
  }
  const onNote = (note: string): void => screen.print(note)
  const { path: mongod, version } = await findMongod({ onNote, signal })
  signal.throwIfAborted()
  const set = await startReplicaSet({ members: 1, mongod, isProtected: true, onNote })
  stack.use(set)
  signal.throwIfAborted()
  for (const secret of secretsOf(set.uri)) registerSecret('password', secret)
  const description = `mongod ${version}, a replica set of its own: ${set.uri}`
  return { client: await connected(set.uri, stack), uri: set.uri, description }
}

async function connected(uri: string, stack: AsyncDisposableStack): Promise<MongoClient> {
  const client = new MongoClient(uri, { appName: 'site-sync-demo', serverSelectionTimeoutMS: 5_000, writeConcern: { w: 'majority' } })
  stack.defer(async () => client.close())
  try {
    await client.db('admin').command({ ping: 1 })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`the database at ${withoutPassword(uri)} does not answer: ${reason}`, { cause: error })
  }
  return client
}

const NAME = 'site_sync_demo'
const MAX_NAMES = 100

/** A name that no collection has, and no folder of the publish site: what the demo removes at the end is its own. */
export async function freeProjectName(db: Db, folder: string): Promise<string> {
  const collections = await db.listCollections({}, { nameOnly: true }).toArray()
  const taken = new Set(collections.map(({ name }) => name))
  for (let number = 1; number <= MAX_NAMES; number++) {
    const name = number === 1 ? NAME : `${NAME}_${number}`
    if (taken.has(name)) continue
    const isFolder = await access(path.join(folder, name)).then(
      () => true,
      () => false,
    )
    if (!isFolder) return name
  }
  throw new Error(`${NAME} to ${NAME}_${MAX_NAMES} are all taken in ${db.databaseName} or in ${folder}: remove those that nobody needs`)
}
