import { LRUCache } from 'lru-cache'
import type { MongoClient } from 'mongodb'

import { atMost } from '../model/at-most.ts'
import type { Log } from '../model/log.ts'
import { projectSettings } from '../model/project-settings.ts'
import type { Settings } from '../model/settings.ts'
import { DEFAULT_PRIORITY } from '../model/site-record.ts'
import { targetSites } from '../model/verdict.ts'
import type { ScanPages, ScanRequest } from '../pipeline/scan-plan.ts'
import { isPassing } from '../streams/outage.ts'
import { PatientClient } from '../streams/patient-client.ts'
import { createIndexes, indexCommands, wantedIndexes, type CreatedIndexes } from '../streams/indexes.ts'
import type { IndexDefinition } from '../streams/pending-query.ts'
import { collectionNames, scanProject } from '../streams/scan.ts'

export interface ProjectsParts {
  readonly settings: Settings
  readonly work: MongoClient
  readonly log: Log
  /** Reads what has to be known before work of a project is found. */
  readonly prepare: (project: string, options: { readonly again: boolean }) => Promise<void>
  /** Sees to what appeared in a project since it was scanned last. */
  readonly appeared?: (project: string, signal: AbortSignal) => Promise<void>
  readonly hasRoom: (site: string, priority: number, project: string) => boolean
  /** Indexes are left as they are, and not told of. @defaultValue `false` */
  readonly isReadOnly?: boolean
}

/** Whoever may write to the database may create, and drop, collections without end. */
const MAX_PROJECTS = 10_000

/** The project collections: which there are, their indexes, and what a scan reads of them. */
export class Projects implements AsyncDisposable {
  readonly #parts: ProjectsParts
  readonly #indexed = new Set<string>()
  readonly #told = new LRUCache<string, true>({ max: 1_000 })
  #indexing: Promise<void> = Promise.resolve()
  /** By project: sites in which the last scan found nothing open. */
  readonly #empty = new LRUCache<string, Set<string>>(atMost(MAX_PROJECTS))
  #scans = 0
  #isDisposed = false
  readonly #patient: PatientClient

  constructor(parts: ProjectsParts) {
    this.#parts = parts
    this.#patient = new PatientClient(parts.settings.mongo.uri)
  }

  /** Sees to the indexes of a project once, one project after the other, in the background. */
  noticed(project: string): void {
    if (this.#parts.isReadOnly === true || this.#indexed.has(project)) return
    this.#indexed.add(project)
    this.#indexing = this.#indexing.then(async () => this.#index(project))
  }

  /** Its collection may be another one now, or all may be: their indexes are seen to again. */
  forgotten(project?: string): void {
    if (project === undefined) this.#indexed.clear()
    else this.#indexed.delete(project)
  }

  /**
   * What may be pending: a page of each project in turn, so that the backlog of one does not keep the others waiting. A project that
   * can't be read does not keep them either; it is the scan's fault in the end.
   */
  async *pages(request: ScanRequest, signal: AbortSignal): AsyncGenerator<ScanPages> {
    const { settings, work } = this.#parts
    const names = await collectionNames(work.db(settings.mongo.database), (name) => this.#leftOut(name))
    // Not always the same one first.
    const from = names.length === 0 ? 0 : this.#scans++ % names.length
    const waiting = [...names.slice(from), ...names.slice(0, from)].map((project) => this.#pagesOf(project, request, signal))
    const faults: unknown[] = []
    try {
      for (let turn = waiting.shift(); turn && !signal.aborted; turn = waiting.shift()) {
        const { value, done } = await turn.next().catch((error: unknown) => skipped(error, faults))
        if (done === true) continue
        waiting.push(turn)
        yield value
      }
    } finally {
      await Promise.allSettled(waiting.map(async (pages) => pages.return(undefined)))
    }
    if (faults.length > 0) throw faults[0]
  }

  async *#pagesOf(project: string, request: ScanRequest, signal: AbortSignal): AsyncGenerator<ScanPages, undefined> {
    const { settings, work, prepare, hasRoom } = this.#parts
    const own = projectSettings(settings, project)
    if (targetSites(own).length === 0) return
    await prepare(project, { again: request.regular })
    this.noticed(project)
    if (request.regular) await this.#parts.appeared?.(project, signal)
    const empty = this.#empty.get(project) ?? new Set<string>()
    this.#empty.set(project, empty)
    const scan = {
      empty,
      ...(request.sites && { sites: request.sites }),
      unreadable: request.regular,
      wants: (site: string, urgent: boolean) => hasRoom(site, urgent ? DEFAULT_PRIORITY + 1 : 0, project),
    }
    for await (const documents of scanProject(work.db(settings.mongo.database), project, own, scan, signal)) yield { project, documents }
  }

  /** Tells of a collection that can be no project, once. */
  #leftOut(project: string): void {
    if (this.#told.has(project)) return
    this.#told.set(project, true)
    this.#parts.log.event('record.unreadable', { project, message: 'a collection whose name is not valid UTF-8 is left out' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true
    await this.#patient[Symbol.asyncDispose]()
  }

  async #index(project: string): Promise<void> {
    const { settings, log } = this.#parts
    const indexes = wantedIndexes(projectSettings(settings, project))
    if (indexes.length === 0 || this.#isDisposed) return
    const commands = indexCommands(project, indexes)
    if (settings.indexes === 'off') {
      const message = 'indexes are off: without them every scan reads the whole collection; to create them: '
      log.event('database.index', { project, outcome: 'unknown', message: message + commands.join('; '), extra: { commands } })
      return
    }
    try {
      const created = await this.#patient.use(async (client) => createIndexes(client, settings.mongo.database, project, indexes))
      this.#tellIndexes(project, created)
    } catch (error) {
      if (this.#isDisposed) return
      // The next scan sees to it again.
      if (isPassing(error)) return void this.#indexed.delete(project)
      log.event('database.index_failed', {
        project,
        error,
        message: `scans read the whole collection until somebody does: ${commands.join('; ')}`,
      })
    }
  }

  #tellIndexes(project: string, { created, left, refused }: CreatedIndexes): void {
    const { log } = this.#parts
    if (created.length > 0) {
      const message = `${created.length} index${created.length > 1 ? 'es' : ''} created`
      log.event('database.index', { project, message, extra: { commands: indexCommands(project, created) } })
    }
    const missing = [...left, ...refused.map(({ index }) => index)]
    if (missing.length === 0) return
    const why = [
      ...(left.length > 0 ? [`a collection holds 64 indexes at most, and some are left to its owner: no room for ${namesOf(left)}`] : []),
      ...(refused.length > 0 ? [`the server refused ${namesOf(refused.map(({ index }) => index))}`] : []),
    ]
    log.event('database.index_failed', {
      project,
      ...(refused[0] && { error: refused[0].error }),
      message: `${why.join('; ')}. Without them scans for these sites read the whole collection`,
      extra: { indexes: missing.map(({ name }) => name), commands: indexCommands(project, missing) },
    })
  }
}

/** Goes on without what failed, unless the server itself is unavailable. */
function skipped(error: unknown, faults: unknown[]): { readonly done: true; readonly value: undefined } {
  if (isPassing(error)) throw error
  faults.push(error)
  return { done: true, value: undefined }
}

function namesOf(indexes: readonly IndexDefinition[]): string {
  const shown = indexes.slice(0, 5).map(({ name }) => name)
  return indexes.length > shown.length ? `${shown.join(', ')} and ${indexes.length - shown.length} more` : shown.join(', ')
}
