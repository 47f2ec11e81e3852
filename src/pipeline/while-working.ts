import { connect, endWith, exhaustMap, ignoreElements, interval, merge, takeUntil, type Observable, type SchedulerLike } from 'rxjs'

/** Passes `work` on, and does something else every so often until it ends; one at a time. `tick` never rejects. */
export function whileWorking<T>(work: Observable<T>, everyMs: number, tick: () => Promise<void>, scheduler?: SchedulerLike): Observable<T> {
  return work.pipe(
    connect((work$) => {
      const ended$ = work$.pipe(ignoreElements(), endWith(true))
      const ticks$ = interval(everyMs, scheduler).pipe(exhaustMap(tick), ignoreElements(), takeUntil(ended$))
      return merge(work$, ticks$)
    }),
  )
}
