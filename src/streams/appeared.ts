import type { Db, Filter, ObjectId } from 'mongodb'

import type { RepresentationDocument } from '../model/document.ts'
import type { ProjectSettings } from '../model/settings.ts'
import { countingSites } from '../model/verdict.ts'
import { wantedFields } from './projection.ts'
import { readDocument } from './raw-document.ts'

interface LookedUntil {
  readonly _id: string
  readonly until: Date
}

const idOf = (database: string, project: string): string => `${database}/${project}`

/** Until when a project was scanned for new representations, by the server's clock. */
export async function lookedUntil(state: Db, database: string, project: string): Promise<Date | undefined> {
  return (await state.collection<LookedUntil>('appeared').findOne({ _id: idOf(database, project) }))?.until
}

export async function saveLookedUntil(state: Db, database: string, project: string, until: Date): Promise<void> {
  await state.collection<LookedUntil>('appeared').updateOne({ _id: idOf(database, project) }, { $max: { until } }, { upsert: true })
}

/** Representations whose id was made since then; what has an id of another type is told by the change stream alone. */
export async function* appearedSince(
  db: Db,
  project: string,
  from: ObjectId,
  { settings, signal }: { readonly settings: ProjectSettings; readonly signal: AbortSignal },
): AsyncGenerator<RepresentationDocument> {
  const filter = { _id: { $gte: from }, type: 'representation' } as unknown as Filter<RepresentationDocument>
  const projection = wantedFields(countingSites(settings))
  const options = { projection, readConcern: 'majority', hint: { _id: 1 }, batchSize: 100, signal, raw: true } as const
  for await (const bytes of db.collection<RepresentationDocument>(project).find(filter, options)) {
    yield readDocument(bytes as unknown as Uint8Array)
  }
}
