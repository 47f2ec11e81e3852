import type { Source, Transfer } from '../model/transfer.ts'
import { seatAt, type Seat } from './attempt.ts'
import type { SelectionParts } from './selection.ts'
import type { SiteWork } from './site-work.ts'

/** What attempts take of the sites at both ends. */
export class Seats {
  readonly #parts: Pick<SelectionParts, 'countsReads' | 'siteOf'>

  constructor(parts: Pick<SelectionParts, 'countsReads' | 'siteOf'>) {
    this.#parts = parts
  }

  take(target: SiteWork, { route }: Transfer): Seat {
    const { countsReads, siteOf } = this.#parts
    const source = 'error' in route ? undefined : siteOf(route)
    const ends = [target.use('write', true), ...(source ? [source.use('read', countsReads(source.name))] : [])]
    return { ...seatAt(ends), besides: (other) => this.#besides(other) }
  }

  /**
   * For an attempt whose source lacks the file. Where all slots are taken it goes without one: to wait for it would hold those it has, and
   * there are no more such attempts than slots of their targets.
   */
  #besides(source: Source): Seat | undefined {
    const { countsReads, siteOf } = this.#parts
    const site = siteOf(source)
    if (!site) return seatAt([])
    return site.breaker.isOpen('read') ? site.use('read', countsReads(site.name) && site.slots.isFree(1)) : undefined
  }
}
