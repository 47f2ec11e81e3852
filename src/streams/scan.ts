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
  /** Of this project: sites in which the last scan found nothing open. Kept here from one scan to the next. */
  readonly empty?: Set<string>
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
    yield* pagesOfSite(ask, pendingQueries(name, settings.retryCount, sources), name, request)
  }
  if (request.unreadable) yield* ask(unreadableQuery, () => true)
}

type Pages = AsyncGenerator<readonly RepresentationDocument[], undefined>
type Ask = (filter: Filter<RepresentationDocument>, wants: () => boolean) => Pages

/**
 * Where the last scan found nothing open, it begins with what is not only the urgent: while there is none of it, nothing is urgent either,
 * and nobody has to ask. What it finds then is read again behind the urgent ones, since it would be old by then.
 */
async function* pagesOfSite(ask: Ask, queries: readonly PendingQuery[], name: string, request: ScanRequest): Pages {
  const { empty } = request
  if (empty?.has(name) === true && request.wants(name, false)) {
    if (!(await isAnythingOpen(ask, queries))) return
    empty.delete(name)
  }
  let isEmpty = true
  for (const { filter, urgent } of queries) {
    const wanted = (): boolean => {
      const isWanted = request.wants(name, urgent)
      isEmpty &&= isWanted
      return isWanted
    }
    for await (const page of ask(filter, wanted)) {
      isEmpty = false
      yield page
    }
  }
  if (isEmpty) empty?.add(name)
}

async function isAnythingOpen(ask: Ask, queries: readonly PendingQuery[]): Promise<boolean> {
  for (const { filter, urgent } of queries) {
    if (urgent) continue
    const found = ask(filter, () => true)
    const { done } = await found.next()
    await found.return(undefined)
    if (done !== true) return true
  }
  return false
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
