import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import type { Collection, Db, WithId } from 'mongodb'
import { onTestFinished } from 'vitest'

import type { Settings } from '../../src/model/settings.ts'
import type { Site } from '../../src/model/site.ts'
import { openProvider } from '../../src/providers/registry.ts'
import { SyncService, type ServiceOptions, type ServiceResult } from '../../src/service/service.ts'
import type { LogAction } from '../../src/model/log.ts'
import { insertUntilTaken } from './insist.ts'
import { recordingLog, type LogLines } from './log-recorder.ts'
import { entry, inArray, recordOf, representation, type Representation, type SiteRecordJson } from './published.ts'
import { SpiedSite } from './spied-site.ts'
import { ownDatabase, sharedDatabase } from './stage-database.ts'
import { waitFor } from './wait-for.ts'

export interface StageOptions {
  /** Sites besides `studio` and `gdrive`, or other definitions of these; `gdrive` is a site in memory unless it says otherwise. */
  readonly sites?: readonly (Partial<Site> & Pick<Site, 'name'>)[]
  readonly settings?: Partial<Settings>
  /** Another server than the one all tests share. */
  readonly uri?: string
}

/** A service that runs in this process. */
export interface Running {
  readonly service: SyncService
  readonly lines: LogLines
  /** Resolves when it has stopped, by itself or told to. */
  readonly ended: Promise<ServiceResult>
  /** Stops it in good order, and checks that every attempt that was begun was ended. */
  stop(): Promise<ServiceResult>
}

export const PROJECT = 'prj'

/** A production of a test's own: a database, a disk for the publishes, sites in memory. Goes when the test ends. */
export class Stage {
  readonly uri: string
  readonly db: Db
  readonly state: Db
  readonly dir: string
  readonly settings: Settings
  readonly #spies = new Map<string, SpiedSite>()
  readonly #running: Running[] = []

  private constructor(parts: { uri: string; db: Db; state: Db; dir: string; options: StageOptions }) {
    this.uri = parts.uri
    this.db = parts.db
    this.state = parts.state
    this.dir = parts.dir
    this.settings = this.#settings(parts.options)
  }

  static async open(options: StageOptions = {}): Promise<Stage> {
    const { uri, db, state, dispose } = options.uri === undefined ? await sharedDatabase() : ownDatabase(options.uri)
    const dir = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-stage-')))
    const stage = new Stage({ uri, db, state, dir, options })
    onTestFinished(async () => {
      await stage.#close()
      await dispose()
      await rm(dir, { recursive: true, force: true })
    })
    return stage
  }

  /** The site in memory: what it holds, what it was asked for, and what it is to do. */
  spy(site = 'gdrive'): SpiedSite {
    let spy = this.#spies.get(site)
    if (!spy) this.#spies.set(site, (spy = new SpiedSite()))
    return spy
  }

  /** Where the publish site has `{root[work]}/…`. */
  studioPath(path: string, root = 'work'): string {
    return join(this.dir, 'studio', root, path)
  }

  /** Puts a file where the publish site has it. */
  async file(path: string, content: string | Buffer = path, root = 'work'): Promise<void> {
    const full = this.studioPath(path, root)
    await mkdir(dirname(full), { recursive: true })
    await writeFile(full, content)
  }

  project(name = PROJECT): Collection<Representation> {
    return this.db.collection<Representation>(name)
  }

  /** Also while the server changes; rejects after a minute. */
  async insert(...documents: readonly Representation[]): Promise<void> {
    await insertUntilTaken(this.project(), documents)
  }

  /** A file and a representation that wants it at `gdrive`. */
  async publish(path: string, record: SiteRecordJson = {}): Promise<Representation> {
    await this.file(path)
    const document = representation([entry(`{root[work]}/${path}`, inArray({ name: 'gdrive', ...record }))])
    await this.insert(document)
    return document
  }

  async read({ _id }: Pick<Representation, '_id'>, project = PROJECT): Promise<WithId<Representation> | null> {
    return await this.project(project).findOne({ _id }, { enableUtf8Validation: false })
  }

  /** The document to the byte. */
  async raw({ _id }: Pick<Representation, '_id'>, project = PROJECT): Promise<Buffer | undefined> {
    const found: unknown = await this.project(project).findOne({ _id }, { raw: true })
    return Buffer.isBuffer(found) ? found : undefined
  }

  /** The record of a file as it is now. */
  async record(document: Representation, { site = 'gdrive', file = 0, project = PROJECT } = {}): Promise<SiteRecordJson | undefined> {
    return recordOf((await this.read(document, project))?.files[file], site)
  }

  /** Waits until the record is as wished. */
  async until(
    document: Representation,
    what: string,
    is: (record: SiteRecordJson) => boolean,
    where: { site?: string; file?: number; project?: string; withinMs?: number } = {},
  ): Promise<SiteRecordJson> {
    const ask = async (): Promise<SiteRecordJson | false | undefined> => {
      const record = await this.record(document, where)
      return record !== undefined && is(record) && record
    }
    const seen = async (): Promise<unknown> => ({
      record: await this.record(document, where),
      log: this.#running.map(({ lines }) => lines.summary()),
    })
    return await waitFor<SiteRecordJson | false | undefined>(what, ask, {
      seen,
      ...(where.withinMs !== undefined && { withinMs: where.withinMs }),
    })
  }

  async synced(
    document: Representation,
    where: { site?: string; file?: number; project?: string; withinMs?: number } = {},
  ): Promise<SiteRecordJson> {
    return await this.until(document, 'created_dt', ({ created_dt: created }) => created instanceof Date, where)
  }

  /** Starts a service; it is ready for work afterwards. */
  async start(options: Partial<ServiceOptions> = {}, until: LogAction = 'service.ready'): Promise<Running> {
    const running = this.launch(options)
    await Promise.race([running.lines.until(until, 1, { withinMs: 30_000 }), running.ended])
    return running
  }

  /** Starts a service, and does not wait for anything. */
  launch(options: Partial<ServiceOptions> = {}): Running {
    const { lines, ...log } = recordingLog()
    const service = new SyncService({
      settings: this.settings,
      log,
      mode: 'run',
      retry: { retries: 2, minTimeout: 10, maxTimeout: 20 },
      openProvider: async (site, context) =>
        site.provider === 'memory' ? this.spy(site.name).open(site) : await openProvider(site, context),
      ...options,
    })
    const ended = service.run()
    // Whoever cares awaits it; a failure in between is no unhandled one.
    ended.catch(() => undefined)
    const running: Running = {
      service,
      lines,
      ended,
      async stop() {
        service.stop()
        const result = await ended
        const unpaired = lines.unpaired()
        if (unpaired.length > 0) throw new Error(`attempts without exactly one end: ${unpaired.join(', ')}\n${lines.summary().join('\n')}`)
        return result
      },
    }
    this.#running.push(running)
    return running
  }

  /**
   * Everything that happened in the database before this has been seen: a further publish came after it in the change stream, and
   * was done by the service, as the least urgent of its site.
   */
  async fence({ project = PROJECT, site = 'gdrive' }: { readonly project?: string; readonly site?: string } = {}): Promise<void> {
    const path = `fence/${this.#fences++}`
    await this.file(path)
    const document = representation([entry(`{root[work]}/${path}`, inArray({ name: site, priority: 1 }))])
    await this.project(project).insertOne(document)
    await this.synced(document, { project, site })
  }
  #fences = 0

  /** The same, and nothing is under way any more. */
  async settle(running: Running, project = PROJECT): Promise<void> {
    await this.fence({ project })
    await waitFor('the end of what is under way', () => running.service.attempts.length === 0)
  }

  async #close(): Promise<void> {
    for (const spy of this.#spies.values()) spy.release()
    for (const { service } of this.#running) service.force()
    await Promise.allSettled(this.#running.map(async ({ ended }) => await ended))
  }

  #settings({ sites = [], settings = {} }: StageOptions): Settings {
    const defaults: readonly (Partial<Site> & Pick<Site, 'name'>)[] = [
      { name: 'studio', provider: 'local_drive', root: new Map([['work', join(this.dir, 'studio', 'work')]]) },
      { name: 'gdrive' },
    ]
    const all = new Map<string, Site>()
    for (const site of [...defaults, ...sites]) {
      const memory = { provider: 'memory', root: new Map([['work', '/My Drive/w']]), concurrency: 4, alternativeSites: [] }
      all.set(site.name, { ...memory, ...all.get(site.name), ...site })
    }
    return {
      localId: 'local_0',
      publishSite: 'studio',
      remoteSite: 'gdrive',
      retryCount: 3,
      loopDelaySeconds: 60,
      leaseSeconds: 30,
      shutdownGraceSeconds: 10,
      indexes: 'auto',
      writeProgress: false,
      mongo: { uri: this.uri, database: this.db.databaseName, stateDatabase: this.state.databaseName },
      sites: all,
      projects: { include: ['*'], exclude: [], overrides: new Map() },
      ...settings,
    }
  }
}
