import {
  asapScheduler,
  catchError,
  defer,
  EMPTY,
  finalize,
  groupBy,
  merge,
  mergeMap,
  subscribeOn,
  takeUntil,
  tap,
  type Observable,
} from 'rxjs'

import { coalesce, type Coalesced } from './coalesce.ts'
import type { Settled, Steps } from './contracts.ts'
import type { Gates } from './site-gates.ts'
import type { Found, RunningTransfer, TransferQueue } from './transfer-queue.ts'

export interface PipelineParts<Hint> {
  /** "Look at this representation." */
  readonly changes$: Observable<Hint>
  /** What scans found. */
  readonly scans$: Observable<Found>
  /** Reads the documents of hints and decides what they need. */
  readonly look: Coalesced<Hint, Found>
  readonly queue: TransferQueue
  readonly gates: Gates
  readonly steps: Steps
  /** Transfers to this site at once. */
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
 *                  ├─ admit (known? due? room?) ─ by site ─ [ gate → take → claim → transfer → verify → write back ] × limit ─▶ settled
 * scans$ ──────────┘
 * ```
 *
 * The queue between the halves is bounded; what does not fit is found again by a scan. A ticket stands for a queued transfer; the
 * transfer itself is chosen when a slot is free, so that the most urgent one goes next, and the lease is taken only then. Nothing a
 * transfer does ends the stream.
 */
export function syncPipeline<Hint>(parts: PipelineParts<Hint>): Observable<Settled> {
  const { changes$, scans$, look, queue, limitOf, stop$ } = parts

  const found$ = merge(changes$.pipe(coalesce(look)), scans$)
  const admitted$ = found$.pipe(
    tap((found) => queue.admit(found)),
    mergeMap(() => EMPTY),
  )

  return merge(queue.tickets$, admitted$).pipe(
    takeUntil(stop$),
    groupBy((site) => site),
    mergeMap((site$) => site$.pipe(mergeMap((site) => settleNext(parts, site), limitOf(site$.key)))),
  )
}

/**
 * Uses one slot of a site for its most urgent transfer. Never at once: a thousand tickets that find nothing to do would otherwise
 * end within each other.
 */
function settleNext<Hint>(parts: PipelineParts<Hint>, site: string): Observable<Settled> {
  return defer(() => parts.gates.enter(site)).pipe(
    subscribeOn(asapScheduler),
    mergeMap((pass) => {
      const running = parts.queue.take(site)
      if (!running) return finished(() => pass.report(undefined))
      return defer(() => fromSource(parts, running)).pipe(
        tap(({ outcome }) => pass.report(outcome)),
        tap(parts.settled),
        catchError((error: unknown) => finished(() => parts.unexpected(error, running))),
        finalize(() => {
          pass.report(undefined)
          parts.queue.done(running)
          if (running.changed) parts.changed(running)
        }),
      )
    }),
  )
}

/** The site that the bytes come from may be in trouble as well. */
function fromSource<Hint>({ gates, steps }: PipelineParts<Hint>, running: RunningTransfer): Observable<Settled> {
  const { route } = running.transfer
  if ('error' in route || route.sourceSite.declared === false) return settle(steps, running)
  return gates.enter(route.sourceSite.name).pipe(
    mergeMap((pass) =>
      settle(steps, running).pipe(
        tap(({ outcome }) => pass.report(outcome)),
        finalize(() => pass.report(undefined)),
      ),
    ),
  )
}

function settle(steps: Steps, running: RunningTransfer): Observable<Settled> {
  return steps.claim(running).pipe(
    mergeMap((held) =>
      steps.keepLease(
        held,
        steps.transfer(held).pipe(
          mergeMap((written) => steps.verify(held, written)),
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
