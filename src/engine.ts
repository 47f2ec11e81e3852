import { defer, merge, mergeMap, Subject, type Observable } from 'rxjs'

import type { EngineParts } from './engine-parts.ts'
import { engineSteps, RENEW_MS } from './engine-steps.ts'
import { isStop } from './errors.ts'
import { projectSettings } from './model/project-settings.ts'
import type { Site } from './model/site.ts'
import { mostAhead } from './most-ahead.ts'
import { claim } from './pipeline/claim.ts'
import { ClaimsAhead } from './pipeline/claims-ahead.ts'
import { ClusterGates } from './pipeline/cluster-gates.ts'
import type { Held, Settled, Steps } from './pipeline/contracts.ts'
import { HINTS, keyOfHint, Lookout, type Hint } from './pipeline/lookout.ts'
import { Postponed } from './pipeline/postponed.ts'
import { ScanPlan } from './pipeline/scan-plan.ts'
import type { RootHealth } from './pipeline/root-health.ts'
import { SiteEvidence } from './pipeline/site-evidence.ts'
import type { SiteGates } from './pipeline/site-gates.ts'
import { syncPipeline } from './pipeline/sync-pipeline.ts'
import { TransferQueue, type Found, type RunningTransfer } from './pipeline/transfer-queue.ts'
import { Workload } from './pipeline/workload.ts'
import type { Operation } from './providers/provider.ts'
import { concurrencyOf, foldsCase, sharedConcurrencyOf } from './providers/registry.ts'
import { watchedGates } from './watched-gates.ts'
import { watchedRoots } from './watched-roots.ts'

/** Transfers that wait for one site at most; a scan finds the rest. */
const QUEUED_PER_SITE = 1_000
const HINTS_AT_ONCE = 100
const HINTS_WAITING = 5_000
/** One pass waits a minute for a file that keeps changing. */
const LOOKS_IN_ONE_PASS = 6
/** A lease that waits for a slot keeps others from that file. */
const LONGEST_AHEAD_MS = 1_000

/** The pipeline with everything it needs, ready to be subscribed to. */
export class Engine {
  readonly queue = new TransferQueue({ mostPerSite: QUEUED_PER_SITE, isHeldBack: (transfer) => this.roots.holdsBack(transfer) })
  readonly work = new Workload(this.queue)
  readonly held = new Set<Held>()
  readonly scans: ScanPlan
  readonly gates: SiteGates
  readonly roots: RootHealth
  readonly settled$: Observable<Settled>
  readonly #parts: EngineParts
  readonly #again = new Subject<Hint>()
  readonly #lookout: Lookout
  readonly #postponed: Postponed<Hint>
  readonly #evidence: SiteEvidence
  readonly #ahead: ClaimsAhead

  constructor(parts: EngineParts) {
    this.#parts = parts
    this.#evidence = new SiteEvidence({ clock: parts.clock, probe: async (site, operation) => this.#probe(site, operation) })
    const { settings, stop$ } = parts
    this.#postponed = new Postponed(parts.clock, parts.isRepeated ? Infinity : LOOKS_IN_ONE_PASS)
    const settingsOf = parts.settingsOf ?? ((project: string) => projectSettings(settings, project))
    this.#lookout = new Lookout({ ...parts, queue: this.queue, settingsOf, foldsCase, unread: (error) => this.#faulted(error) })
    this.scans = new ScanPlan({
      ...parts,
      queue: this.queue,
      ...(parts.isRepeated && { loopDelayMs: settings.loopDelaySeconds * 1_000 }),
      found: (...of) => this.#lookout.found(...of),
    })
    this.gates = watchedGates({
      ...parts,
      probe: async (site, operation) => this.#probe(site, operation),
      recovered: (site) => this.#recovered(site),
    })
    this.roots = watchedRoots({
      ...parts,
      probe: async (site, ...of) => parts.providers.probe(site, ...of),
      recovered: () => this.scans.request({ reason: 'recovered' }),
    })
    this.#ahead = this.#makeAhead()
    stop$.subscribe(() => {
      this.roots.close()
      this.#ahead.close()
      this.#postponed.close()
    })
    this.settled$ = syncPipeline({
      changes$: merge(parts.changes$, this.#again, this.#postponed.due$),
      scans$: this.scans.run(stop$),
      look: {
        ...HINTS,
        run: (hints: readonly Hint[]) => defer(async () => this.#lookout.look(hints)).pipe(mergeMap((found) => this.#looked(found, hints))),
        batch: HINTS_AT_ONCE,
        most: HINTS_WAITING,
        overflowed: () => this.scans.request({ reason: 'overflow' }),
      },
      queue: this.queue,
      take: (site) => this.#ahead.take(site),
      gates: this.#shared(),
      steps: this.work.watched(this.#steps()),
      limitOf: (site) => concurrencyOf(settings.sites.get(site)),
      unexpected: (error, running) => this.#unexpected(error, running),
      settled: (settled) => this.#settled(settled),
      changed: (running) => this.#changed(running),
      stop$,
    })
  }

  /** Ends what runs; it is given back unfinished. */
  abort(reason: string): void {
    for (const { abort } of this.queue.running.values()) abort.abort({ kind: 'released', reason })
  }

  /** Looks at a representation, whatever the change stream says of it. */
  look(document: Pick<Hint, 'project' | 'representationId'>): void {
    this.#again.next({ ...document, occasion: {} })
  }

  /** A document was deleted: what runs for it ends. */
  gone({ project, representationId }: Pick<Hint, 'project' | 'representationId'>): void {
    this.#lookout.gone(project, representationId)
  }

  /** Nothing is to be done, found, or waited for. */
  get isIdle(): boolean {
    return this.scans.isIdle && this.queue.isIdle && this.#postponed.isEmpty
  }

  /** Each time it may have become idle. */
  get idle$(): Observable<void> {
    return merge(this.scans.finished$, this.queue.idle$, this.#postponed.empty$)
  }

  /** Resolves when leases that were taken and not used are given back. */
  async settled(): Promise<void> {
    await this.#ahead.settled()
  }

  #makeAhead(): ClaimsAhead {
    const { settings, claims, clock, isRepeated, providers } = this.#parts
    const parts = {
      claims,
      clock,
      reread: this.#lookout.reread.bind(this.#lookout),
      opened: (site: Site) => providers.opened(site),
      busy: ({ site }: { readonly site: string }, freeInMs: number) => this.scans.takeover(site, freeInMs),
    }
    return new ClaimsAhead({
      queue: this.queue,
      clock,
      claims,
      claim: async (running) => claim(parts, running),
      // A single pass leaves what is in trouble.
      mostAhead: isRepeated ? mostAhead(settings, this.gates) : () => 0,
      leastLeftMs: settings.leaseSeconds * RENEW_MS,
      patienceMs: Math.min(LONGEST_AHEAD_MS, settings.leaseSeconds * 100),
      unexpected: (error, running) => this.#unexpected(error, running),
      changed: (running) => this.#changed(running),
    })
  }

  #steps(): Steps {
    const claimed = async (running: RunningTransfer): Promise<Held | undefined> => this.#ahead.claim(running)
    return engineSteps(this.#parts, { queue: this.queue, held: this.held, evidence: this.#evidence, roots: this.roots, claim: claimed })
  }

  #recovered(site: string): void {
    const isSource = site === this.#parts.settings.publishSite
    this.scans.request({ reason: 'recovered', ...(!isSource && { sites: new Set([site]) }) })
  }

  /** Sites whose limit holds for all instances together. */
  #shared(): ClusterGates {
    const { settings, slots, clock, stop$ } = this.#parts
    const sharedLimitOf = (name: string): number | undefined => sharedConcurrencyOf(settings.sites.get(name))
    return new ClusterGates({ gates: this.gates, slots, clock, sharedLimitOf, renewEveryMs: settings.leaseSeconds * RENEW_MS, stop$ })
  }

  async #probe(name: string, operation: Operation): Promise<void> {
    const site = this.#parts.settings.sites.get(name)
    if (site) await this.roots.probe(site, operation)
  }

  /** A fault that is no outcome: the database is away. A scan finds it again. */
  #unexpected(error: unknown, running: RunningTransfer): void {
    const { project, site, path } = running.transfer
    for (const held of this.held) if (held.running === running) this.held.delete(held)
    if (isStop(error)) return
    this.#parts.log.event('service.unexpected', { error, project, site, path, level: 'warn' })
    this.scans.takeover(site, 1_000)
  }

  #changed({ transfer: { project, representationId } }: RunningTransfer): void {
    this.#again.next({ project, representationId, occasion: {}, again: true })
  }

  #settled(settled: Settled): void {
    const { held, outcome } = settled
    this.held.delete(held)
    const { site, route } = held.transfer
    if (outcome.kind === 'synced' && 'targetSite' in route) {
      this.#evidence.worked(route.sourceSite.name, 'read')
      if (outcome.sent > 0) this.#evidence.worked(route.targetSite.name, 'write')
      void this.#parts.providers.arrived(route.targetSite).catch(() => undefined)
    }
    if (outcome.kind === 'postponed') this.#postpone(held, outcome.inMs)
    // Given back for whatever reason (its lease was lost, say), or its site recovered before its fault was written: nobody else may know.
    const isOver = outcome.kind === 'site-trouble' && !this.#isInTrouble(outcome)
    if (outcome.kind === 'released' || isOver) this.scans.takeover(site, 0)
  }

  #isInTrouble({ site, root }: { readonly site: string; readonly root?: string }): boolean {
    return root === undefined ? this.gates.isInTrouble(site) : this.roots.isDown(site, root)
  }

  #postpone({ transfer: { project, representationId, representationKey, site } }: Held, inMs: number): void {
    const hint = { project, representationId, occasion: {}, again: true }
    if (!this.#postponed.add(representationKey, hint, inMs)) this.#parts.left(site)
  }

  /** What was found in documents that were to be looked at again is admitted before they count as looked at. */
  #looked(found: readonly Found[], hints: readonly Hint[]): readonly Found[] {
    setImmediate(() => {
      for (const hint of hints) this.#postponed.looked(keyOfHint(hint))
    })
    return found
  }

  /** Documents could not be read: the database is away, and a scan finds them when it is back. */
  #faulted(error: unknown): void {
    if (isStop(error)) return
    this.#parts.log.event('service.unexpected', { error, level: 'warn' })
    this.scans.request({ reason: 'overflow' })
  }
}
