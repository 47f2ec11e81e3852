import { randomUUID } from 'node:crypto'

import type { SlotStore } from '../model/stores.ts'
import type { Clock } from './clock.ts'
import { every } from './every.ts'

/** How many transfers may use a site at once. */
export interface Slots {
  /** Is one free? `wanted`: so many would be of use; those that have to be asked for elsewhere are told of by `freed`. */
  isFree(wanted: number): boolean
  /** Takes a free one; gives back how to leave it. `wasUsed`: something was done with it. */
  take(): (wasUsed: boolean) => void
  /** While all are in use: for so many of the next transfers a lease is worth having already. */
  readonly ahead: number
  close(): void
}

/** Early leases are asked for when half of them are used up, and several in one request cost little more than one. */
const EARLY_LEASES_A_SLOT = 2

/** Slots of this instance alone. */
export class OwnSlots implements Slots {
  readonly #limit: number
  readonly #freed: () => void
  #taken = 0

  constructor(limit: number, freed: () => void) {
    this.#limit = limit
    this.#freed = freed
  }

  isFree(): boolean {
    return this.#taken < this.#limit
  }

  take(): () => void {
    this.#taken++
    return () => {
      this.#taken--
      this.#freed()
    }
  }

  get ahead(): number {
    return this.#taken < this.#limit ? 0 : EARLY_LEASES_A_SLOT * this.#limit
  }

  close(): void {}
}

export interface SharedSlotsParts {
  readonly site: string
  readonly limit: number
  readonly store: SlotStore
  readonly clock: Clock
  readonly renewEveryMs: number
  /** There may be one to take. */
  readonly freed: () => void
}

interface Spare {
  readonly holder: string
  readonly cancel: () => void
}

/** Between two attempts to have a slot. Milliseconds. */
const [MIN_PAUSE_MS, MAX_PAUSE_MS] = [100, 300]
/** How long a slot that was not used is kept for the next transfer of this instance. */
const SPARE_MS = 50

/**
 * Slots that all instances share: they are asked for in the database while there is work for them, and kept for a moment when a transfer
 * did not use its slot, because another instance had done that file meanwhile.
 */
export class SharedSlots implements Slots {
  /** Who waits for a slot of all instances holds no lease: another instance may have the slot. */
  readonly ahead = 0
  readonly #parts: SharedSlotsParts
  readonly #spares: Spare[] = []
  readonly #cancels = new Set<() => void>()
  #taken = 0
  #asking = 0
  #wanted = 0
  #isClosed = false

  constructor(parts: SharedSlotsParts) {
    this.#parts = parts
  }

  isFree(wanted: number): boolean {
    this.#wanted = wanted
    const useful = Math.min(wanted, this.#parts.limit - this.#taken) - this.#spares.length
    while (!this.#isClosed && this.#asking < useful) {
      this.#asking++
      void this.#ask()
    }
    return this.#spares.length > 0
  }

  take(): (wasUsed: boolean) => void {
    const spare = this.#spares.shift()
    if (!spare) throw new Error('there is no free slot')
    spare.cancel()
    const { holder } = spare
    this.#taken++
    const { clock, store, site, renewEveryMs } = this.#parts
    const stopRenewing = every(clock, renewEveryMs, async () => store.renew(site, holder).catch(() => undefined))
    return (wasUsed) => {
      stopRenewing()
      this.#taken--
      if (wasUsed || this.#isClosed) this.#release(holder)
      else this.#keep(holder)
      this.#parts.freed()
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { cancel, holder } of this.#spares.splice(0)) {
      cancel()
      this.#release(holder)
    }
    for (const cancel of this.#cancels) cancel()
  }

  /** Asks until there is a slot or nobody wants one any more; a database that is unavailable is asked again. */
  async #ask(): Promise<void> {
    const { store, site, limit } = this.#parts
    const holder = randomUUID()
    while (!this.#isClosed && this.#isWanted()) {
      if (await store.acquire(site, limit, holder).catch(() => false)) {
        if (this.#isClosed || !this.#isWanted()) break
        this.#asking--
        this.#keep(holder)
        return this.#parts.freed()
      }
      await this.#pause()
    }
    // It does not wait any more.
    this.#asking--
    this.#release(holder)
  }

  #isWanted(): boolean {
    return this.#wanted > this.#spares.length
  }

  async #pause(): Promise<void> {
    const { clock } = this.#parts
    const { promise, resolve } = Promise.withResolvers<void>()
    const end = (): void => {
      cancel()
      this.#cancels.delete(end)
      resolve()
    }
    const cancel = clock.after(MIN_PAUSE_MS + (MAX_PAUSE_MS - MIN_PAUSE_MS) * clock.random(), end)
    this.#cancels.add(end)
    await promise
  }

  #keep(holder: string): void {
    const spare = {
      holder,
      cancel: this.#parts.clock.after(SPARE_MS, () => {
        this.#spares.splice(this.#spares.indexOf(spare), 1)
        this.#release(holder)
      }),
    }
    this.#spares.push(spare)
  }

  /** A slot that can't be given back is free when its time is over. */
  #release(holder: string): void {
    void this.#parts.store.release(this.#parts.site, holder).catch(() => undefined)
  }
}
