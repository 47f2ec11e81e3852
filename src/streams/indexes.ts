import type { MongoClient } from 'mongodb'

import type { ProjectSettings } from '../model/settings.ts'
import { targetSites } from '../model/verdict.ts'
import { ARRAY_INDEX, objectIndex, UNREADABLE_INDEX, type IndexDefinition } from './pending-query.ts'

/** The indexes that make a scan of this project cost what is pending. */
export function wantedIndexes(settings: ProjectSettings): readonly IndexDefinition[] {
  const perSite = targetSites(settings).flatMap(({ name }) => objectIndex(name) ?? [])
  return perSite.length === 0 ? [] : [ARRAY_INDEX, UNREADABLE_INDEX, ...perSite]
}

/** Creates what is missing, and says how many that were; never creates the collection. */
export async function createIndexes(
  client: MongoClient,
  database: string,
  project: string,
  indexes: readonly IndexDefinition[],
): Promise<number> {
  const db = client.db(database)
  const [there] = await db.listCollections({ name: project }, { nameOnly: true }).toArray()
  if (!there) return 0
  const { numIndexesBefore, numIndexesAfter } = await db.command({ createIndexes: project, indexes: [...indexes] })
  return Number(numIndexesAfter) - Number(numIndexesBefore)
}

/** The same as text, for an administrator who does it by hand. */
export function indexCommands(project: string, indexes: readonly IndexDefinition[]): readonly string[] {
  return indexes.map(({ name, key, partialFilterExpression }) => {
    const options = JSON.stringify({ name, partialFilterExpression })
    return `db.getCollection(${JSON.stringify(project)}).createIndex(${JSON.stringify(key)}, ${options})`
  })
}
