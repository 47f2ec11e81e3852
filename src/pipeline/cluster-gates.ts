import { randomUUID } from 'node:crypto'

import { mergeMap, Observable, takeUntil, tap } from 'rxjs'

import type { Outcome } from '../model/outcome.ts'
import type { SlotStore } from '../model/slots.ts'
import type { Operation } from '../providers/provider.ts'
import type { Clock } from './clock.ts'
import type { Gates, Pass } from './site-gates.ts'

export interface ClusterGatesParts {
  readonly gates: Gates
  readonly slots: SlotStore
  readonly clock: Clock
  /** The limit that all instances share; undefined: this site's limit is each instance's own. */
  readonly sharedLimitOf: (site: string) => number | undefined
  readonly renewEveryMs: number
  readonly stop$: Observable<unknown>
}

/** Between two attempts to have a slot, least and most. Milliseconds. */
const ASK_AGAIN_MS: readonly [number, number] = [100, 300]
/** How long a slot that was not used is kept for the next transfer of this instance. */
const SPARE_MS = 50

interface Spare {
  readonly holder: string
  readonly cancel: () => void
}

/**
 * Lets work through only while a slot that all instances share is held, where a site asks for it. A slot that was not used, because
 * another instance had done that file meanwhile, goes to the next transfer of this instance: it has waited for its turn.
 */
export class ClusterGates implements Gates {
  readonly #parts: ClusterGatesParts
  readonly #spare = new Map<string, Spare[]>()
  /** Who pauses between two attempts, by site. */
  readonly #pausing = new Map<string, ((holder: string) => void)[]>()

  #isStopped = false

  constructor(parts: ClusterGatesParts) {
    this.#parts = parts
  }

  enter(site: string, operation?: Operation): Observable<Pass> {
    const { gates, sharedLimitOf } = this.#parts
    const limit = sharedLimitOf(site)
    if (limit === undefined) return gates.enter(site, operation)
    return gates.enter(site, operation).pipe(mergeMap((pass) => this.#slot(site, limit, pass)))
  }

  /** Asks until there is a slot or nobody wants it any more; a database that is away is asked again. */
  #slot(site: string, limit: number, pass: Pass): Observable<Pass> {
    const { slots, stop$ } = this.#parts
    return new Observable<Pass>((subscriber) => {
      const own = randomUUID()
      const left = new AbortController()
      const ask = async (): Promise<void> => {
        let holder = this.#takeSpare(site)
        while (holder === undefined && !left.signal.aborted) {
          if (await slots.acquire(site, limit, own).catch(() => false)) holder = own
          else holder = await this.#pause(site)
        }
        // It does not wait any more.
        if (holder !== own) this.#release(site, own)
        const held = holder === undefined ? undefined : this.#held(site, holder, pass)
        if (!held) return pass.report(undefined)
        if (left.signal.aborted) return held.report(undefined)
        subscriber.next(held)
        subscriber.complete()
      }
      void ask()
      return () => left.abort()
    }).pipe(takeUntil(stop$.pipe(tap(() => (this.#isStopped = true)))))
  }

  /** Resolves with a slot that was given back unused meanwhile, or when it is time to ask again. */
  async #pause(site: string): Promise<string | undefined> {
    const { clock } = this.#parts
    const [least, most] = ASK_AGAIN_MS
    const pausing = this.#pausing.get(site) ?? []
    this.#pausing.set(site, pausing)
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    pausing.push(resolve)
    const cancel = clock.after(least + (most - least) * clock.random(), () => {
      pausing.splice(pausing.indexOf(resolve), 1)
      resolve(undefined)
    })
    const holder = await promise
    cancel()
    return holder
  }

  #takeSpare(site: string): string | undefined {
    const spare = this.#spare.get(site)?.shift()
    spare?.cancel()
    return spare?.holder
  }

  /** Not used: for the next transfer of this instance, if there is one. */
  #passOn(site: string, holder: string): void {
    if (this.#isStopped) return this.#release(site, holder)
    const next = this.#pausing.get(site)?.shift()
    if (next) return next(holder)
    const spares = this.#spare.get(site) ?? []
    this.#spare.set(site, spares)
    const spare = {
      holder,
      cancel: this.#parts.clock.after(SPARE_MS, () => {
        spares.splice(spares.indexOf(spare), 1)
        this.#release(site, holder)
      }),
    }
    spares.push(spare)
  }

  /** A slot that can't be given back is free when its time is over. */
  #release(site: string, holder: string): void {
    void this.#parts.slots.release(site, holder).catch(() => undefined)
  }

  #held(site: string, holder: string, pass: Pass): Pass {
    const { slots, clock, renewEveryMs } = this.#parts
    let cancel: (() => void) | undefined
    let isOpen = true
    const renew = (): void => {
      cancel = clock.after(renewEveryMs, () => {
        void slots.renew(site, holder).catch(() => undefined)
        if (isOpen) renew()
      })
    }
    renew()
    return {
      report: (outcome: Outcome | undefined) => {
        pass.report(outcome)
        if (!isOpen) return
        isOpen = false
        cancel?.()
        if (outcome) this.#release(site, holder)
        else this.#passOn(site, holder)
      },
    }
  }
}
