import {
  asapScheduler,
  catchError,
  defer,
  EMPTY,
  finalize,
  groupBy,
  merge,
  mergeAll,
  mergeMap,
  subscribeOn,
  Observable,
  takeUntil,
  tap,
} from 'rxjs'

import type { Outcome } from '../model/outcome.ts'
import { coalesce, type Coalesced } from './coalesce.ts'
import type { Settled, Steps } from './contracts.ts'
import type { Gates } from './site-gates.ts'
import type { Found, RunningTransfer, TransferQueue } from './transfer-queue.ts'

/** The bytes are there, their sites have other work meanwhile; but a database that is slow or away must not be overrun. */
const MOST_RESULTS = 256

export interface PipelineParts<Hint> {
  /** "Look at this representation." */
  readonly changes$: Observable<Hint>
  /** What scans found. */
  readonly scans$: Observable<Found>
  /** Reads the documents of hints and decides what they need. */
  readonly look: Coalesced<Hint, Found>
  readonly queue: TransferQueue
  /** The next transfer of a site; it counts as running until the queue is told that it is done. */
  readonly take: (site: string) => RunningTransfer | undefined
  readonly gates: Gates
  readonly steps: Steps
  /** Transfers to this site at once, from the claim until they are verified. */
  readonly limitOf: (site: string) => number
  /** A fault that is no outcome: the database is away. The transfer is found again by a scan. */
  readonly unexpected: (error: unknown, running: RunningTransfer) => void
  readonly settled: (settled: Settled) => void
  /** Ended, however it did, and its document changed while it ran: to be looked at again. */
  readonly changed: (running: RunningTransfer) => void
  /** No new work after it; what runs goes on to its end. */
  readonly stop$: Observable<unknown>
}

/**
 * THE HEART.
 *
 * ```
 * changes$ ─ look ─┐
 *                  ├─ admit (known? due? room?) ─ by site ─ [ gate → take → claim → transfer → verify ] × limit ─ write back ─▶ settled
 * scans$ ──────────┘
 * ```
 *
 * The queue between the halves is bounded; what does not fit is found again by a scan. A ticket stands for a queued transfer; the
 * transfer itself is chosen when a slot is free, so that the most urgent one goes next; its lease is taken then, or a moment before
 * (`claims-ahead.ts`). The slot is the site's: it is free for the next transfer while a result is written. Nothing a transfer does ends the
 * stream.
 */
export function syncPipeline<Hint>(parts: PipelineParts<Hint>): Observable<Settled> {
  const { changes$, scans$, look, queue, limitOf, stop$ } = parts

  const found$ = merge(changes$.pipe(coalesce(look)), scans$)
  const admitted$ = found$.pipe(
    tap((found) => queue.admit(found)),
    mergeMap(() => EMPTY),
  )

  const results = new ResultsUnderWay()
  return merge(queue.tickets$, admitted$).pipe(
    takeUntil(stop$),
    groupBy((site) => site),
    mergeMap((site$) =>
      site$.pipe(
        mergeMap((site) => inSlot((leave) => settleNext(parts, site, results.bounded(leave))), limitOf(site$.key)),
        mergeAll(),
      ),
    ),
  )
}

/** Holds a slot from the start of the work until it says that it needs the site no more, or ends. */
function inSlot<T>(work: (leave: () => void) => Observable<T>): Observable<Observable<T>> {
  return new Observable((slot) => {
    const leave = (): void => slot.complete()
    slot.next(work(leave).pipe(finalize(leave)))
  })
}

/** Results on their way to the database, of all sites. Beyond the bound their slots wait for them. */
class ResultsUnderWay {
  #now = 0

  /** Gives how to begin, which leaves the slot unless there are too many, and how to end. */
  bounded(leave: () => void): Leaving {
    let isOne = false
    return {
      begin: () => {
        if (this.#now >= MOST_RESULTS) return
        isOne = true
        this.#now++
        leave()
      },
      end: () => {
        if (isOne) this.#now--
        isOne = false
      },
    }
  }
}

interface Leaving {
  readonly begin: () => void
  readonly end: () => void
}

/**
 * Uses one slot of a site for its most urgent transfer. Never at once: a thousand tickets that find nothing to do would otherwise
 * end within each other.
 */
function settleNext<Hint>(parts: PipelineParts<Hint>, site: string, leaving: Leaving): Observable<Settled> {
  return defer(() => parts.gates.enter(site)).pipe(
    subscribeOn(asapScheduler),
    mergeMap((pass) => {
      const running = parts.take(site)
      if (!running) return finished(() => pass.report(undefined))
      const verified = (outcome: Outcome): void => {
        pass.report(outcome)
        leaving.begin()
      }
      return defer(() => fromSource(parts, running, verified)).pipe(
        tap(parts.settled),
        catchError((error: unknown) => finished(() => parts.unexpected(error, running))),
        finalize(() => {
          leaving.end()
          pass.report(undefined)
          parts.queue.done(running)
          if (running.changed) parts.changed(running)
        }),
      )
    }),
  )
}

type Verified = (outcome: Outcome) => void

/** The site that the bytes come from may be in trouble as well. */
function fromSource<Hint>({ gates, steps }: PipelineParts<Hint>, running: RunningTransfer, verified: Verified): Observable<Settled> {
  const { route } = running.transfer
  if ('error' in route || route.sourceSite.declared === false) return settle(steps, running, verified)
  return gates.enter(route.sourceSite.name, 'read').pipe(
    mergeMap((pass) => {
      const both = (outcome: Outcome): void => {
        pass.report(outcome)
        verified(outcome)
      }
      return settle(steps, running, both).pipe(finalize(() => pass.report(undefined)))
    }),
  )
}

function settle(steps: Steps, running: RunningTransfer, verified: Verified): Observable<Settled> {
  return steps.claim(running).pipe(
    mergeMap((held) =>
      steps.keepLease(
        held,
        steps.transfer(held).pipe(
          mergeMap((written) => steps.verify(held, written)),
          tap(verified),
          mergeMap((outcome) => steps.writeBack(held, outcome)),
        ),
      ),
    ),
  )
}

function finished(effect: () => void): Observable<never> {
  effect()
  return EMPTY
}
