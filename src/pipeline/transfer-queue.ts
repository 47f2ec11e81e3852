import { Subject, type Observable } from 'rxjs'

import { isDue, type Occasion } from '../model/eligibility.ts'
import type { Transfer } from '../model/transfer.ts'
import { SiteQueue } from './site-queue.ts'

/** Transfers found in one representation. */
export interface Found {
  readonly representationKey: string
  readonly transfers: readonly Transfer[]
  readonly occasion: Occasion
  /** A change of this document: what is running is to be looked at again afterwards. */
  readonly changed: boolean
}

export interface RunningTransfer {
  readonly transfer: Transfer
  readonly abort: AbortController
  /** Its document changed while it ran. */
  changed: boolean
}

/**
 * What is to be done and what is being done, bounded: a site's queue holds the most urgent transfers up to a limit; what does not
 * fit is found again by a scan as soon as there is room.
 *
 * A transfer is unknown → queued → running → unknown. Queued ones may be parked: their place on the site is being written to for
 * another document. Each queued transfer has one ticket; who holds a ticket may take the most urgent one of that moment.
 */
export class TransferQueue {
  readonly #tickets = new Subject<string>()
  readonly #sites = new Map<string, SiteQueue>()
  readonly #running = new Map<string, RunningTransfer>()
  readonly #places = new Set<string>()
  readonly #parked = new Map<string, Transfer[]>()
  /** Keys of what is parked, by site. */
  readonly #parkedKeys = new Map<string, Set<string>>()
  readonly #full = new Set<string>()
  readonly #room = new Subject<string>()
  readonly #idle = new Subject<void>()
  readonly #mostPerSite: number
  readonly #isHeldBack: (transfer: Transfer) => boolean
  #closed = false

  /** `isHeldBack`: an attempt would be of no use now. Such transfers are forgotten; a scan finds them when that is over. */
  constructor(options: { readonly mostPerSite: number; readonly isHeldBack?: (transfer: Transfer) => boolean }) {
    this.#mostPerSite = options.mostPerSite
    this.#isHeldBack = options.isHeldBack ?? (() => false)
  }

  /** The name of a site each time a transfer to it becomes available. */
  get tickets$(): Observable<string> {
    return this.#tickets
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
    return this.#running.size === 0 && this.#parked.size === 0 && [...this.#sites.values()].every(({ size }) => size === 0)
  }

  get running(): ReadonlyMap<string, RunningTransfer> {
    return this.#running
  }

  queuedAt(site: string): number {
    return this.#sites.get(site)?.size ?? 0
  }

  /** The same, with those that are parked. */
  waitingAt(site: string): number {
    return this.queuedAt(site) + (this.#parkedKeys.get(site)?.size ?? 0)
  }

  /** Of what waits for a site; undefined when nothing does. */
  highestPriorityAt(site: string): number | undefined {
    return this.#sites.get(site)?.highestPriority
  }

  /** Is there any use in finding more of this priority for this site, or of this project? Who is told no hears of it by `room$`. */
  hasRoom(site: string, priority = 0, project?: string): boolean {
    if (this.#closed) return false
    const queue = this.#sites.get(site)
    if (this.queuedAt(site) + this.#parkedAt(site).size < this.#mostPerSite) return true
    if ((queue?.lowestPriority ?? 0) < priority || (project !== undefined && queue?.yieldsTo(project) === true)) return true
    this.#full.add(site)
    return false
  }

  admit({ transfers, occasion, changed }: Found): void {
    for (const transfer of transfers) {
      if (this.#closed || !isDue(transfer, occasion) || this.#isHeldBack(transfer)) continue
      const running = this.#running.get(transfer.key)
      if (running) {
        running.changed ||= changed
        continue
      }
      if (!this.#parkedAt(transfer.site).has(transfer.key)) this.#enqueue(transfer)
    }
  }

  /**
   * The most urgent transfer of a site; undefined when there is none. It counts as running until `done`. `from`, in [0, 1): not the
   * first of them, but one from further behind.
   */
  take(site: string, from = 0): RunningTransfer | undefined {
    const queue = this.#sites.get(site)
    let isForgotten = false
    for (let transfer = queue?.take(from); transfer && !this.#closed; transfer = queue?.take(from)) {
      if (this.#isHeldBack(transfer)) {
        isForgotten = true
        continue
      }
      if (this.#places.has(transfer.targetKey)) {
        this.#park(transfer)
        continue
      }
      const running = { transfer, abort: new AbortController(), changed: false }
      this.#running.set(transfer.key, running)
      this.#places.add(transfer.targetKey)
      return running
    }
    if (isForgotten) this.#tellRoom(site)
    if (isForgotten && this.isIdle) this.#idle.next()
    return undefined
  }

  /** It was taken too early: it waits for its turn again as soon as it is `done`. */
  putBack({ transfer }: RunningTransfer): void {
    this.#enqueue(transfer)
  }

  done({ transfer }: RunningTransfer): void {
    this.#running.delete(transfer.key)
    this.#places.delete(transfer.targetKey)
    const waiting = this.#parked.get(transfer.targetKey)
    this.#parked.delete(transfer.targetKey)
    for (const parked of waiting ?? []) {
      this.#parkedAt(parked.site).delete(parked.key)
      this.#enqueue(parked)
    }
    this.#tellRoom(transfer.site)
    if (this.isIdle) this.#idle.next()
  }

  /** Forgets what is queued; what runs goes on. */
  close(): void {
    this.#closed = true
    this.#sites.clear()
    this.#parked.clear()
    this.#parkedKeys.clear()
    this.#tickets.complete()
    this.#room.complete()
  }

  /** Forgets what is queued for one site, and what was turned away. */
  clear(site: string): void {
    this.#sites.delete(site)
    this.#parkedKeys.delete(site)
    for (const [place, waiting] of this.#parked) {
      const others = waiting.filter((transfer) => transfer.site !== site)
      if (others.length === 0) this.#parked.delete(place)
      else this.#parked.set(place, others)
    }
    this.#full.delete(site)
    if (this.isIdle) this.#idle.next()
  }

  #enqueue(transfer: Transfer): void {
    if (this.#closed) return
    const { site } = transfer
    let queue = this.#sites.get(site)
    if (!queue) this.#sites.set(site, (queue = new SiteQueue(this.#mostPerSite)))
    const answer = this.#parkedAt(site).size < this.#mostPerSite ? queue.add(transfer) : 'refused'
    if (answer === 'added') this.#tickets.next(site)
    if (answer === 'replaced' || answer === 'refused') this.#full.add(site)
  }

  #park(transfer: Transfer): void {
    const waiting = this.#parked.get(transfer.targetKey)
    if (waiting) waiting.push(transfer)
    else this.#parked.set(transfer.targetKey, [transfer])
    this.#parkedAt(transfer.site).add(transfer.key)
  }

  #parkedAt(site: string): Set<string> {
    let keys = this.#parkedKeys.get(site)
    if (!keys) this.#parkedKeys.set(site, (keys = new Set()))
    return keys
  }

  #tellRoom(site: string): void {
    if (!this.#full.has(site) || this.queuedAt(site) > this.#mostPerSite / 2) return
    this.#full.delete(site)
    if (!this.#closed) this.#room.next(site)
  }
}
