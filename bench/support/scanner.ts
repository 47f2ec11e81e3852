import { loadSettings } from '../../src/config/load-settings.ts'
import { projectSettings } from '../../src/model/project-settings.ts'
import type { ProjectSettings } from '../../src/model/settings.ts'
import { targetSites } from '../../src/model/verdict.ts'
import { connect, type Connections } from '../../src/streams/connect.ts'
import { createIndexes, wantedIndexes } from '../../src/streams/indexes.ts'
import { pendingQueries, unreadableQuery } from '../../src/streams/pending-query.ts'
import { scanProject } from '../../src/streams/scan.ts'
import type { BenchServer, Production } from './bench-server.ts'
import { now } from './clock.ts'

export interface Examined {
  readonly keys: number
  readonly documents: number
}

/** The service's own scan, its indexes and its connection, without the service. */
export class Scanner implements AsyncDisposable {
  readonly #database: string
  readonly #settings: (project: string) => ProjectSettings
  readonly #connections: Connections

  private constructor(uri: string, database: string, settings: (project: string) => ProjectSettings) {
    this.#database = database
    this.#settings = settings
    this.#connections = connect(uri)
  }

  static async open({ uri }: BenchServer, production: Production): Promise<Scanner> {
    const { settings } = await loadSettings(await production.config(), {})
    const scanner = new Scanner(uri, production.db.databaseName, (project) => projectSettings(settings, project))
    await scanner.#connections.open()
    return scanner
  }

  async createIndexes(project: string): Promise<void> {
    await createIndexes(this.#connections.work, this.#database, project, wantedIndexes(this.#settings(project)))
  }

  /**
   * Milliseconds until all of a project has been asked for, or (`atLeast`) until so many representations have come. Throws unless
   * `expected` different ones came.
   */
  async scan(project: string, { expected, atLeast = Infinity }: { readonly expected: number; readonly atLeast?: number }): Promise<number> {
    const found = new Set<string>()
    const request = { unreadable: true, wants: () => found.size < atLeast }
    const pages = scanProject(
      this.#connections.work.db(this.#database),
      project,
      this.#settings(project),
      request,
      new AbortController().signal,
    )
    const from = now()
    for await (const documents of pages) {
      for (const { _id } of documents) found.add(String(_id))
      if (found.size >= atLeast) break
    }
    const took = now() - from
    if (found.size < Math.min(expected, atLeast)) throw new Error(`${project}: ${found.size} pending were found, not ${expected}`)
    return took
  }

  /** What the server looks at for one scan, all its queries together. */
  async examined(project: string): Promise<Examined> {
    const collection = this.#connections.work.db(this.#database).collection(project)
    const settings = this.#settings(project)
    const filters = targetSites(settings).flatMap(({ name }) =>
      pendingQueries(name, settings.retryCount, [settings.publishSite]).map(({ filter }) => filter),
    )
    let [keys, documents] = [0, 0]
    for (const filter of [...filters, unreadableQuery]) {
      const { executionStats } = await collection.find(filter as object).explain('executionStats')
      keys += Number(executionStats.totalKeysExamined)
      documents += Number(executionStats.totalDocsExamined)
    }
    return { keys, documents }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]()
  }
}
