import type { MongoClient } from 'mongodb'

import type { Log } from './model/log.ts'
import { projectSettings } from './model/project-settings.ts'
import type { Settings } from './model/settings.ts'
import { DEFAULT_PRIORITY } from './model/site-record.ts'
import { targetSites } from './model/verdict.ts'
import type { ScanPages, ScanRequest } from './pipeline/scan-plan.ts'
import { connectPatiently } from './streams/connect.ts'
import { createIndexes, indexCommands, wantedIndexes } from './streams/indexes.ts'
import { collectionNames, scanProject } from './streams/scan.ts'

export interface ProjectsParts {
  readonly settings: Settings
  readonly work: MongoClient
  readonly log: Log
  readonly hasRoom: (site: string, priority: number) => boolean
}

/** The project collections: which there are, their indexes, and what a scan reads of them. */
export class Projects implements AsyncDisposable {
  readonly #parts: ProjectsParts
  readonly #indexed = new Set<string>()
  #indexing: Promise<void> = Promise.resolve()
  #patient: MongoClient | undefined

  constructor(parts: ProjectsParts) {
    this.#parts = parts
  }

  /** Sees to the indexes of a project once, one project after the other, in the background. */
  noticed(project: string): void {
    if (this.#indexed.has(project)) return
    this.#indexed.add(project)
    this.#indexing = this.#indexing.then(async () => this.#index(project))
  }

  /** Its collection may be another one now, or all may be: their indexes are seen to again. */
  forgotten(project?: string): void {
    if (project === undefined) this.#indexed.clear()
    else this.#indexed.delete(project)
  }

  /** What may be pending, project by project. */
  async *pages(request: ScanRequest, signal: AbortSignal): AsyncGenerator<ScanPages> {
    const { settings, work, hasRoom } = this.#parts
    const db = work.db(settings.mongo.database)
    for (const project of await collectionNames(db)) {
      const own = projectSettings(settings, project)
      if (targetSites(own).length === 0) continue
      this.noticed(project)
      const scan = {
        ...(request.sites && { sites: request.sites }),
        unreadable: request.regular,
        wants: (site: string, urgent: boolean) => hasRoom(site, urgent ? DEFAULT_PRIORITY + 1 : 0),
      }
      for await (const documents of scanProject(db, project, own, scan, signal)) {
        if (signal.aborted) return
        yield { project, documents }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#patient?.close()
  }

  async #index(project: string): Promise<void> {
    const { settings, log } = this.#parts
    const indexes = wantedIndexes(projectSettings(settings, project))
    if (indexes.length === 0) return
    const commands = indexCommands(project, indexes)
    if (settings.indexes === 'off') {
      const message = 'indexes are off: without them every scan reads the whole collection; to create them: '
      log.event('database.index', { project, outcome: 'unknown', message: message + commands.join('; '), extra: { commands } })
      return
    }
    try {
      this.#patient ??= connectPatiently(settings.mongo.uri)
      const created = await createIndexes(this.#patient, settings.mongo.database, project, indexes)
      if (created > 0)
        log.event('database.index', { project, message: `${created} index${created > 1 ? 'es' : ''} created`, extra: { commands } })
    } catch (error) {
      // Had it never reached the server, it would not look for it again.
      await this.#patient?.close()
      this.#patient = undefined
      log.event('database.index_failed', {
        project,
        error,
        message: `scans read the whole collection until somebody does: ${commands.join('; ')}`,
      })
    }
  }
}
