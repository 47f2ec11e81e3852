import type { Document, MongoClient } from 'mongodb'

const TYPES = ['system_settings', 'project_settings'].flatMap((type) => [type, `${type}_versioned`])
const FIELDS = {
  type: 1,
  version: 1,
  is_default: 1,
  project_name: 1,
  'data.modules.sync_server': 1,
  'data.global.sync_server': 1,
} as const

/** OpenPype's settings documents, all versions of them, from the first of these databases that has any. */
export async function readOpenPypeSettings(
  client: MongoClient,
  databases: readonly string[],
): Promise<{ readonly database: string; readonly documents: readonly Document[] } | undefined> {
  for (const database of databases) {
    const documents = await client
      .db(database)
      .collection('settings')
      .find({ type: { $in: TYPES } }, { projection: FIELDS, promoteValues: true })
      .toArray()
    if (documents.length > 0) return { database, documents }
  }
  return undefined
}
