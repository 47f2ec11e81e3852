import { randomUUID } from 'node:crypto'

import { mergeMap, Observable, takeUntil } from 'rxjs'

import type { Outcome } from '../model/outcome.ts'
import type { SlotStore } from '../model/slots.ts'
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

/** Lets work through only while a slot that all instances share is held, where a site asks for it. */
export class ClusterGates implements Gates {
  readonly #parts: ClusterGatesParts

  constructor(parts: ClusterGatesParts) {
    this.#parts = parts
  }

  enter(site: string): Observable<Pass> {
    const { gates, sharedLimitOf } = this.#parts
    const limit = sharedLimitOf(site)
    if (limit === undefined) return gates.enter(site)
    return gates.enter(site).pipe(mergeMap((pass) => this.#slot(site, limit, pass)))
  }

  /** Asks until there is a slot or nobody wants it any more; a database that is away is asked again. */
  #slot(site: string, limit: number, pass: Pass): Observable<Pass> {
    const { slots, stop$ } = this.#parts
    return new Observable<Pass>((subscriber) => {
      const holder = randomUUID()
      const left = new AbortController()
      const ask = async (): Promise<void> => {
        while (!left.signal.aborted) {
          const isAcquired = await slots.acquire(site, limit, holder).catch(() => false)
          const held = isAcquired ? this.#held(site, holder, pass) : undefined
          if (held && !left.signal.aborted) {
            subscriber.next(held)
            return subscriber.complete()
          }
          held?.report(undefined)
          if (!left.signal.aborted) await this.#pause()
        }
        pass.report(undefined)
      }
      void ask()
      return () => left.abort()
    }).pipe(takeUntil(stop$))
  }

  async #pause(): Promise<void> {
    const { clock } = this.#parts
    const [least, most] = ASK_AGAIN_MS
    await new Promise<void>((resolve) => {
      clock.after(least + (most - least) * clock.random(), resolve)
    })
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
      report(outcome: Outcome | undefined) {
        pass.report(outcome)
        if (!isOpen) return
        isOpen = false
        cancel?.()
        // A slot that can't be given back is free when its time is over.
        void slots.release(site, holder).catch(() => undefined)
      },
    }
  }
}
