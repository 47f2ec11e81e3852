import { NEVER, type Observable } from 'rxjs'

import { changeHints, RESULTS_LINGER_MS } from './change-hints.ts'
import { Engine } from './engine.ts'
import type { SyncError } from '../errors.ts'
import { redact } from '../logging.ts'
import { closedSites } from '../model/closed-sites.ts'
import { projectSettings, servedProjects } from '../model/project-settings.ts'
import { ownSites } from '../model/sources.ts'
import { countingSites } from '../model/verdict.ts'
import type { Attempt } from '../pipeline/attempt.ts'
import type { Hint } from '../pipeline/planner.ts'
import { Peers } from '../pipeline/peers.ts'
import { Lines } from './lines.ts'
import { Projects } from './projects.ts'
import { ProviderPool, type ProviderMemory } from '../providers/provider-pool.ts'
import { openProvider as openRegistered } from '../providers/registry.ts'
import type { News } from './reporter.ts'
import { PauseWatch } from './pause-watch.ts'
import { peersOf } from './peers-of.ts'
import { AlwaysAccessible } from './always-accessible.ts'
import { findSamePlaces } from './same-places.ts'
import { findMisconfigured, tellOpenRoots, tellSkipped } from './site-check.ts'
import type { SessionParts } from './session-parts.ts'
import { siteReports } from './site-reports.ts'
import type { ScheduleParts } from './verify/verify-round.ts'
import type { ScheduledVerify } from './verify/verify-schedule.ts'
import { toldOutage } from './told-outage.ts'
import { watchChanges, type WatchedChanges } from '../streams/change-stream.ts'
import { claimStore } from '../streams/claims.ts'
import { controlStore } from '../streams/control-store.ts'
import type { Outage } from '../streams/outage.ts'
import { OwnResults } from '../streams/own-results.ts'
import { isDatabaseFault, outageProof, outageProofClaims } from '../streams/outage-proof.ts'
import { ProjectRoots } from '../streams/project-roots.ts'
import { representationReader } from '../streams/representation-reader.ts'
import { tokenStore } from '../streams/resume-token.ts'
import { serverTime } from '../streams/scan.ts'
import { slotStore } from '../streams/slots.ts'
import type { HeardReport, InstanceReport } from '../streams/state-database.ts'
import { recordWriter } from '../streams/record-writer.ts'

/** How long one pass waits for a database that became unavailable. */
const PATIENCE_MS = 30_000

/**
 * The service under one configuration: from the first look at the sites to the last transfer. A changed configuration is a new
 * session; the old one takes no more work and ends what it has.
 */
export class Session {
  readonly #parts: SessionParts
  readonly #intakeEnded = Promise.withResolvers<void>()
  readonly #outage: Outage
  #engine: Engine | undefined
  #misconfigured: ReadonlyMap<string, SyncError> = new Map()
  #stream: Pick<InstanceReport, 'stream' | 'streamFault'> = { stream: 'opening' }
  readonly #peers: Peers
  readonly #ownResults = new OwnResults((document) => this.#engine?.look(document))
  #verify: ScheduledVerify | undefined
  #isStopped = false

  constructor(parts: SessionParts) {
    this.#parts = parts
    this.#peers = new Peers(parts.id)
    const { log, mode } = parts
    this.#outage = toldOutage(log, mode === 'once' ? PATIENCE_MS : undefined)
  }

  /** What is under way, with its progress. */
  get attempts(): readonly Attempt[] {
    return this.#engine?.attempts ?? []
  }

  /** How it is doing; undefined before it begins. */
  report(): News | undefined {
    const { settings } = this.#parts
    return (
      this.#engine && {
        ...this.#stream,
        sites: siteReports(settings, this.#engine, this.#misconfigured),
        projects: servedProjects(settings),
      }
    )
  }

  /** What the other instances say: they share the work. */
  heard(others: readonly HeardReport[]): void {
    if (this.#peers.update(peersOf(others))) this.#engine?.peersChanged()
  }

  /** No more work comes in, and the place in the change stream is saved. */
  get intakeEnded(): Promise<void> {
    return this.#intakeEnded.promise
  }

  /** No new work; what runs goes on. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#verify?.stop()
    this.#outage.close()
    this.#engine?.stop()
  }

  /** Ends what runs; it is given back unfinished. */
  abort(reason: string): void {
    this.#engine?.abort(reason)
  }

  /** Resolves when the last transfer has ended. */
  async run(): Promise<void> {
    try {
      if (!this.#isStopped) await this.#run()
    } finally {
      this.#intakeEnded.resolve()
    }
  }

  async #run(): Promise<void> {
    const { settings, log, clock, openProvider: open = openRegistered, state, connections, mode } = this.#parts
    const { database, stateDatabase } = settings.mongo
    const { work, stream } = connections
    const lines = new Lines({ settings, clock, peers: this.#peers })
    await using providers = new ProviderPool({
      // A fault of the database is no fault of a file or a site, of whatever kind it is.
      memory: outageProof<ProviderMemory>(state, this.#outage, { passes: isDatabaseFault }),
      isSource: ({ name, declared }) => declared === false || ownSites(settings).includes(name),
      warn: (site, message) => log.event('site.warning', { site: site.name, message }),
      ...(settings.ownFiles && { ownFiles: settings.ownFiles }),
      ...(settings.documentRoots && { documentRoots: settings.documentRoots }),
      open: async (...of) => lines.held(await open(...of)),
    })
    tellSkipped(settings, log)
    tellOpenRoots(settings, log)
    const misconfigured = await findMisconfigured(settings, providers, log)
    this.#misconfigured = misconfigured
    const roots = new ProjectRoots({ db: work.db(database), settings })
    const prepare = async (project: string, options?: { readonly again: boolean }): Promise<void> => {
      await Promise.all([this.#outage.through(async () => roots.prepare(project, options)), pauses.fresh()])
    }
    const accessible = AlwaysAccessible.writing({ db: work.db(database), state: work.db(stateDatabase), settings, log })
    const appeared = async (project: string, signal: AbortSignal) => accessible.scan(project, signal)
    await using projects = new Projects({ settings, work, log, prepare, appeared, hasRoom: (...of) => this.#hasRoom(engine, ...of) })
    const controls = controlStore(work.db(stateDatabase), database)
    const read = async () => {
      const { pauses: held, isWatched } = await controls.standing()
      this.#parts.watched?.(isWatched)
      return [...held, ...closedSites(settings, clock.wallTime())]
    }
    const isIdle = (): boolean => (this.#engine?.isIdle ?? false) && this.#verify?.isLooking !== true
    using pauses = await PauseWatch.open({ read, log, engine: () => this.#engine, isIdle }, this.#outage, () => this.#isStopped)
    const isRepeated = mode === 'run'
    const claims = outageProofClaims(claimStore(work.db(stateDatabase), this.#parts.id, settings.leaseSeconds), this.#outage)
    const changes = isRepeated ? watchChanges(stream.db(database), tokenStore(work.db(stateDatabase), database)) : undefined
    const engine = new Engine({
      ...this.#parts,
      isRepeated,
      ...(isRepeated && { peers: this.#peers, contested: this.#parts.met }),
      claims,
      slots: slotStore(work.db(stateDatabase), settings.leaseSeconds),
      records: recordWriter(work.db(database), changes && this.#ownResults, redact),
      reader: outageProof(
        roots.noticing(representationReader(work.db(database), (project) => countingSites(projectSettings(settings, project)))),
        this.#outage,
      ),
      settingsOf: (project) => roots.settingsOf(project),
      prepare,
      appeared: async (...of) => accessible.appeared(...of),
      providers,
      misconfigured,
      samePlaces: await findSamePlaces(settings, providers, misconfigured, log),
      pages: (request, signal) => projects.pages(request, signal),
      isTold: () => this.#stream.stream === 'open',
      serverTime: async () => serverTime(work.db(database)),
      changes$: changes ? this.#hints(changes.events$, projects, roots) : NEVER,
      healthChanged: (site, error) => this.#healthChanged(site, error),
      left: (site) => this.#parts.troubled(site),
    })
    this.#engine = engine
    engine.obey(pauses.current)
    await using verify = await this.#scheduled({ state: work.db(stateDatabase), providers, misconfigured, pauses })
    this.#verify = verify
    if (this.#isStopped) return
    await this.#drive(engine, changes)
    await claims.settled()
  }

  /** What looks in the background whether files are still there; loaded only where it is to. */
  async #scheduled(parts: Pick<ScheduleParts, 'state' | 'providers' | 'misconfigured' | 'pauses'>): Promise<ScheduledVerify | undefined> {
    const schedule = this.#parts.settings.verifySchedule
    if (this.#parts.mode !== 'run' || !schedule) return undefined
    const { ScheduledVerify: Loaded } = await import('./verify/verify-schedule.ts')
    return new Loaded({ ...this.#parts, ...parts, schedule })
  }

  #hasRoom(engine: Engine, ...of: Parameters<Engine['hasRoom']>): boolean {
    const hasRoom = engine.hasRoom(...of)
    if (!hasRoom) this.#parts.turnedAway?.(of[0])
    return hasRoom
  }

  /** The only subscription: everything the service does hangs on it. */
  async #drive(engine: Engine, changes: WatchedChanges | undefined): Promise<void> {
    const finished = new Promise<void>((resolve, reject) => {
      engine.settled$.subscribe({ next: this.#parts.settled, complete: resolve, error: reject })
    })
    if (changes) void changes.finished.then(() => this.#intakeEnded.resolve())
    else this.#onePass(engine)
    await finished
    await changes?.finished
  }

  #onePass(engine: Engine): void {
    engine.idle$.subscribe(() => {
      // What just ended may have asked for more: look when its turn is over.
      queueMicrotask(() => {
        if (engine.isScanFailing || engine.isIdle) this.stop()
        if (engine.isScanFailing) this.#parts.troubled('MongoDB')
      })
    })
    this.#parts.ready()
    engine.scan({ reason: 'start', regular: true })
  }

  #hints(events$: WatchedChanges['events$'], projects: Projects, roots: ProjectRoots): Observable<Hint> {
    return changeHints(events$, {
      resultsLingerMs: RESULTS_LINGER_MS,
      ...this.#parts,
      noticed: (project) => projects.noticed(project),
      forgotten: (project) => {
        projects.forgotten(project)
        roots.forgotten(project)
      },
      gone: (what) => this.#engine?.gone(what),
      areOurs: (document, results) => this.#ownResults.areOurs(document, results),
      turned: (stream, streamFault) => void (this.#stream = { stream, ...(streamFault !== undefined && { streamFault }) }),
      scan: (request) => this.#engine?.scan(request),
    })
  }

  #healthChanged(site: string, error: SyncError | undefined): void {
    this.#parts.health(site, error)
    if (this.#parts.mode !== 'once' || !error) return
    // One pass does not wait for a site to recover.
    this.#parts.troubled(site)
    if (site === this.#parts.settings.publishSite) this.stop()
    else this.#engine?.leave(site)
  }
}
