import { Subject, type Observable } from 'rxjs'

import { isDue, type Occasion } from '../model/eligibility.ts'
import type { Outcome } from '../model/outcome.ts'
import type { Transfer } from '../model/transfer.ts'
import { Attempt, type Seat } from './attempt.ts'
import type { PermitParts } from './permit.ts'
import type { SiteHealth } from './site-breaker.ts'
import type { Turn } from './site-queue.ts'
import { SiteWork, type SiteWorkParts } from './site-work.ts'

/** Transfers found in one representation. */
export interface Found {
  readonly representationKey: string
  readonly transfers: readonly Transfer[]
  readonly occasion: Occasion
  /** A change of this document: what is running is to be looked at again afterwards. */
  readonly changed: boolean
}

export interface WorkloadParts {
  /** The parts of one site's work. */
  readonly siteParts: (site: string) => Omit<SiteWorkParts, 'opened'>
  readonly permits: PermitParts
  /** Does reading from a site take one of its slots? */
  readonly countsReads: (site: string) => boolean
  /** An attempt would be of no use now. Such transfers are forgotten; a scan finds them when that is over. */
  readonly isHeldBack?: (transfer: Transfer) => boolean
}

/** How a site is doing, and how much there is to do. */
export interface SiteStatus {
  readonly health: SiteHealth
  /** Started and not yet verified. */
  readonly running: number
  /** To be done and not started yet. */
  readonly queued: number
}

/** Results on their way to the database; a database that is slow or unavailable must not be overrun. Beyond, slots wait for them. */
const MAX_RESULTS = 256

/**
 * What is to be done and what is being done, at all sites. A transfer is unknown → queued at its site → an attempt → unknown.
 *
 * Slots pull: whenever one may be free, at either end, the site takes its most urgent transfer that both ends can serve, and an attempt
 * begins. A queued transfer whose place is being written to for another document is parked until that has ended.
 */
export class Workload {
  readonly #parts: WorkloadParts
  readonly #sites = new Map<string, SiteWork>()
  readonly #running = new Map<string, Attempt>()
  readonly #places = new Set<string>()
  readonly #parked = new Map<string, Transfer[]>()
  readonly #attempts = new Subject<Attempt>()
  readonly #room = new Subject<string>()
  readonly #idle = new Subject<void>()
  #results = 0
  #isClosed = false

  constructor(parts: WorkloadParts) {
    this.#parts = parts
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
    return this.#running.size === 0 && this.#parked.size === 0 && this.#sites.values().every(({ queue }) => queue.size === 0)
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
    const stages = [...this.#running.values().filter(({ transfer }) => transfer.site === name)].map(({ stage }) => stage)
    return {
      health: site.breaker.health,
      running: stages.filter((stage) => stage === 'running').length,
      queued: site.waiting + stages.filter((stage) => stage === 'asking').length,
    }
  }

  /** Is there any use in finding more of this priority for this site, or of this project? Who is told no hears of it by `room$`. */
  hasRoom(site: string, priority = 0, project?: string): boolean {
    return !this.#isClosed && this.#site(site).hasRoom(priority, project)
  }

  admit({ transfers, occasion, changed }: Found): void {
    const sites = new Set<string>()
    for (const transfer of transfers) {
      if (this.#isClosed || !isDue(transfer, occasion) || this.#isHeldBack(transfer)) continue
      const attempt = this.#running.get(transfer.key)
      if (attempt) attempt.changed ||= changed
      else if (this.#site(transfer.site).add(transfer)) sites.add(transfer.site)
    }
    for (const site of sites) this.#pull(this.#site(site))
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
    const { key, targetKey, site } = attempt.transfer
    this.#running.delete(key)
    this.#places.delete(targetKey)
    attempt.permit.end()
    attempt.leave()
    const waiting = this.#parked.get(targetKey) ?? []
    this.#parked.delete(targetKey)
    for (const parked of waiting) this.#site(parked.site).unpark(parked)
    for (const name of new Set(waiting.map((parked) => parked.site))) this.#pull(this.#site(name))
    this.#tellRoom(site)
    if (this.isIdle) this.#idle.next()
  }

  /** Forgets what is queued for one site, and what was turned away. */
  clear(name: string): void {
    this.#sites.get(name)?.clear()
    for (const [place, waiting] of this.#parked) {
      const others = waiting.filter(({ site }) => site !== name)
      if (others.length === 0) this.#parked.delete(place)
      else this.#parked.set(place, others)
    }
    if (this.isIdle) this.#idle.next()
  }

  /** Forgets what is queued; what runs goes on. */
  close(): void {
    this.#isClosed = true
    for (const site of this.#sites.values()) site.close()
    this.#parked.clear()
    this.#attempts.complete()
    this.#room.complete()
  }

  /** Begins what can be begun at a site. */
  #pull(site: SiteWork): void {
    for (let transfer = this.#next(site); transfer; transfer = this.#next(site)) {
      const attempt = new Attempt(transfer, this.#seat(site, transfer), this.#parts.permits)
      this.#running.set(transfer.key, attempt)
      this.#places.add(transfer.targetKey)
      this.#attempts.next(attempt)
    }
  }

  /** The most urgent transfer that both ends can serve now. */
  #next(site: SiteWork): Transfer | undefined {
    if (this.#isClosed || !site.isFree || site.queue.size === 0) return undefined
    let isForgotten = false
    const transfer = site.queue.take((candidate): Turn => {
      if (this.#isHeldBack(candidate)) {
        isForgotten = true
        return 'leave'
      }
      if (this.#places.has(candidate.targetKey)) {
        this.#park(site, candidate)
        return 'leave'
      }
      return this.#canRead(candidate) ? 'take' : 'stay'
    })
    if (isForgotten && !transfer) {
      this.#tellRoom(site.name)
      if (this.isIdle) this.#idle.next()
    }
    return transfer
  }

  #canRead(transfer: Transfer): boolean {
    const source = this.#sourceOf(transfer)
    return !source || (source.breaker.isOpen && (!this.#parts.countsReads(source.name) || source.slots.isFree(1)))
  }

  /** The site whose state counts; undefined for a root that came with the document. */
  #sourceOf({ route }: Transfer): SiteWork | undefined {
    return 'error' in route || route.sourceSite.declared === false ? undefined : this.#site(route.sourceSite.name)
  }

  #seat(site: SiteWork, transfer: Transfer): Seat {
    const source = this.#sourceOf(transfer)
    const ends = [site.use('write', true), ...(source ? [source.use('read', this.#parts.countsReads(source.name))] : [])]
    return {
      report: (outcome) => {
        for (const end of ends) end.report(outcome)
      },
      leave: () => {
        for (const end of ends) end.leave()
      },
    }
  }

  #isHeldBack(transfer: Transfer): boolean {
    return this.#parts.isHeldBack?.(transfer) === true
  }

  #park(site: SiteWork, transfer: Transfer): void {
    const waiting = this.#parked.get(transfer.targetKey)
    if (waiting) waiting.push(transfer)
    else this.#parked.set(transfer.targetKey, [transfer])
    site.park(transfer)
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
    const own = this.#sites.get(name)
    if (own) this.#pull(own)
    for (const site of this.#sites.values()) if (site !== own && site.queue.size > 0) this.#pull(site)
  }
}
