import { MongoServerError, type Db, type Document, type Filter } from 'mongodb'

import type { RepresentationDocument } from '../model/document.ts'
import type { ProjectSettings } from '../model/settings.ts'
import { countingSites, targetSites } from '../model/verdict.ts'
import { isProjectName } from '../model/project-name.ts'
import { pendingQueries, unreadableQuery, type PendingQuery } from './pending-query.ts'
import { readDocument } from './raw-document.ts'
import { wantedFields } from './projection.ts'

export interface ScanRequest {
  /** Undefined: all of the project's target sites. */
  readonly sites?: ReadonlySet<string>
  /** Also the documents whose `sites` nobody can read. */
  readonly unreadable: boolean
  /** The server gives up each query after so long; without it, none is given up. */
  readonly maxTimeMs?: number
  /** Asked before each site and page: is there any use in more of this site? */
  wants(site: string, urgent: boolean): boolean
}

const PAGE = 100

/**
 * The representations of one project in which something may be pending, page by page, urgent ones first. A document may come more
 * than once. Costs what is pending, not what exists, given the indexes.
 */
export async function* scanProject(
  db: Db,
  project: string,
  settings: ProjectSettings,
  request: ScanRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly RepresentationDocument[]> {
  const counting = countingSites(settings)
  const fields = wantedFields(counting)
  const ask: Ask = (filter, wants) => pages(db, { project, filter, fields, wants, maxTimeMs: request.maxTimeMs }, signal)
  for (const { name } of targetSites(settings)) {
    if (request.sites && !request.sites.has(name)) continue
    const sources = counting.filter((source) => source !== name)
    yield* pagesOfSite(ask, pendingQueries(name, settings.retryCount, sources), (urgent) => request.wants(name, urgent))
  }
  if (request.unreadable) yield* ask(unreadableQuery, () => true)
}

type Pages = AsyncGenerator<readonly RepresentationDocument[], undefined>
type Ask = (filter: Filter<RepresentationDocument>, wants: () => boolean) => Pages

/** Reads ahead what is not only the urgent: where none of it is found, nothing is urgent either, and nobody has to ask. */
async function* pagesOfSite(ask: Ask, queries: readonly PendingQuery[], wants: (urgent: boolean) => boolean): Pages {
  const wantsRest = wants(false)
  await using open = new AsyncDisposableStack()
  const rest: { readonly first: readonly RepresentationDocument[]; readonly more: Pages }[] = []
  let isAhead = true
  for (const { filter } of wantsRest ? queries.filter(({ urgent }) => !urgent) : []) {
    const more = ask(filter, () => isAhead || wants(false))
    open.defer(async () => void (await more.return(undefined)))
    const { value: first } = await more.next()
    if (first) rest.push({ first, more })
  }
  isAhead = false
  if (wantsRest && rest.length === 0) return
  for (const { filter, urgent } of queries) if (urgent) yield* ask(filter, () => wants(true))
  for (const { first, more } of rest) {
    if (!wants(false)) return
    yield first
    yield* more
  }
}

interface Query {
  readonly project: string
  readonly filter: Filter<RepresentationDocument>
  readonly fields: Document
  readonly wants: () => boolean
  readonly maxTimeMs: number | undefined
}

async function* pages(db: Db, { project, filter, fields, wants, maxTimeMs }: Query, signal: AbortSignal): Pages {
  if (!wants()) return
  const cursor = db.collection<RepresentationDocument>(project).find(filter, {
    projection: fields,
    readConcern: 'majority',
    batchSize: PAGE,
    signal,
    raw: true,
    ...(maxTimeMs !== undefined && { maxTimeMS: maxTimeMs }),
  })
  try {
    let documents: RepresentationDocument[] = []
    for await (const bytes of cursor) {
      documents.push(readDocument(bytes as unknown as Uint8Array))
      if (documents.length < PAGE && cursor.bufferedCount() > 0) continue
      yield documents
      documents = []
      if (!wants()) return
    }
    if (documents.length > 0) yield documents
  } catch (error) {
    if (!isGone(error)) throw error
  } finally {
    void cursor.close().catch(() => undefined)
  }
}

/** 175 QueryPlanKilled, 26 NamespaceNotFound: the collection was dropped or renamed under us. */
function isGone(error: unknown): boolean {
  return error instanceof MongoServerError && (error.code === 175 || error.code === 26)
}

/** The server's clock: the only one by which failures are dated. */
export async function serverTime(db: Db): Promise<Date> {
  const { localTime } = await db.command({ hello: 1 })
  return localTime instanceof Date ? localTime : new Date()
}

/** Every collection that may be a project; `leftOut` hears of those that nobody can ask for. */
export async function collectionNames(db: Db, leftOut: (name: string) => void = () => undefined): Promise<readonly string[]> {
  const found = await db.listCollections({ type: 'collection' }, { nameOnly: true, authorizedCollections: true }).toArray()
  const names = found.map(({ name }) => name).filter((name) => !name.startsWith('system.'))
  for (const name of names) if (!isProjectName(name)) leftOut(name)
  return names.filter(isProjectName)
}
