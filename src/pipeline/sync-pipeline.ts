import { catchError, defer, EMPTY, filter, ignoreElements, merge, mergeMap, takeUntil, tap } from 'rxjs'
import type { Observable, ObservableInput } from 'rxjs'

import type { Attempt } from './attempt.ts'
import { coalesce, type Coalesced } from './coalesce.ts'
import type { Found, Settled } from './contracts.ts'
import type { Workload } from './workload.ts'

export interface PipelineParts<Hint> {
  /** "Look at this representation." */
  readonly changes$: Observable<Hint>
  /** What scans found. */
  readonly scans$: Observable<Found>
  /** Reads the documents of hints and decides what they need. */
  readonly look: Coalesced<Hint, Found>
  readonly work: Pick<Workload, 'admit' | 'attempts$' | 'done'>
  /** Copies, verifies and writes back. Undefined: it was not ours to do. */
  readonly settle: (attempt: Attempt) => ObservableInput<Settled | undefined>
  /** A fault that is no outcome: MongoDB is unavailable. The transfer is found again by a scan. */
  readonly unexpected: (error: unknown, attempt: Attempt) => void
  readonly settled: (settled: Settled) => void
  /** It has ended, however it did, and its document changed while it ran: to be looked at again. */
  readonly changed: (attempt: Attempt) => void
  /** No new work after it; what runs goes on to its end. */
  readonly stop$: Observable<unknown>
}

/**
 * THE HEART.
 *
 * ```
 * changes$ ─ look ─┐                  ┌ site A: queue ─ slots ─┐
 *                  ├─ admit ────────▶ │ site B: …              ├─▶ settle ─▶ settled
 * scans$ ──────────┘                  └ (work)                 ┘   (copy, verify, write back)
 * ```
 *
 * The queues are bounded; what does not fit is found again by a scan. Slots pull: a free one takes its site's most urgent transfer. They are
 * the sites': they are free for the next transfer while a result is written. Nothing an attempt does ends the stream.
 */
export function syncPipeline<Hint>(parts: PipelineParts<Hint>): Observable<Settled> {
  const { changes$, scans$, look, work, settle, stop$ } = parts
  const found$ = merge(changes$.pipe(coalesce(look)), scans$).pipe(takeUntil(stop$))
  const admitted$ = found$.pipe(
    tap((found) => work.admit(found)),
    ignoreElements(),
  )
  const settled$ = work.attempts$.pipe(
    takeUntil(stop$),
    mergeMap((attempt) =>
      defer(() => settle(attempt)).pipe(
        tap({
          next(settled) {
            if (settled) parts.settled(settled)
          },
          finalize() {
            work.done(attempt)
            if (attempt.changed) parts.changed(attempt)
          },
        }),
        catchError((error: unknown) => {
          parts.unexpected(error, attempt)
          return EMPTY
        }),
      ),
    ),
    filter((settled) => settled !== undefined),
  )
  return merge(settled$, admitted$)
}
