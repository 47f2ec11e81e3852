import { MaxKey, ObjectId, type Collection, type Db, type Filter } from 'mongodb'

import type { RepresentationDocument } from '../model/document.ts'
import type { ProjectSettings } from '../model/settings.ts'
import { countingSites } from '../model/verdict.ts'
import { wantedFields } from './projection.ts'
import { readDocument } from './raw-document.ts'

interface LookedUntil {
  readonly _id: string
  readonly until: Date
}

/** One representation that was looked at. */
interface Looked {
  readonly _id: { readonly project: string; readonly made: ObjectId | MaxKey }
}

/** What is known of new representations, for all instances and after restarts. */
export interface AppearedStore {
  /** Until when a project was scanned for them, by the server's clock. */
  lookedUntil(project: string): Promise<Date | undefined>
  /** Those that were looked at, as hexadecimal ids, among those made since then. */
  lookedSince(project: string, from: ObjectId): Promise<ReadonlySet<string>>
  isLooked(project: string, id: ObjectId): Promise<boolean>
  looked(project: string, id: ObjectId): Promise<void>
  /** A scan has ended that went back to `from`: earlier ones will not be read again. */
  scanned(project: string, until: Date, from: ObjectId): Promise<void>
}

export function appearedStore(state: Db, database: string): AppearedStore {
  const projects: Collection<LookedUntil> = state.collection('appeared')
  const representations: Collection<Looked> = state.collection('appeared')
  const nameOf = (project: string): string => `${database}/${project}`
  const idOf = (project: string, made: Looked['_id']['made']): Looked['_id'] => ({ project: nameOf(project), made })
  const FIRST = ObjectId.createFromTime(0)
  return {
    async lookedUntil(project) {
      return (await projects.findOne({ _id: nameOf(project) }))?.until
    },
    async lookedSince(project, from) {
      const found = representations.find({ _id: { $gte: idOf(project, from), $lt: idOf(project, new MaxKey()) } })
      const ids = new Set<string>()
      for await (const { _id } of found) if (_id.made instanceof ObjectId) ids.add(_id.made.toHexString())
      return ids
    },
    async isLooked(project, id) {
      return (await representations.findOne({ _id: idOf(project, id) })) !== null
    },
    async looked(project, id) {
      await representations.replaceOne({ _id: idOf(project, id) }, {}, { upsert: true })
    },
    async scanned(project, until, from) {
      await projects.updateOne({ _id: nameOf(project) }, { $max: { until } }, { upsert: true })
      await representations.deleteMany({ _id: { $gte: idOf(project, FIRST), $lt: idOf(project, from) } })
    },
  }
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
