import { defer, filter, merge, mergeMap, Subject, type Observable } from 'rxjs'

import { SyncError } from './errors.ts'
import type { ClaimStore } from './model/claim.ts'
import type { Log } from './model/log.ts'
import { projectSettings } from './model/project-settings.ts'
import type { TransientRetry } from './model/retry-policy.ts'
import type { Settings } from './model/settings.ts'
import type { SlotStore } from './model/slots.ts'
import type { Site } from './model/site.ts'
import { mostAhead } from './most-ahead.ts'
import { ChronicFiles } from './pipeline/chronic-files.ts'
import { claim } from './pipeline/claim.ts'
import { ClaimsAhead } from './pipeline/claims-ahead.ts'
import { ClusterGates } from './pipeline/cluster-gates.ts'
import type { Clock } from './pipeline/clock.ts'
import type { Held, Settled, Steps } from './pipeline/contracts.ts'
import { keepLease } from './pipeline/keep-lease.ts'
import { HINTS, Lookout, type DocumentReader, type Hint } from './pipeline/lookout.ts'
import { ScanPlan, type ScanParts } from './pipeline/scan-plan.ts'
import type { SiteGates } from './pipeline/site-gates.ts'
import { showProgress } from './pipeline/show-progress.ts'
import { syncPipeline } from './pipeline/sync-pipeline.ts'
import { TransferQueue, type RunningTransfer } from './pipeline/transfer-queue.ts'
import { transferFields } from './pipeline/transfer-fields.ts'
import { transfer } from './pipeline/transfer.ts'
import { verify } from './pipeline/verify.ts'
import { Workload } from './pipeline/workload.ts'
import { writeBack, type WriteBackParts } from './pipeline/write-back.ts'
import { openByteSource } from './providers/byte-source.ts'
import type { ProviderPool } from './providers/provider-pool.ts'
import { concurrencyOf } from './providers/registry.ts'
import { watchedGates } from './watched-gates.ts'

export interface EngineParts {
  readonly settings: Settings
  readonly log: Log
  readonly clock: Clock
  /** Scan again and again, not only on request. */
  readonly isRepeated: boolean
  readonly retry: TransientRetry
  readonly claims: ClaimStore
  readonly slots: SlotStore
  readonly records: WriteBackParts['records']
  readonly reader: DocumentReader
  readonly providers: ProviderPool
  readonly misconfigured: ReadonlyMap<string, SyncError>
  readonly pages: ScanParts['pages']
  readonly serverTime: () => Promise<Date>
  readonly changes$: Observable<Hint>
  readonly stop$: Observable<unknown>
  /** A site began or ended to be left alone. */
  readonly healthChanged: (site: string, error: SyncError | undefined) => void
}

/** Transfers that wait for one site at most; a scan finds the rest. */
const QUEUED_PER_SITE = 1_000
/** How often progress may be written into a record, where that is asked for. */
const PROGRESS_MS = 5_000
const HINTS_AT_ONCE = 100
const HINTS_WAITING = 5_000
/** Leases are renewed after a third of their time. Milliseconds for each second. */
const RENEW_MS = 1_000 / 3
/** A lease that waits for a slot keeps others from that file. */
const LONGEST_AHEAD_MS = 1_000

/** The pipeline with everything it needs, ready to be subscribed to. */
export class Engine {
  readonly queue = new TransferQueue({ mostPerSite: QUEUED_PER_SITE })
  readonly work = new Workload(this.queue)
  readonly held = new Set<Held>()
  readonly scans: ScanPlan
  readonly gates: SiteGates
  readonly settled$: Observable<Settled>
  readonly #parts: EngineParts
  readonly #again = new Subject<Hint>()
  readonly #chronic = new ChronicFiles()
  readonly #ahead: ClaimsAhead

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { settings, stop$ } = parts
    const settingsOf = (project: string) => projectSettings(settings, project)
    const lookout = new Lookout({ ...parts, queue: this.queue, settingsOf, unread: (error) => this.#faulted(error) })
    this.scans = new ScanPlan({
      ...parts,
      queue: this.queue,
      ...(parts.isRepeated && { loopDelayMs: settings.loopDelaySeconds * 1_000 }),
      found: (project, document, retryFailedBefore) => lookout.found(project, document, retryFailedBefore ? { retryFailedBefore } : {}),
    })
    this.gates = watchedGates({ ...parts, probe: async (site) => this.#probe(site), recovered: (site) => this.#recovered(site) })
    this.#ahead = this.#makeAhead(lookout)
    stop$.subscribe(() => this.#ahead.close())
    this.settled$ = syncPipeline({
      changes$: merge(parts.changes$, this.#again),
      scans$: this.scans.run(stop$),
      look: {
        ...HINTS,
        run: (hints: readonly Hint[]) => defer(async () => lookout.look(hints)).pipe(mergeMap((found) => found)),
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

  /** Resolves when leases that were taken and not used are given back. */
  async settled(): Promise<void> {
    await this.#ahead.settled()
  }

  #makeAhead(lookout: Lookout): ClaimsAhead {
    const { settings, claims, clock, isRepeated, providers } = this.#parts
    const parts = {
      claims,
      clock,
      reread: lookout.reread.bind(lookout),
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
    const { settings, claims, clock, log, providers, records, retry } = this.#parts
    const transferParts = {
      providers,
      openSource: openByteSource,
      claims,
      log,
      retry,
      isChronic: (held: Held) => this.#chronic.isChronic(held),
    }
    const writeParts = {
      records,
      claims,
      clock,
      log,
      retryCountOf: (project: string) => projectSettings(settings, project).retryCount,
      isBacklogged: (site: string) => this.queue.queuedAt(site) > 0,
    }
    const lease = { claims, clock, everyMs: settings.leaseSeconds * RENEW_MS }
    return {
      claim: (running) => defer(async () => this.#ahead.claim(running)).pipe(filter((held) => held !== undefined)),
      transfer: (held) =>
        defer(async () => {
          this.held.add(held)
          log.event('transfer.started', { ...transferFields(held), tries: held.transfer.tries })
          return transfer(transferParts, held)
        }),
      verify: (held, written) => defer(async () => verify(held, written)),
      writeBack: (held, outcome) => defer(async () => writeBack(writeParts, held, outcome)),
      keepLease: (held, work) =>
        keepLease(lease, held, settings.writeProgress ? showProgress({ records, everyMs: PROGRESS_MS }, held, work) : work),
    }
  }

  #recovered(site: string): void {
    const isSource = site === this.#parts.settings.publishSite
    this.scans.request({ reason: 'recovered', ...(!isSource && { sites: new Set([site]) }) })
  }

  /** Sites whose limit holds for all instances together. */
  #shared(): ClusterGates {
    const { settings, slots, clock, stop$ } = this.#parts
    const sharedLimitOf = (name: string): number | undefined => {
      const site = settings.sites.get(name)
      return site?.concurrencyScope === 'cluster' ? concurrencyOf(site) : undefined
    }
    return new ClusterGates({ gates: this.gates, slots, clock, sharedLimitOf, renewEveryMs: settings.leaseSeconds * RENEW_MS, stop$ })
  }

  async #probe(name: string): Promise<void> {
    const site = this.#parts.settings.sites.get(name)
    if (!site) return
    const provider = await this.#parts.providers.get(site)
    await provider.probe({ signal: AbortSignal.timeout(30_000) })
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
    this.#chronic.note(held, outcome)
    const { site, route } = held.transfer
    if (outcome.kind === 'synced' && 'targetSite' in route) void this.#parts.providers.arrived(route.targetSite).catch(() => undefined)
    // Given back for whatever reason (its lease was lost, say): it may be pending, and nobody else may know.
    if (outcome.kind === 'released') this.scans.takeover(site, 0)
  }

  /** Documents could not be read: the database is away, and a scan finds them when it is back. */
  #faulted(error: unknown): void {
    if (isStop(error)) return
    this.#parts.log.event('service.unexpected', { error, level: 'warn' })
    this.scans.request({ reason: 'overflow' })
  }
}

/** Nobody waits for the database any more. */
function isStop(error: unknown): boolean {
  return error instanceof SyncError && error.kind === 'stop'
}
