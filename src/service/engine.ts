import { defer, fromEvent, merge, mergeMap, Subject, type Observable } from 'rxjs'

import type { EngineParts } from './engine-parts.ts'
import { pagesBeside, RENEW_MS, settlePartsOf, siteWorkParts } from './engine-steps.ts'
import { isStop } from '../errors.ts'
import { Pauses } from '../model/pauses.ts'
import { projectSettings, siteNamed } from '../model/project-settings.ts'
import type { Attempt } from '../pipeline/attempt.ts'
import type { Found, Settled, SiteStatus } from '../pipeline/contracts.ts'
import { endPaused } from '../pipeline/end-paused.ts'
import { HINTS, keyOfHint, Planner, type Gone, type Hint } from '../pipeline/planner.ts'
import { Postponed } from '../pipeline/postponed.ts'
import type { RootHealth } from '../pipeline/root-health.ts'
import { ScanPlan } from '../pipeline/scan-plan.ts'
import { settle } from '../pipeline/settle.ts'
import { SiteEvidence } from '../pipeline/site-evidence.ts'
import { syncPipeline } from '../pipeline/sync-pipeline.ts'
import { transferFields } from '../pipeline/transfer-fields.ts'
import { Workload, type WorkloadParts } from '../pipeline/workload.ts'
import type { Operation } from '../providers/provider.ts'
import { countsReads, foldsCase } from '../providers/registry.ts'
import { watchedRoots } from './watched-roots.ts'

/** One pass waits a minute for a file that keeps changing. */
const LOOKS_IN_ONE_PASS = 6

/** The pipeline with everything it needs. */
export class Engine {
  /** What was done. Subscribing starts the work; it completes when the last transfer has ended after `stop`. */
  readonly settled$: Observable<Settled>
  readonly #parts: EngineParts
  readonly #stop = new AbortController()
  readonly #again = new Subject<Hint>()
  readonly #work: Workload
  readonly #scans: ScanPlan
  readonly #roots: RootHealth
  readonly #planner: Planner
  readonly #postponed: Postponed<Hint>
  /** Documents that are looked at once more, since a file has arrived that other sites ask for. */
  readonly #awaited: Postponed<Hint>
  readonly #evidence: SiteEvidence
  #pauses = Pauses.NONE

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { settings, clock, isRepeated, providers } = parts
    const settingsOf = parts.settingsOf ?? ((project: string) => projectSettings(settings, project))
    this.#roots = watchedRoots({
      ...parts,
      probe: async (site, ...of) => providers.probe(site, ...of),
      recovered: () => this.#scans.request({ reason: 'recovered' }),
    })
    this.#work = new Workload(this.#workParts())
    this.#evidence = new SiteEvidence({ clock, probe: async (site, operation) => this.#probe(site, operation) })
    this.#postponed = new Postponed(clock, isRepeated ? Infinity : LOOKS_IN_ONE_PASS)
    this.#awaited = new Postponed(clock)
    const { running, room$ } = this.#work
    this.#planner = new Planner({
      ...parts,
      running,
      forget: (...of) => this.#work.forget(...of),
      settingsOf,
      foldsCase,
      unread: (error) => this.#faulted(error),
    })
    this.#scans = new ScanPlan({
      ...parts,
      room$,
      ...(isRepeated && { loopDelayMs: settings.loopDelaySeconds * 1_000 }),
      found: (...of) => this.#planner.found(...of),
      pages: pagesBeside(parts, () => running.values().forEach((attempt) => this.#changed(attempt))),
    })
    const stop$ = fromEvent(this.#stop.signal, 'abort')
    const settleParts = settlePartsOf(parts, { work: this.#work, evidence: this.#evidence, roots: this.#roots })
    this.settled$ = syncPipeline({
      changes$: merge(parts.changes$, this.#again, this.#postponed.due$, this.#awaited.due$),
      scans$: this.#scans.run(stop$),
      look: {
        ...HINTS,
        run: (hints: readonly Hint[]) => defer(async () => this.#planner.look(hints)).pipe(mergeMap((found) => this.#looked(found, hints))),
        overflowed: () => this.#scans.request({ reason: 'overflow' }),
      },
      work: this.#work,
      settle: async (attempt) => settle(settleParts, attempt),
      unexpected: (error, attempt) => this.#unexpected(error, attempt),
      settled: (settled) => this.#settled(settled),
      changed: (attempt) => this.#changed(attempt),
      stop$,
    })
  }

  /** No new work; what runs goes on. */
  stop(): void {
    this.#stop.abort()
    this.#work.close()
    this.#roots.close()
    this.#postponed.close()
    this.#awaited.close()
  }

  /** Ends what runs; it is given back unfinished. */
  abort(reason: string): void {
    for (const attempt of this.#work.running.values()) attempt.end({ kind: 'released', reason })
  }

  /** How a site is doing, and why roots of it are left alone. */
  status(site: string): SiteStatus & { readonly rootFaults: readonly string[] } {
    return { ...this.#work.status(site), rootFaults: this.#roots.faultsAt(site).map(({ message }) => message) }
  }

  /** What is under way. */
  get attempts(): readonly Attempt[] {
    return [...this.#work.running.values()]
  }

  /** Looks for work in the database. */
  scan(request: Parameters<ScanPlan['request']>[0]): void {
    this.#scans.request(request)
  }

  /** The last scan did not get through. */
  get isScanFailing(): boolean {
    return this.#scans.isFailing
  }

  /** Is there any use in finding more? */
  hasRoom(...[site, priority, project]: Parameters<Workload['hasRoom']>): boolean {
    return !this.#pauses.holding(project, site) && this.#work.hasRoom(site, priority, project)
  }

  /** These pauses hold from now on: what they stop ends. Where one is over, a scan finds what goes on. */
  obey(pauses: Pauses): void {
    this.#pauses = pauses
    endPaused(this.#work.running.values(), pauses)
  }

  /** Looks at a representation, whatever the change stream says of it. */
  look(document: Pick<Hint, 'project' | 'representationId'>): void {
    this.#again.next({ ...document, occasion: {} })
  }

  /** What runs for it ends. */
  gone(what: Gone): void {
    this.#planner.gone(what)
  }

  /** There are other instances than before. */
  peersChanged(): void {
    this.#work.peersChanged()
  }

  /** Forgets what waits for a site. */
  leave(site: string): void {
    this.#work.clear(site)
  }

  /** Nothing is to be done, found, or waited for. */
  get isIdle(): boolean {
    return this.#scans.isIdle && this.#work.isIdle && this.#postponed.isEmpty && this.#awaited.isEmpty
  }

  /** Each time it may have become idle. */
  get idle$(): Observable<void> {
    return merge(this.#scans.finished$, this.#work.idle$, this.#postponed.empty$, this.#awaited.empty$)
  }

  #workParts(): WorkloadParts {
    const { settings, claims, clock, log, contested, providers } = this.#parts
    return {
      siteParts: (name) =>
        siteWorkParts(this.#parts, name, {
          probe: async (operation) => this.#probe(name, operation),
          recovered: () => this.#scans.request({ reason: 'recovered' }),
        }),
      permits: {
        claims,
        clock,
        renewEveryMs: settings.leaseSeconds * RENEW_MS,
        isBacklogged: (site) => this.#work.isBacklogged(site),
        reserve: ({ route }) => ('error' in route ? undefined : providers.opened(route.targetSite)?.reserve()),
        reread: async (transfer) => this.#planner.reread(transfer),
        busy: ({ site }, freeInMs) => {
          this.#scans.takeover(site, freeInMs)
          contested?.()
        },
        started: (attempt) => log.event('transfer.started', { ...transferFields(attempt), tries: attempt.transfer.tries }),
      },
      countsReads: (name) => countsReads(siteNamed(settings, name)),
      isHeldBack: (transfer) => this.#pauses.heldBy(transfer) !== undefined || this.#roots.holdsBack(this.#pauses.withoutPaused(transfer)),
      withoutPaused: (transfer) => this.#pauses.withoutPaused(transfer),
      isRootDown: ({ sourceSite, source }) => this.#roots.isDown(sourceSite.name, source.root),
      ...(this.#parts.peers && { peers: this.#parts.peers }),
    }
  }

  async #probe(name: string, operation: Operation): Promise<void> {
    const site = siteNamed(this.#parts.settings, name)
    if (site) await this.#roots.probe(site, operation)
  }

  /** A fault that is no outcome: MongoDB is unavailable. A scan finds it again. */
  #unexpected(error: unknown, { transfer: { project, site, path } }: Attempt): void {
    if (isStop(error)) return
    this.#parts.log.event('service.unexpected', { error, project, site, path, level: 'warn' })
    this.#scans.takeover(site, 1_000)
  }

  #changed({ transfer: { project, representationId } }: Attempt): void {
    this.#again.next({ project, representationId, occasion: {}, again: true })
  }

  #settled({ attempt, outcome }: Settled): void {
    const { site, route, isAwaited } = attempt.transfer
    if (outcome.kind === 'synced' && isAwaited === true) this.#lookAgain(attempt, this.#awaited, 0)
    if (outcome.kind === 'synced' && 'targetSite' in route) {
      this.#evidence.worked(route.sourceSite.name, 'read')
      if (outcome.sent > 0) this.#evidence.worked(route.targetSite.name, 'write')
      void this.#parts.providers.arrived(route.targetSite).catch(() => undefined)
    }
    if (outcome.kind === 'postponed' && !this.#lookAgain(attempt, this.#postponed, outcome.inMs)) this.#parts.left(site)
    // Given back for whatever reason (its lease was lost, say), or its site recovered before its fault was written: nobody else may know.
    const isOver = outcome.kind === 'site-trouble' && !this.#isInTrouble(outcome)
    if ((outcome.kind === 'released' || isOver) && !this.#pauses.heldBy(attempt.transfer)) this.#scans.takeover(site, 0)
  }

  #isInTrouble({ site, root }: { readonly site: string; readonly root?: string }): boolean {
    return root === undefined ? this.#work.isInTrouble(site) : this.#roots.isDown(site, root)
  }

  #lookAgain({ transfer: { project, representationId, representationKey } }: Attempt, later: Postponed<Hint>, inMs: number): boolean {
    return later.add(representationKey, { project, representationId, occasion: {}, again: true }, inMs)
  }

  /** What was found in documents that were to be looked at again is admitted before they count as looked at. */
  #looked(found: readonly Found[], hints: readonly Hint[]): readonly Found[] {
    setImmediate(() => {
      for (const later of [this.#postponed, this.#awaited]) if (!later.isEmpty) for (const hint of hints) later.looked(keyOfHint(hint))
    })
    return found
  }

  /** Documents could not be read: MongoDB is unavailable, and a scan finds them when it is back. */
  #faulted(error: unknown): void {
    if (isStop(error)) return
    this.#parts.log.event('service.unexpected', { error, level: 'warn' })
    this.#scans.request({ reason: 'overflow' })
  }
}
