import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

import { merge, NEVER, ReplaySubject, type Observable } from 'rxjs'

import { changeHints } from './change-hints.ts'
import { Engine } from './engine.ts'
import type { SyncError } from './errors.ts'
import type { Log } from './model/log.ts'
import { TRANSIENT_RETRY, type TransientRetry } from './model/retry-policy.ts'
import type { Settings } from './model/settings.ts'
import { systemClock, type Clock } from './pipeline/clock.ts'
import type { Held, Settled } from './pipeline/contracts.ts'
import type { Hint } from './pipeline/lookout.ts'
import { Projects } from './projects.ts'
import { ProviderPool } from './providers/provider-pool.ts'
import { Reporter } from './reporter.ts'
import { findMisconfigured, isOff } from './site-check.ts'
import { watchChanges, type WatchedChanges } from './streams/change-stream.ts'
import { claimStore } from './streams/claims.ts'
import { connect, type Connections } from './streams/connect.ts'
import { representationReader } from './streams/representation-reader.ts'
import { tokenStore } from './streams/resume-token.ts'
import { serverTime } from './streams/scan.ts'
import { stateDatabase, type InstanceReport, type StateDatabase } from './streams/state-database.ts'
import { sleep } from './streams/waiting.ts'
import { recordWriter } from './streams/write-back.ts'

export interface ServiceOptions {
  readonly settings: Settings
  readonly log: Log
  /** `run`: until stopped. `once`: one pass over everything pending, then it stops by itself. */
  readonly mode: 'run' | 'once'
  readonly clock?: Clock
  readonly retry?: TransientRetry
  readonly openProvider?: ConstructorParameters<typeof ProviderPool>[0]['open']
}

export interface ServiceResult {
  readonly synced: number
  readonly failed: number
  /** Of `once`: sites that were in trouble, whose work was left. */
  readonly troubled: ReadonlySet<string>
}

/** How long the last words may take: to the database, to providers. */
const FAREWELL_MS = 4_000

/**
 * The service: connects, puts the pipeline together, and takes it apart again.
 *
 * created → starting (database, sites) → working → stopping (no new work, what runs goes on up to the grace period) → stopped.
 */
export class SyncService {
  readonly id = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`
  readonly #options: ServiceOptions
  readonly #clock: Clock
  readonly #stop = new ReplaySubject<void>(1)
  readonly #stopping = new AbortController()
  readonly #forced = Promise.withResolvers<void>()
  readonly #started = new Date()
  readonly #connections: Connections
  readonly #state: StateDatabase
  readonly #troubled = new Set<string>()
  #engine: Engine | undefined
  #reporter: Reporter | undefined
  #stream: InstanceReport['stream'] = 'opening'
  #isReady = false
  #synced = 0
  #failed = 0

  constructor(options: ServiceOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#connections = connect(options.settings.mongo.uri)
    this.#state = stateDatabase(this.#connections.work.db(options.settings.mongo.stateDatabase))
  }

  /** What is under way, with its progress. */
  get held(): ReadonlySet<Held> {
    return this.#engine?.held ?? new Set()
  }

  /** Ends the service: what runs may finish within the grace period. */
  stop(): void {
    if (this.#stopping.signal.aborted) return
    this.#options.log.event('service.stopping')
    this.#stopping.abort()
    this.#stop.next()
    this.#engine?.queue.close()
    this.#engine?.gates.close()
    const grace = this.#options.settings.shutdownGraceSeconds * 1_000
    setTimeout(() => this.force('shutdown: the grace period is over'), grace).unref()
  }

  /** Ends what runs; it is given back unfinished, and goes on elsewhere or after a restart. */
  force(reason = 'shutdown'): void {
    this.stop()
    this.#engine?.abort(reason)
    // The database may be away: nobody waits for it any longer.
    setTimeout(this.#forced.resolve, FAREWELL_MS).unref()
  }

  /** Resolves when the service has stopped. Rejects only if it could not be put together. */
  async run(): Promise<ServiceResult> {
    const { log, settings } = this.#options
    log.event('service.started', { extra: { instance: this.id, database: settings.mongo.database, remote_site: settings.remoteSite } })
    try {
      if (isOff(settings)) await this.#idle()
      else await this.#prepare()
      if (!this.#stopping.signal.aborted) await this.#work()
    } finally {
      await this.#reporter?.stop()
      await within(FAREWELL_MS, Promise.resolve(this.#connections[Symbol.asyncDispose]()))
      log.event('service.stopped', { extra: { synced: this.#synced, failed: this.#failed } })
    }
    return { synced: this.#synced, failed: this.#failed, troubled: this.#troubled }
  }

  /** Nothing is to be synced: alive, and nothing else. */
  async #idle(): Promise<void> {
    this.#ready()
    if (this.#options.mode === 'once') this.stop()
    await new Promise<void>((resolve) => {
      const alive = setInterval(() => undefined, 60_000)
      this.#stop.subscribe(() => {
        clearInterval(alive)
        resolve()
      })
    })
  }

  /** Our own database, as soon as there is one. */
  async #prepare(): Promise<void> {
    const { log } = this.#options
    for (let failures = 0; !this.#stopping.signal.aborted; failures++) {
      try {
        await this.#state.prepare()
        if (failures > 0) log.event('database.recovered')
        return
      } catch (error) {
        if (failures === 0) log.event('database.lost', { error })
        await sleep(1_000, this.#stopping.signal)
      }
    }
  }

  async #work(): Promise<void> {
    const { settings, log, openProvider } = this.#options
    const { work, stream } = this.#connections
    const db = work.db(settings.mongo.database)
    const state = work.db(settings.mongo.stateDatabase)
    await using providers = new ProviderPool({
      memory: this.#state,
      isSource: ({ name, declared }) => declared === false || name === settings.publishSite,
      warn: (site, message) => log.event('site.warning', { site: site.name, message }),
      ...(openProvider && { open: openProvider }),
    })
    const misconfigured = await findMisconfigured(settings, providers, log)
    await using projects = new Projects({ settings, work, log, hasRoom: (site, priority) => engine.queue.hasRoom(site, priority) })
    const changes =
      this.#options.mode === 'run'
        ? watchChanges(stream.db(settings.mongo.database), tokenStore(state, settings.mongo.database))
        : undefined
    const engine = new Engine({
      settings,
      log,
      isRepeated: this.#options.mode === 'run',
      clock: this.#clock,
      retry: this.#options.retry ?? TRANSIENT_RETRY,
      claims: claimStore(state, this.id, settings.leaseSeconds),
      records: recordWriter(db),
      reader: representationReader(db),
      providers,
      misconfigured,
      pages: (request, signal) => projects.pages(request, signal),
      serverTime: async () => serverTime(db),
      changes$: changes ? this.#hints(changes.events$, projects) : NEVER,
      stop$: this.#stop,
      healthChanged: (site, error) => this.#healthChanged(site, error),
    })
    this.#engine = engine
    const id = { _id: this.id, database: settings.mongo.database, host: hostname(), pid: process.pid, started: this.#started }
    this.#reporter = new Reporter({ id, state: this.#state, settings, misconfigured, engine, stream: () => this.#stream })
    await this.#drive(engine, changes)
  }

  /** The only subscription: everything the service does hangs on it. */
  async #drive(engine: Engine, changes: WatchedChanges | undefined): Promise<void> {
    const finished = new Promise<void>((resolve, reject) => {
      engine.settled$.subscribe({ next: (settled) => this.#count(settled), complete: resolve, error: reject })
    })
    if (this.#options.mode === 'once') {
      merge(engine.scans.finished$, engine.queue.idle$).subscribe(() => this.#stopWhenDone(engine))
      this.#ready()
      engine.scans.request({ reason: 'start', regular: true })
    }
    await Promise.race([finished, this.#forced.promise])
    if (changes) await within(FAREWELL_MS, changes.finished)
  }

  #hints(events$: WatchedChanges['events$'], projects: Projects): Observable<Hint> {
    return changeHints(events$, {
      settings: this.#options.settings,
      log: this.#options.log,
      noticed: (project) => projects.noticed(project),
      turned: (stream) => {
        this.#stream = stream
        this.#reporter?.changed()
      },
      scan: (request) => this.#engine?.scans.request(request),
      ready: () => this.#ready(),
    })
  }

  #ready(): void {
    if (this.#isReady) return
    this.#isReady = true
    const { log, settings } = this.#options
    log.event('service.ready', settings.remoteSite === '' ? { message: 'ready, but "remote_site" is empty: nothing is synced' } : {})
  }

  #count({ outcome }: Settled): void {
    if (outcome.kind === 'synced') this.#synced++
    if (outcome.kind === 'failed' || outcome.kind === 'site-trouble') this.#failed++
  }

  #healthChanged(site: string, error: SyncError | undefined): void {
    this.#reporter?.changed()
    if (this.#options.mode !== 'once' || !error) return
    // One pass does not wait for a site to recover.
    this.#troubled.add(site)
    if (site === this.#options.settings.publishSite) this.stop()
    else this.#engine?.queue.clear(site)
  }

  #stopWhenDone(engine: Engine): void {
    // What just ended may have asked for more: look when its turn is over.
    queueMicrotask(() => {
      if (engine.scans.isIdle && engine.queue.isIdle) this.stop()
    })
  }
}

/** Waits for last words, but not for ever. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([work.catch(() => undefined), late])
  clearTimeout(timer)
}
