import { isPerhapsElsewhere, type Transfer } from '../model/transfer.ts'
import { Attempt } from './attempt.ts'
import type { PermitParts } from './permit.ts'

/** How long a lease is held for a transfer that gets no slot: milliseconds, and a share of the time after which it is renewed. */
const [MAX_WAIT_MS, MAX_WAIT_SHARE] = [1_000, 0.25]

interface Early {
  readonly attempt: Attempt
  /** Stops the timer. */
  readonly cancel: () => void
  state: 'asked' | 'ending' | 'over'
  /** Another transfer wants this place. */
  isInTheWay: boolean
}

/**
 * Leases for transfers that are among the next in their queues, taken while all slots are in use. A file of a few kilobytes is sent in one request,
 * which waits for the permit: asked for in the slot, its lease would leave the slot unused meanwhile. The transfer stays in its queue and is
 * chosen like any other; its record is read again with the lease, and once more in its slot if it was looked at meanwhile.
 *
 * - `asked`: the lease is being taken, or is held. Left when the transfer has a slot (`take`), after a second at most, or when the lease is refused.
 * - `ending`: the lease is being given back; nothing may begin at its place before that is done.
 * - `over`: not asked for again before a slot is free.
 */
export class EarlyLeases {
  readonly #permits: PermitParts
  readonly #freed: () => void
  readonly #byPlace = new Map<string, Early>()

  /** `freed`: a place that a transfer was kept from is free. */
  constructor(permits: PermitParts, freed: () => void) {
    this.#permits = permits
    this.#freed = freed
  }

  /** Are there no more left at a site than half of what it may have? */
  isLow(site: string, atMost: number): boolean {
    let count = 0
    for (const { state, attempt } of this.#byPlace.values()) if (state === 'asked' && attempt.transfer.site === site) count++
    return count <= atMost / 2
  }

  /** These are next at a site. */
  ask(site: string, next: readonly Transfer[]): void {
    const places = new Set(next.map(({ targetKey }) => targetKey))
    let free = next.length
    for (const [place, early] of this.#byPlace) {
      if (early.attempt.transfer.site !== site) continue
      if (early.state === 'over' && !places.has(place)) this.#byPlace.delete(place)
      else free--
    }
    for (const transfer of next) {
      if (free <= 0 || this.#byPlace.has(transfer.targetKey) || isPerhapsElsewhere(transfer.route)) continue
      this.#ask(transfer)
      free--
    }
  }

  /**
   * May it begin at its place? Another transfer's early lease is given back first; `freed` tells when that is done. Its own that is being given back is
   * waited for by its next claim, in its slot: what comes after it must not overtake it.
   */
  letsIn({ key, targetKey }: Transfer): boolean {
    const early = this.#byPlace.get(targetKey)
    if (!early || early.state === 'over') return true
    const { transfer, permit } = early.attempt
    if (transfer.key === key && (early.state === 'asked' || permit.isGivenBack)) return true
    early.isInTheWay = true
    this.#end(early)
    return false
  }

  /** The attempt whose lease was asked for, for a transfer that has its slot now. */
  take({ targetKey }: Transfer): Attempt | undefined {
    const early = this.#byPlace.get(targetKey)
    this.#byPlace.delete(targetKey)
    early?.cancel()
    return early?.state === 'asked' ? early.attempt : undefined
  }

  /** A representation was looked at: what was read of it before is old. */
  looked(representationKey: string): void {
    for (const { attempt } of this.#byPlace.values()) if (attempt.transfer.representationKey === representationKey) attempt.isStale = true
  }

  /** Gives back those of one site; of all without it. */
  clear(site?: string): void {
    for (const early of this.#byPlace.values()) if (site === undefined || early.attempt.transfer.site === site) this.#end(early)
  }

  #ask(transfer: Transfer): void {
    const attempt = new Attempt(transfer, this.#permits)
    const { clock, renewEveryMs } = this.#permits
    const early: Early = {
      attempt,
      state: 'asked',
      isInTheWay: false,
      cancel: clock.after(Math.min(MAX_WAIT_MS, renewEveryMs * MAX_WAIT_SHARE), () => this.#end(early)),
    }
    this.#byPlace.set(transfer.targetKey, early)
    attempt.permit.ask()
    // What kept it from being asked for is told when it is asked for again, in its slot.
    void attempt.permit.over().then(() => this.#over(transfer.targetKey, early))
  }

  #end(early: Early): void {
    if (early.state !== 'asked') return
    early.state = 'ending'
    early.attempt.end({ kind: 'refused', reason: 'no slot was free' })
  }

  /** Its lease was refused or given back, unless it was taken. */
  #over(place: string, early: Early): void {
    if (this.#byPlace.get(place) !== early) return
    early.cancel()
    early.state = 'over'
    if (early.isInTheWay) this.#freed()
  }
}
