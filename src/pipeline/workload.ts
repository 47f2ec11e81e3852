import { Subject, type Observable } from 'rxjs'

import { isDue } from '../model/eligibility.ts'
import type { Outcome } from '../model/outcome.ts'
import { sourcesIn, type Source, type Transfer } from '../model/transfer.ts'
import { Attempt } from './attempt.ts'
import type { Found, SiteStatus } from './contracts.ts'
import { EarlyLeases } from './early-leases.ts'
import type { PermitParts } from './permit.ts'
import { Places } from './places.ts'
import { Seats } from './seats.ts'
import { LEFT_TO_OTHERS_MS, Selection, type SelectionParts } from './selection.ts'
import { SiteWork, type SiteWorkParts } from './site-work.ts'

export interface WorkloadParts extends Pick<SelectionParts, 'countsReads' | 'isHeldBack' | 'withoutPaused' | 'isRootDown' | 'peers'> {
  /** The parts of one site's work. */
  readonly siteParts: (site: string) => Omit<SiteWorkParts, 'opened'>
  readonly permits: PermitParts
}

/** Results on their way to the database; a database that is slow or unavailable must not be overrun. Beyond, slots wait for them. */
const MAX_RESULTS = 256

/**
 * What is to be done and what is being done, at all sites. A transfer is unknown → queued at its site → an attempt → unknown.
 *
 * Slots pull: whenever one may be free, at either end, the site takes its most urgent transfer that both ends can serve, and an attempt
 * begins. While all are in use, the next ones have their leases taken already (see `EarlyLeases`). A queued transfer whose place is being
 * written to for another document is parked until that has ended. What another instance is to do first waits beside the queue; it is taken
 * when nothing else is left and nobody has done it for a moment.
 */
export class Workload {
  readonly #parts: WorkloadParts
  readonly #sites = new Map<string, SiteWork>()
  readonly #running = new Map<string, Attempt>()
  readonly #places = new Places()
  readonly #early: EarlyLeases
  readonly #selection: Selection
  readonly #seats: Seats
  readonly #attempts = new Subject<Attempt>()
  readonly #room = new Subject<string>()
  readonly #idle = new Subject<void>()
  #results = 0
  #cancelLook: (() => void) | undefined
  #isClosed = false

  constructor(parts: WorkloadParts) {
    this.#parts = parts
    const { clock } = parts.permits
    const siteOf = (source: Source): SiteWork | undefined => this.#sourceSite(source)
    this.#early = new EarlyLeases(parts.permits, () => this.#pullAll())
    this.#selection = new Selection({ ...parts, clock, places: this.#places, early: this.#early, siteOf })
    this.#seats = new Seats({ ...parts, siteOf })
  }

  /** Each transfer that has its slots. Completes when no more will. */
  get attempts$(): Observable<Attempt> {
    return this.#attempts
  }

  /** The name of a site that had to turn transfers away and has room again. */
  get room$(): Observable<string> {
    return this.#room
  }

  /** Each time the last queued or running transfer is gone. */
  get idle$(): Observable<void> {
    return this.#idle
  }

  get isIdle(): boolean {
    return this.#running.size === 0 && !this.#places.hasParked && this.#sites.values().every(({ hasWork }) => !hasWork)
  }

  /** By the key of the transfer. */
  get running(): ReadonlyMap<string, Attempt> {
    return this.#running
  }

  isBacklogged(site: string): boolean {
    return (this.#sites.get(site)?.queue.size ?? 0) > 0
  }

  /** Is the site left alone now, or only just tried again? */
  isInTrouble(site: string): boolean {
    return (this.#sites.get(site)?.breaker.health.state ?? 'ok') !== 'ok'
  }

  status(name: string): SiteStatus {
    const site = this.#sites.get(name)
    if (!site) return { health: { state: 'ok' }, running: 0, queued: 0 }
    const own = [...this.#running.values()].filter(({ transfer }) => transfer.site === name)
    return {
      health: site.breaker.health,
      running: own.filter(({ stage }) => stage === 'running').length,
      queued: site.waiting + own.filter(({ stage }) => stage === 'asking').length,
    }
  }

  /** Is there any use in finding more of this priority for this site, or of this project? Who is told no hears of it by `room$`. */
  hasRoom(site: string, priority = 0, project?: string): boolean {
    return !this.#isClosed && this.#site(site).hasRoom(priority, project)
  }

  admit({ transfers, occasion, changed }: Found): void {
    const sites = new Set<string>()
    for (const transfer of transfers) {
      if (this.#isClosed || !isDue(transfer, occasion) || this.#selection.isHeldBack(transfer)) continue
      const attempt = this.#running.get(transfer.key)
      if (attempt) attempt.changed ||= changed
      else if (!this.#selection.isOurs(transfer)) this.#leaveToOthers(this.#site(transfer.site), transfer)
      else if (this.#site(transfer.site).add(transfer)) sites.add(transfer.site)
    }
    for (const site of sites) this.#pull(this.#site(site))
  }

  /** Of a representation no more than these transfers are pending: what others were to do is done. */
  forget(representationKey: string, pending: ReadonlySet<string>): void {
    this.#early.looked(representationKey)
    let isForgotten = false
    for (const { others } of this.#sites.values()) {
      if (!others.has(representationKey)) continue
      const { size } = others
      others.keep((transfer) => transfer.representationKey !== representationKey || pending.has(transfer.key))
      isForgotten ||= others.size < size
    }
    if (isForgotten && this.isIdle) this.#idle.next()
  }

  /** There are other instances than before: what they would have done may be ours now. */
  peersChanged(): void {
    for (const site of this.#sites.values()) {
      const next = (): Transfer | undefined => site.others.take((transfer) => (this.#selection.isOurs(transfer) ? 'take' : 'stay'))
      for (let ours = next(); ours; ours = next()) site.add(ours)
    }
    this.#pullAll()
  }

  /** The outcome is known: its sites learn of it, and have other work while the result is written. Gives back how to end that. */
  verified(attempt: Attempt, outcome: Outcome): () => void {
    attempt.verified(outcome)
    if (this.#results >= MAX_RESULTS) return () => undefined
    this.#results++
    attempt.leave()
    return () => this.#results--
  }

  done(attempt: Attempt): void {
    const { transfer } = attempt
    this.#running.delete(transfer.key)
    const waiting = this.#places.leave(transfer)
    attempt.permit.end()
    attempt.leave()
    for (const parked of waiting) this.#site(parked.site).unpark(parked)
    for (const name of new Set(waiting.map((parked) => parked.site))) this.#pull(this.#site(name))
    this.#tellRoom(transfer.site)
    if (this.isIdle) this.#idle.next()
  }

  /** Forgets what is queued for one site or can come from there alone, and what was turned away. */
  clear(name: string): void {
    this.#sites.get(name)?.clear()
    this.#early.clear(name)
    this.#places.forget(name)
    const comesFromElsewhere = ({ route }: Transfer): boolean =>
      'error' in route || sourcesIn(route).some(({ sourceSite }) => sourceSite.name !== name)
    for (const { queue, others } of this.#sites.values()) for (const each of [queue, others]) each.keep(comesFromElsewhere)
    if (this.isIdle) this.#idle.next()
  }

  /** Forgets what is queued; what runs goes on. */
  close(): void {
    this.#isClosed = true
    this.#cancelLook?.()
    this.#early.clear()
    for (const site of this.#sites.values()) site.close()
    this.#places.forget()
    this.#attempts.complete()
    this.#room.complete()
  }

  /** Begins what can be begun at a site. */
  #pull(site: SiteWork): void {
    for (let transfer = this.#next(site); transfer; transfer = this.#next(site)) {
      const attempt = this.#early.take(transfer) ?? new Attempt(transfer, this.#parts.permits)
      attempt.begin(transfer, this.#seats.take(site, transfer))
      this.#running.set(transfer.key, attempt)
      this.#places.use(transfer)
      this.#attempts.next(attempt)
    }
    if (!this.#isClosed && this.#early.isLow(site.name, site.slots.ahead)) this.#early.ask(site.name, this.#selection.upcoming(site))
  }

  /** But for those with nothing to do: they would take back what others want of their slots. */
  #pullAll(but?: SiteWork): void {
    for (const site of this.#sites.values()) if (site !== but && site.hasWork) this.#pull(site)
  }

  /** The most urgent transfer that both ends can serve now. */
  #next(site: SiteWork): Transfer | undefined {
    if (this.#isClosed || !site.isFree) return undefined
    const { transfer, left, isForgotten } = this.#selection.next(site)
    for (const other of left) this.#leaveToOthers(site, other)
    if (isForgotten && !transfer) {
      this.#tellRoom(site.name)
      if (this.isIdle) this.#idle.next()
    }
    return transfer
  }

  #leaveToOthers(site: SiteWork, transfer: Transfer): void {
    site.others.add(transfer, this.#parts.permits.clock.now())
    this.#lookLater()
  }

  #lookLater(): void {
    this.#cancelLook ??= this.#parts.permits.clock.after(LEFT_TO_OTHERS_MS, () => {
      this.#cancelLook = undefined
      this.#pullAll()
      if (this.#sites.values().some(({ others }) => others.size > 0)) this.#lookLater()
    })
  }

  #sourceSite({ sourceSite }: Source): SiteWork | undefined {
    return sourceSite.declared === false ? undefined : this.#site(sourceSite.name)
  }

  #tellRoom(name: string): void {
    if (this.#sites.get(name)?.hasRoomAgain() === true && !this.#isClosed) this.#room.next(name)
  }

  #site(name: string): SiteWork {
    let site = this.#sites.get(name)
    if (!site) {
      site = new SiteWork({ ...this.#parts.siteParts(name), opened: () => this.#opened(name) })
      this.#sites.set(name, site)
    }
    return site
  }

  /** A site may be used again, or once more: by what goes there, and by what comes from there. */
  #opened(name: string): void {
    const own = this.#site(name)
    this.#pull(own)
    this.#pullAll(own)
  }
}
