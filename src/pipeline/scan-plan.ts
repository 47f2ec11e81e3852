import { defer, map, merge, Observable, repeat, Subject, takeUntil, timer, type SchedulerLike } from 'rxjs'

import type { RepresentationDocument } from '../model/document.ts'
import type { Occasion } from '../model/eligibility.ts'
import type { Log } from '../model/log.ts'
import type { Looked } from '../model/look.ts'
import { eventLoopYielder } from './yield-to-event-loop.ts'
import type { Clock } from './clock.ts'
import { coalesce } from './coalesce.ts'
import type { Found } from './contracts.ts'

/** Why a scan. */
export interface ScanRequest {
  readonly reason: 'start' | 'interval' | 'stream' | 'room' | 'takeover' | 'recovered' | 'resumed' | 'overflow' | 'new project'
  /** Regular scans give failed files their next attempt. */
  readonly regular: boolean
  /** Goes on with what an earlier regular scan had to turn away: what had failed by then is due. */
  readonly asOf: Date | undefined
  /** Undefined: all sites. */
  readonly sites: ReadonlySet<string> | undefined
}

export interface ScanPages {
  readonly project: string
  readonly documents: readonly RepresentationDocument[]
}

export interface ScanParts {
  /** All that may be pending, page by page. Rejects when MongoDB is unavailable. */
  readonly pages: (request: ScanRequest, signal: AbortSignal) => AsyncIterable<ScanPages>
  readonly found: (project: string, document: RepresentationDocument, occasion: Occasion) => Found
  /** The clock that failures are dated by. */
  readonly serverTime: () => Promise<Date>
  /** The name of a site that had to turn transfers away and has room again. */
  readonly room$: Observable<string>
  readonly looked?: Looked | undefined
  readonly log: Log
  readonly clock: Clock
  /** Between regular scans; undefined: they come on request only. */
  readonly loopDelayMs?: number
  readonly scheduler?: SchedulerLike
}

const AGAIN_AFTER_MS: readonly [least: number, most: number] = [1_000, 15_000]

/**
 * Decides when to scan, and scans: once at a time, requests that come meanwhile become the next one. Regular scans come `loopDelayMs`
 * ± 10 % after the one before; others when there is a reason. A scan that fails is repeated soon.
 */
export class ScanPlan {
  readonly #parts: ScanParts
  readonly #requests = new Subject<ScanRequest>()
  readonly #takeovers = new Map<string, { readonly at: number; readonly cancel: () => void }>()
  readonly #timers = new Set<() => void>()
  readonly #finished = new Subject<void>()
  #isOver = false
  #failures = 0
  /** What failed, until its time has come. */
  #retry: ScanRequest | undefined
  #lastRegular: Date | undefined
  /** The server's clock less our own, which counts from anywhere. Milliseconds. */
  #serverAhead: number | undefined
  #active = 0

  constructor(parts: ScanParts) {
    this.#parts = parts
  }

  /** Nothing is being scanned, or about to be. */
  get isIdle(): boolean {
    return this.#active === 0
  }

  /** The last scan did not get through. */
  get isFailing(): boolean {
    return this.#failures > 0
  }

  /** Each time a scan ends, well or not. */
  get finished$(): Observable<void> {
    return this.#finished
  }

  request(request: Partial<ScanRequest> & Pick<ScanRequest, 'reason'>): void {
    // What was paused goes on, also where it had failed before.
    const asOf = request.reason === 'resumed' ? this.#lastRegular : undefined
    this.#requests.next({ regular: false, asOf, sites: undefined, ...request })
  }

  /** Somebody else holds work of this site for so long: look again then, also at what the last regular scan found due. */
  takeover(site: string, inMs: number): void {
    const { clock } = this.#parts
    const ms = inMs + 500 + 1_500 * clock.random()
    const planned = this.#takeovers.get(site)
    if (planned && planned.at <= clock.now() + ms) return
    planned?.cancel()
    const cancel = this.#later(ms, () => {
      this.#takeovers.delete(site)
      this.request({ reason: 'takeover', asOf: this.#lastRegular, sites: new Set([site]) })
    })
    this.#takeovers.set(site, { at: clock.now() + ms, cancel })
  }

  /** What the scans find, for one subscriber. `stop$` ends it. */
  run(stop$: Observable<unknown>): Observable<Found> {
    const { loopDelayMs, clock, scheduler } = this.#parts
    const room$ = this.#parts.room$.pipe(
      map((site): ScanRequest => ({ reason: 'room', regular: false, asOf: this.#lastRegular, sites: new Set([site]) })),
    )
    return new Observable<Found>((subscriber) => {
      const scans$ = merge(this.#requests, room$).pipe(
        coalesce<ScanRequest, Found>({
          keyOf: () => 'scan',
          merge: joined,
          run: (requests) => merge(...requests.map((request) => this.#scan(request))),
          batch: 1,
          most: 1,
          overflowed: () => {},
        }),
        takeUntil(stop$),
      )
      const subscription = scans$.subscribe(subscriber)
      subscription.add(() => {
        this.#isOver = true
        for (const cancel of this.#timers) cancel()
      })
      if (loopDelayMs === undefined) return subscription
      const regular$ = defer(() => timer(loopDelayMs * (0.9 + 0.2 * clock.random()), scheduler)).pipe(repeat(), takeUntil(stop$))
      subscription.add(regular$.subscribe(() => this.request({ reason: 'interval', regular: true })))
      return subscription
    })
  }

  #scan(request: ScanRequest): Observable<Found> {
    return new Observable<Found>((subscriber) => {
      const abort = new AbortController()
      this.#active++
      void this.#scanAll(request, abort.signal, (found) => subscriber.next(found)).finally(() => {
        // What waits starts with this: the plan is not idle in between.
        subscriber.complete()
        this.#active--
        this.#finished.next()
      })
      return () => abort.abort()
    })
  }

  /** Never rejects. */
  async #scanAll(request: ScanRequest, signal: AbortSignal, emit: (found: Found) => void): Promise<void> {
    const { clock, log } = this.#parts
    const startedAt = clock.now()
    let again = request
    let documents = 0
    let transfers = 0
    try {
      const retryFailedBefore = request.regular ? await this.#parts.serverTime() : request.asOf
      if (request.regular) {
        this.#lastRegular = retryFailedBefore
        this.#serverAhead = retryFailedBefore === undefined ? undefined : retryFailedBefore.getTime() - clock.now()
        // Failed files have their attempt by this one; what repeats it gives none.
        again = { ...request, regular: false, asOf: retryFailedBefore }
      }
      await this.#pages(request, retryFailedBefore, signal, (found) => {
        documents++
        transfers += found.transfers.length
        emit(found)
      })
      this.#failures = 0
      const extra = { reason: request.reason, documents, transfers }
      log.event('scan.finished', { level: request.regular ? 'info' : 'debug', durationMs: clock.now() - startedAt, extra })
    } catch (error) {
      this.#failed(again, error, signal)
    }
  }

  async #pages(
    request: ScanRequest,
    retryFailedBefore: Date | undefined,
    signal: AbortSignal,
    emit: (found: Found) => void,
  ): Promise<void> {
    const { pages, found, looked } = this.#parts
    const lead = request.reason === 'interval' ? 'interval' : 'scan'
    const yieldToEventLoop = eventLoopYielder()
    for await (const { project, documents } of pages(request, signal)) {
      for (const document of documents) {
        await yieldToEventLoop()
        if (signal.aborted) return
        const work = found(project, document, this.#occasion(retryFailedBefore))
        looked?.({ lead, project, representationId: document._id, transfers: work.transfers })
        await yieldToEventLoop()
        emit(work)
      }
      if (signal.aborted) return
    }
  }

  #occasion(retryFailedBefore: Date | undefined): Occasion {
    if (retryFailedBefore === undefined) return {}
    return { retryFailedBefore, ...(this.#serverAhead !== undefined && { now: new Date(this.#serverAhead + this.#parts.clock.now()) }) }
  }

  #failed(request: ScanRequest, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return
    const { log, clock } = this.#parts
    const [least, most] = AGAIN_AFTER_MS
    const ms = Math.min(most, least * 2 ** this.#failures++) * (0.5 + clock.random() / 2)
    log.event('scan.failed', {
      error,
      level: this.#failures === 1 ? 'warn' : 'debug',
      extra: { reason: request.reason, again_in_ms: Math.round(ms) },
    })
    this.#repeat(request, ms)
  }

  /** One repetition at a time, of all that failed: scans that fail for good do not become more and more. */
  #repeat(request: ScanRequest, ms: number): void {
    const isPlanned = this.#retry !== undefined
    this.#retry = this.#retry ? joined(this.#retry, request) : request
    if (isPlanned) return
    this.#later(ms, () => {
      const again = this.#retry
      this.#retry = undefined
      if (again) this.request(again)
    })
  }

  /** Unless the plan is over by then. Gives back how to cancel it. */
  #later(ms: number, callback: () => void): () => void {
    if (this.#isOver) return () => undefined
    const stop = this.#parts.clock.after(ms, () => {
      this.#timers.delete(cancel)
      callback()
    })
    const cancel = (): void => {
      this.#timers.delete(cancel)
      stop()
    }
    this.#timers.add(cancel)
    return cancel
  }
}

function joined(former: ScanRequest, latter: ScanRequest): ScanRequest {
  const sites = former.sites && latter.sites ? new Set([...former.sites, ...latter.sites]) : undefined
  const reason = former.regular && !latter.regular ? former.reason : latter.reason
  return { reason, regular: former.regular || latter.regular, asOf: latter.asOf ?? former.asOf, sites }
}
