import type { Db, Document, Filter } from 'mongodb'

import type { RepresentationDocument } from '../model/document.ts'
import { wantedFields } from './projection.ts'
import { readDocument } from './raw-document.ts'

/** An empty name, `.` or `..` in a path: it leads somewhere else than its text says. */
const ROUNDABOUT = '/\\.{0,2}/'

/**
 * The representations of a project that have a file entry with one of these paths, or with one that has to be resolved before it can be
 * compared. No index serves that: it reads the whole collection, once for all of the paths.
 */
export async function* representationsWithPath(
  db: Db,
  project: string,
  paths: readonly string[],
  { sites, signal }: { readonly sites: readonly string[]; readonly signal: AbortSignal },
): AsyncGenerator<RepresentationDocument> {
  const filter: Document = {
    type: 'representation',
    $or: [{ 'files.path': { $in: paths } }, { 'files.path': { $regex: ROUNDABOUT } }],
  }
  const options = { projection: wantedFields(sites), readConcern: 'majority', raw: true, signal } as const
  const cursor = db.collection(project).find(filter as Filter<Document>, options)
  try {
    for await (const bytes of cursor) yield readDocument(bytes as unknown as Uint8Array)
  } finally {
    await cursor.close().catch(() => undefined)
  }
}
