import { fromUsable, type Source, type Transfer } from '../model/transfer.ts'
import type { Clock } from './clock.ts'
import type { Peers } from './peers.ts'
import type { EarlyLeases } from './early-leases.ts'
import type { Places } from './places.ts'
import type { Turn } from './site-queue.ts'
import type { SiteWork } from './site-work.ts'

export interface SelectionParts {
  readonly clock: Clock
  readonly places: Places
  readonly early: Pick<EarlyLeases, 'letsIn'>
  /** Does reading from a site take one of its slots? */
  readonly countsReads: (site: string) => boolean
  /** An attempt would be of no use now. Such transfers are forgotten; a scan finds them when that is over. */
  readonly isHeldBack?: (transfer: Transfer) => boolean
  /** The same copy from sites that may be used. */
  readonly withoutPaused?: (transfer: Transfer) => Transfer
  /** Is the root missing that a source lies in? */
  readonly isRootDown?: (source: Source) => boolean
  /** Which instance is to do it first; without it, this one. */
  readonly peers?: Pick<Peers, 'isOurs'>
  /** The site whose state counts; undefined for a root that came with the document. */
  readonly siteOf: (source: Source) => SiteWork | undefined
}

interface Selected {
  readonly transfer: Transfer | undefined
  /** Queued ones that another instance is to do first. */
  readonly left: readonly Transfer[]
  /** Others were forgotten, because they are held back. */
  readonly isForgotten: boolean
}

/** How long what another instance is to do first is left to it. Milliseconds. */
export const LEFT_TO_OTHERS_MS = 1_000

/** Chooses what a free slot of a site does next: the most urgent transfer that both ends can serve now. */
export class Selection {
  readonly #parts: SelectionParts

  constructor(parts: SelectionParts) {
    this.#parts = parts
  }

  isHeldBack(transfer: Transfer): boolean {
    return this.#parts.isHeldBack?.(transfer) === true
  }

  isOurs(transfer: Transfer): boolean {
    return this.#parts.peers?.isOurs(transfer) !== false
  }

  /** This instance's own work first; then what others have not done for a moment. */
  next(site: SiteWork): Selected {
    const { places, early } = this.#parts
    const left: Transfer[] = []
    let isForgotten = false
    const isHeldBack = (candidate: Transfer): boolean => {
      const isHeld = this.isHeldBack(candidate)
      isForgotten ||= isHeld
      return isHeld
    }
    const own = site.queue.take((candidate): Turn => {
      if (isHeldBack(candidate)) return 'leave'
      if (!this.isOurs(candidate)) {
        left.push(candidate)
        return 'leave'
      }
      if (places.isInUse(candidate)) {
        places.park(candidate)
        site.park(candidate)
        return 'leave'
      }
      return this.#canRead(candidate) && early.letsIn(candidate) ? 'take' : 'stay'
    })
    const transfer = own ?? this.#nextOfOthers(site, isHeldBack)
    return { transfer: transfer && this.#fromUsable(transfer), left, isForgotten }
  }

  /** What is next at a site whose slots are all in use, as far as can be told now. */
  upcoming({ queue, slots, breaker }: SiteWork): readonly Transfer[] {
    if (slots.ahead === 0 || !breaker.isOpen('write')) return []
    const isEligible = (transfer: Transfer): boolean =>
      !this.isHeldBack(transfer) && this.isOurs(transfer) && !this.#parts.places.isInUse(transfer) && this.#canRead(transfer)
    return queue.upcoming(slots.ahead).filter(isEligible)
  }

  #nextOfOthers(site: SiteWork, isHeldBack: (transfer: Transfer) => boolean): Transfer | undefined {
    const { clock, places, early } = this.#parts
    if (site.others.size === 0) return undefined
    const latest = clock.now() - LEFT_TO_OTHERS_MS
    return site.others.take((candidate, since): Turn => {
      if (isHeldBack(candidate)) return 'leave'
      return since <= latest && !places.isInUse(candidate) && this.#canRead(candidate) && early.letsIn(candidate) ? 'take' : 'stay'
    })
  }

  /** Where it comes from is decided when it begins: a site in trouble is left alone while another has the file. */
  #fromUsable(transfer: Transfer): Transfer {
    const { siteOf, isRootDown, withoutPaused } = this.#parts
    const allowed = withoutPaused?.(transfer) ?? transfer
    return fromUsable(allowed, (source) => siteOf(source)?.breaker.isOpen('read') !== false && isRootDown?.(source) !== true)
  }

  #canRead(transfer: Transfer): boolean {
    const { route } = this.#fromUsable(transfer)
    if ('error' in route) return true
    const source = this.#parts.siteOf(route)
    return !source || (source.breaker.isOpen('read') && (!this.#parts.countsReads(source.name) || source.slots.isFree(1)))
  }
}
