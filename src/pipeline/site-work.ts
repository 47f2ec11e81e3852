import type { Outcome } from '../model/outcome.ts'
import type { Transfer } from '../model/transfer.ts'
import type { Operation } from '../providers/provider.ts'
import type { Seat } from './attempt.ts'
import type { Clock } from './clock.ts'
import { SiteBreaker, type BreakerEvents } from './site-breaker.ts'
import { SiteQueue } from './site-queue.ts'
import type { Slots } from './slots.ts'

export interface SiteWorkParts {
  readonly name: string
  readonly clock: Clock
  readonly maxQueued: number
  readonly probe: (operation: Operation) => Promise<void>
  readonly events: Omit<BreakerEvents, 'opened'>
  readonly makeSlots: (freed: () => void) => Slots
  /** It may be used again, or once more. */
  readonly opened: () => void
}

/** Everything one site has to do: what waits for it, whether it may be used, and how many use it. */
export class SiteWork {
  readonly name: string
  readonly queue: SiteQueue
  /** What another instance is to do first: a copy, in case it does not. What does not fit is found again by a scan. */
  readonly others: SiteQueue
  readonly breaker: SiteBreaker
  readonly slots: Slots
  readonly #maxQueued: number
  /** Keys of queued transfers whose place is being written to for another document. */
  readonly #parked = new Set<string>()
  /** Transfers were turned away. */
  #isFull = false

  constructor({ name, clock, maxQueued, probe, events, makeSlots, opened }: SiteWorkParts) {
    this.name = name
    this.#maxQueued = maxQueued
    this.queue = new SiteQueue(maxQueued)
    this.others = new SiteQueue(maxQueued)
    this.slots = makeSlots(opened)
    this.breaker = new SiteBreaker(name, clock, probe, { ...events, opened })
  }

  /** Can a transfer to it begin? */
  get isFree(): boolean {
    const isOpen = this.breaker.isOpen('write')
    return this.slots.isFree(isOpen ? this.queue.size + this.others.size : 0) && isOpen
  }

  /** Is there anything that a slot could be used for? */
  get hasWork(): boolean {
    return this.queue.size + this.others.size > 0
  }

  /** Transfers that are queued, the parked ones among them. */
  get waiting(): number {
    return this.queue.size + this.#parked.size
  }

  hasRoom(priority: number, project: string | undefined): boolean {
    if (this.waiting < this.#maxQueued) return true
    if ((this.queue.lowestPriority ?? 0) < priority || (project !== undefined && this.queue.yieldsTo(project))) return true
    this.#isFull = true
    return false
  }

  /** Told once each time it had turned transfers away and has room for more. */
  hasRoomAgain(): boolean {
    if (!this.#isFull || this.queue.size > this.#maxQueued / 2) return false
    this.#isFull = false
    return true
  }

  /** Is there one more to be done? */
  add(transfer: Transfer): boolean {
    if (this.#parked.has(transfer.key)) return false
    const answer = this.#parked.size < this.#maxQueued ? this.queue.add(transfer) : 'refused'
    if (answer === 'replaced' || answer === 'refused') this.#isFull = true
    return answer !== 'refused'
  }

  park({ key }: Transfer): void {
    this.#parked.add(key)
  }

  unpark(transfer: Transfer): void {
    this.#parked.delete(transfer.key)
    this.add(transfer)
  }

  /** Uses it once: takes the right to, and a slot where it counts. */
  use(operation: Operation, takesSlot: boolean): Seat {
    const pass = this.breaker.enter(operation)
    const leave = takesSlot ? this.slots.take() : undefined
    let isReported = false
    let wasUsed = false
    let hasLeft = false
    let taught: ReturnType<typeof lesson>
    return {
      report: (outcome) => {
        if (isReported) return
        isReported = true
        wasUsed = outcome !== undefined && outcome.kind !== 'refused'
        taught = lesson(this.name, operation, outcome)
        if (taught) this.breaker.report(pass, taught)
      },
      leave: () => {
        if (hasLeft) return
        hasLeft = true
        leave?.(wasUsed)
        // Should it have been the trial, the next one is it: there has to be a slot for that one.
        if (!taught) this.breaker.report(pass, undefined)
      },
    }
  }

  clear(): void {
    this.queue.clear()
    this.others.clear()
    this.#parked.clear()
    this.#isFull = false
  }

  close(): void {
    this.clear()
    this.breaker.close()
    this.slots.close()
  }
}

/** What an outcome teaches about a site. */
function lesson(site: string, operation: Operation, outcome: Outcome | undefined): Parameters<SiteBreaker['report']>[1] {
  if (outcome?.kind === 'site-trouble')
    return outcome.site === site && outcome.root === undefined ? { error: outcome.error, operation } : undefined
  return outcome?.kind === 'synced' || outcome?.kind === 'failed' ? { worked: true } : undefined
}
