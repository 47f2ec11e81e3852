import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

import { UnsupportedServerError } from '../errors.ts'
import { redact } from '../logging.ts'
import { TRANSIENT_RETRY } from '../model/retry-policy.ts'
import type { Settings } from '../model/settings.ts'
import { systemClock } from '../pipeline/clock.ts'
import type { Attempt } from '../pipeline/attempt.ts'
import type { Settled, Tracing } from '../pipeline/contracts.ts'
import { connected } from './connected.ts'
import { Reporter } from './reporter.ts'
import { ServiceHealth } from './service-health.ts'
import { Session } from './session.ts'
import type { ServiceOptions, ServiceResult } from './service-options.ts'
import { isOff } from './site-check.ts'
import { newsOf } from './site-reports.ts'
import { Web, type WebParts } from './web.ts'
import { connect, type Connections } from '../streams/connect.ts'
import { stateDatabase, type StateDatabase } from '../streams/state-database.ts'
import { findTracing } from '../tracing/find-tracing.ts'
import { close, CLOSING_MS, within } from './within.ts'

export type { ServiceOptions, ServiceResult } from './service-options.ts'

/** How long the last words of what was told to end may take; connections are closed after that. */
const FAREWELL_MS = 2_500
/** How long one pass waits for a database. */
const PATIENCE_MS = 30_000

/**
 * The service: connects, runs sessions, and takes leave.
 *
 * created → starting (database) → working, in a session for each configuration → stopping (no new work, what runs goes on up to the
 * grace period) → stopped.
 */
export class SyncService {
  readonly id = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`
  readonly #options: ServiceOptions
  readonly #stopping = new AbortController()
  readonly #forced = Promise.withResolvers<void>()
  readonly #started = new Date()
  readonly #connections: Connections
  readonly #state: StateDatabase
  readonly #troubled = new Set<string>()
  readonly #sessions = new Set<Session>()
  readonly #web = new Web(this.id, () => this.attempts)
  readonly #health = new ServiceHealth()
  #woken = Promise.withResolvers<void>()
  #settings: Settings
  #next: Settings | undefined
  #current: Session | undefined
  #met = (): void => {}
  #silentMs = (): number | undefined => undefined
  #isRefused = false
  #tracing: Tracing | undefined
  #synced = 0
  #failed = 0

  constructor(options: ServiceOptions) {
    this.#options = options
    this.#settings = options.settings
    this.#connections = connect(options.settings.mongo.uri)
    this.#state = stateDatabase(this.#connections.work.db(options.settings.mongo.stateDatabase), redact)
  }

  /** What is under way, with its progress. */
  get attempts(): readonly Attempt[] {
    return [...this.#sessions].flatMap((session) => session.attempts)
  }

  /** The configuration was changed, and can't be taken: the former one goes on. */
  rejected(reason: string): void {
    this.#health.rejected = reason
  }

  /** Goes on under another configuration; what runs is not disturbed. Where the database is can't be changed so. */
  reload(settings: Settings): void {
    if (this.#stopping.signal.aborted) return
    this.#health.rejected = undefined
    this.#next = { ...settings, mongo: this.#settings.mongo }
    this.#current?.stop()
    this.#wake()
  }

  /** Ends the service: what runs may finish within the grace period. */
  stop(): void {
    if (this.#stopping.signal.aborted) return
    this.#options.log.event('service.stopping')
    this.#stopping.abort()
    for (const session of this.#sessions) session.stop()
    this.#wake()
    const grace = this.#settings.shutdownGraceSeconds * 1_000
    setTimeout(() => this.force('shutdown: the grace period is over'), grace).unref()
  }

  /** Ends what runs; it is given back unfinished, and goes on elsewhere or after a restart. */
  force(reason = 'shutdown'): void {
    this.stop()
    for (const session of this.#sessions) session.abort(reason)
    // MongoDB may be unavailable: nobody waits for it any longer.
    setTimeout(this.#forced.resolve, FAREWELL_MS).unref()
  }

  /** Resolves when the service has stopped. Rejects only if it could not be put together. */
  async run(): Promise<ServiceResult> {
    const { log } = this.#options
    const { database } = this.#settings.mongo
    log.event('service.started', { extra: { instance: this.id, database, remote_site: this.#settings.remoteSite } })
    try {
      this.#tracing = await findTracing()
      if (this.#options.mode === 'run') await this.#web.start(this.#webParts())
      await this.#runSessions()
    } finally {
      await within(CLOSING_MS, this.#web.stop())
      await close(this.#connections)
      log.event('service.stopped', { extra: { synced: this.#synced, failed: this.#failed } })
    }
    return { synced: this.#synced, failed: this.#failed, troubled: this.#troubled, refused: this.#isRefused }
  }

  #webParts(): WebParts {
    const { log, openProvider } = this.#options
    const signal = this.#stopping.signal
    const state = () => this.#health.state(this.#settings, this.#current?.report(), signal.aborted, this.#silentMs())
    return { settings: () => this.#settings, state, log, openProvider, connections: this.#connections, signal }
  }

  async #runSessions(): Promise<void> {
    const reporter = this.#reporter()
    this.#met = () => reporter.met()
    this.#silentMs = () => reporter.silentMs
    try {
      await this.#untilStopped()
    } finally {
      await within(CLOSING_MS, reporter.stop())
    }
  }

  async #untilStopped(): Promise<void> {
    const ends: Promise<void>[] = []
    while (!this.#stopping.signal.aborted) {
      this.#settings = this.#next ?? this.#settings
      this.#next = undefined
      if (this.#options.mode === 'run') await this.#web.reload(this.#webParts())
      if (isOff(this.#settings)) await this.#idle()
      else if ((await this.#prepare()) && !this.#isTurned) await this.#runSession(ends)
      if (this.#options.mode === 'once' || this.#isRefused) break
    }
    await Promise.race([Promise.all(ends), this.#forced.promise])
  }

  /** Tells the other commands how the sessions are doing: the latest, and earlier ones that are not at their end yet. */
  #reporter(): Reporter {
    const { database } = this.#settings.mongo
    return new Reporter({
      id: { _id: this.id, database, host: hostname(), pid: process.pid, started: this.#started },
      state: this.#state,
      news: () => this.#web.with(newsOf([...this.#sessions].toReversed().flatMap((session) => session.report() ?? []))),
      heard: (others) => {
        this.#web.heard(others)
        this.#sessions.forEach((session) => session.heard(others))
      },
    })
  }

  /** Told to stop, or to be otherwise, since the turn began. */
  get #isTurned(): boolean {
    return this.#stopping.signal.aborted || this.#next !== undefined
  }

  /** Resolves when the session takes no more work; `ends` learns of its end. */
  async #runSession(ends: Promise<void>[]): Promise<void> {
    const { clock = systemClock, retry = TRANSIENT_RETRY, mode, openProvider } = this.#options
    const log = this.#web.metered(this.#options.log)
    const session = new Session({
      id: this.id,
      settings: this.#settings,
      log,
      heard: (change) => log.heard?.(change),
      tracing: this.#tracing,
      looked: (look) => log.looked?.(look),
      turnedAway: (site) => log.turnedAway?.(site),
      clock,
      retry,
      mode,
      connections: this.#connections,
      state: this.#state,
      met: () => this.#met(),
      ...(openProvider && { openProvider }),
      watched: (isWatched) => this.#web.watched(isWatched),
      ready: () => this.#health.ready(this.#options.log, this.#settings),
      settled: (settled) => this.#count(settled),
      health: (...of) => this.#web.health(...of),
      troubled: (what) => this.#troubled.add(what),
    })
    this.#current = session
    this.#sessions.add(session)
    const end = session.run().finally(() => this.#sessions.delete(session))
    // Should it fail when nobody waits for it yet, it is heard of in the end.
    end.catch(() => undefined)
    ends.push(end)
    // A failure to put it together is told by the end.
    await Promise.race([session.intakeEnded, ends.at(-1), this.#forced.promise])
  }

  /** Nothing is to be synced: alive until told to stop or to be otherwise. */
  async #idle(): Promise<void> {
    this.#health.ready(this.#options.log, this.#settings)
    if (this.#options.mode === 'once') return
    const alive = setInterval(() => undefined, 60_000)
    if (!this.#isTurned) await this.#woken.promise
    clearInterval(alive)
  }

  #wake(): void {
    this.#woken.resolve()
    this.#woken = Promise.withResolvers()
  }

  /** Our own database, as soon as there is one; false when there is none in time. */
  async #prepare(): Promise<boolean> {
    const { log, mode } = this.#options
    const { signal } = this.#stopping
    const patience = mode === 'once' && { patienceMs: PATIENCE_MS }
    try {
      const prepare = async (): Promise<void> => this.#state.prepare()
      if (await connected({ connections: this.#connections, log, signal, prepare, ...patience })) return true
    } catch (error) {
      if (!(error instanceof UnsupportedServerError)) throw error
      return this.#refuse(error)
    }
    if (!signal.aborted) this.#troubled.add('MongoDB')
    return false
  }

  #refuse(error: UnsupportedServerError): false {
    this.#isRefused = true
    this.#options.log.event('service.failed', { error, message: error.message })
    return false
  }

  #count(settled: Settled): void {
    const { outcome } = settled
    this.#web.settled(settled)
    if (outcome.kind === 'synced') this.#synced++
    if (outcome.kind === 'failed' || outcome.kind === 'site-trouble') this.#failed++
  }
}
