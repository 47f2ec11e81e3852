import { isDeepStrictEqual } from 'node:util'

import { MongoServerError, type Db, type MongoClient } from 'mongodb'

import type { ProjectSettings } from '../model/settings.ts'
import { targetSites } from '../model/verdict.ts'
import { isPassing } from './outage.ts'
import { ARRAY_INDEX, objectIndex, UNREADABLE_INDEX, type IndexDefinition } from './pending-query.ts'

/** The indexes that make a scan of this project cost what is pending. */
export function wantedIndexes(settings: ProjectSettings): readonly IndexDefinition[] {
  const perSite = targetSites(settings).flatMap(({ name }) => objectIndex(name) ?? [])
  return perSite.length === 0 ? [] : [ARRAY_INDEX, UNREADABLE_INDEX, ...perSite]
}

/** What MongoDB allows in a collection, and how many of these are left to its owner. */
const MOST = 64
const OWNERS = 10
const NAMESPACE_NOT_FOUND = 26
/** Of all sites: these are created as long as there is any room at all. */
const GENERAL: ReadonlySet<string> = new Set([ARRAY_INDEX.name, UNREADABLE_INDEX.name])

export interface CreatedIndexes {
  readonly created: readonly IndexDefinition[]
  /** There was no room for these. */
  readonly left: readonly IndexDefinition[]
  /** The server refused these. */
  readonly refused: readonly { readonly index: IndexDefinition; readonly error: unknown }[]
}

/** Creates what is missing, as much as there is room for; never creates the collection. Rejects when the server is away. */
export async function createIndexes(
  client: MongoClient,
  database: string,
  project: string,
  indexes: readonly IndexDefinition[],
): Promise<CreatedIndexes> {
  const db = client.db(database)
  const there = await existing(db, project)
  if (!there) return { created: [], left: [], refused: [] }
  // One of that name for something else is refused by the server, and told.
  const missing = indexes.filter(({ name, key }) => !isDeepStrictEqual(there.get(name), key))
  const general = missing.filter(({ name }) => GENERAL.has(name)).slice(0, Math.max(0, MOST - there.size))
  const perSite = missing.filter(({ name }) => !GENERAL.has(name))
  const fitting = [...general, ...perSite.slice(0, Math.max(0, MOST - OWNERS - there.size - general.length))]
  const left = missing.filter((index) => !fitting.includes(index))
  return { ...(await createAll(db, project, fitting)), left }
}

/** Which of them are not there; undefined when there is no such collection. */
export async function missingIndexes(
  db: Db,
  collection: string,
  indexes: readonly Pick<IndexDefinition, 'name' | 'key'>[],
): Promise<readonly string[] | undefined> {
  const there = await existing(db, collection)
  return there && indexes.filter(({ name, key }) => !isDeepStrictEqual(there.get(name), key)).map(({ name }) => name)
}

/** The keys of a collection's indexes by name; undefined when there is no such collection. */
async function existing(db: Db, project: string): Promise<ReadonlyMap<string, unknown> | undefined> {
  try {
    const found = await db.collection(project).listIndexes().toArray()
    return new Map(found.map(({ name, key }): [string, unknown] => [String(name), key]))
  } catch (error) {
    if (error instanceof MongoServerError && error.code === NAMESPACE_NOT_FOUND) return undefined
    throw error
  }
}

/** The collection is read once for all of them. When one is refused, each is created alone. */
async function createAll(db: Db, project: string, indexes: readonly IndexDefinition[]): Promise<Omit<CreatedIndexes, 'left'>> {
  if (indexes.length === 0) return { created: [], refused: [] }
  try {
    await db.command({ createIndexes: project, indexes: [...indexes] })
    return { created: indexes, refused: [] }
  } catch (error) {
    if (isPassing(error)) throw error
    const [index, ...more] = indexes as readonly [IndexDefinition, ...IndexDefinition[]]
    if (more.length === 0) return { created: [], refused: [{ index, error }] }
  }
  const created: IndexDefinition[] = []
  const refused: { index: IndexDefinition; error: unknown }[] = []
  for (const index of indexes) {
    const alone = await createAll(db, project, [index])
    created.push(...alone.created)
    refused.push(...alone.refused)
  }
  return { created, refused }
}

/** The same as text, for an administrator who does it by hand. */
export function indexCommands(project: string, indexes: readonly IndexDefinition[]): readonly string[] {
  return indexes.map(({ name, key, partialFilterExpression }) => {
    const options = JSON.stringify({ name, partialFilterExpression })
    return `db.getCollection(${JSON.stringify(project)}).createIndex(${JSON.stringify(key)}, ${options})`
  })
}
