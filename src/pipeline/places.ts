import type { Transfer } from '../model/transfer.ts'

/** The places that are being written to, and the transfers that wait for one of them because they serve another document. */
export class Places {
  readonly #inUse = new Set<string>()
  readonly #parked = new Map<string, Transfer[]>()

  get hasParked(): boolean {
    return this.#parked.size > 0
  }

  isInUse({ targetKey }: Transfer): boolean {
    return this.#inUse.has(targetKey)
  }

  use({ targetKey }: Transfer): void {
    this.#inUse.add(targetKey)
  }

  park(transfer: Transfer): void {
    const waiting = this.#parked.get(transfer.targetKey)
    if (waiting) waiting.push(transfer)
    else this.#parked.set(transfer.targetKey, [transfer])
  }

  /** Gives back what waited for it. */
  leave({ targetKey }: Transfer): readonly Transfer[] {
    this.#inUse.delete(targetKey)
    const waiting = this.#parked.get(targetKey) ?? []
    this.#parked.delete(targetKey)
    return waiting
  }

  /** Forgets what waits of one site; of all without it. */
  forget(site?: string): void {
    for (const [place, waiting] of this.#parked) {
      const others = site === undefined ? [] : waiting.filter((transfer) => transfer.site !== site)
      if (others.length === 0) this.#parked.delete(place)
      else this.#parked.set(place, others)
    }
  }
}
