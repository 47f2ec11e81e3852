import { from, Observable, Subscription, type ObservableInput, type OperatorFunction } from 'rxjs'

export interface Coalesced<Hint, Result> {
  readonly keyOf: (hint: Hint) => string
  /** Two hints of one key become one. */
  readonly merge: (former: Hint, latter: Hint) => Hint
  /** What is left of a hint that waits behind `FEW` others; all of it when left out. */
  readonly lighten?: (hint: Hint) => Hint
  /** Never errors. */
  readonly run: (batch: readonly Hint[]) => ObservableInput<Result>
  /** Hints in one batch at most. */
  readonly batch: number
  /** Hints that may wait at most. */
  readonly most: number
  /** More came than may wait: the latest were forgotten, and must be found by another way. Told once a batch. */
  readonly overflowed: () => void
}

/** Hints that may wait whole: a batch of them is looked at before they are old, and they hold little. */
const FEW = 8

/**
 * Puts hints together while the former batch is worked on: the first goes at once, a flood becomes few batches, and a document that
 * changes a hundred times meanwhile is looked at once. Completes when the source has and nothing waits.
 */
export function coalesce<Hint, Result>({
  keyOf,
  merge,
  lighten = (hint) => hint,
  run,
  batch,
  most,
  overflowed,
}: Coalesced<Hint, Result>): OperatorFunction<Hint, Result> {
  return (source) =>
    new Observable((subscriber) => {
      const waiting = new Map<string, Hint>()
      const running = new Subscription()
      let busy = false
      let complete = false
      let forgot = false

      const next = (): void => {
        if (busy) return
        if (forgot) overflowed()
        forgot = false
        const keys = [...waiting.keys().take(batch)]
        if (keys.length === 0) {
          if (complete) subscriber.complete()
          return
        }
        const hints = keys.map((key) => waiting.get(key) as Hint)
        for (const key of keys) waiting.delete(key)
        busy = true
        const one = from(run(hints)).subscribe({
          next: (result) => subscriber.next(result),
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            busy = false
            next()
          },
        })
        running.add(one)
      }

      const subscription = source.subscribe({
        next: (hint) => {
          const key = keyOf(hint)
          const former = waiting.get(key)
          if (former === undefined && waiting.size >= most) {
            forgot = true
            return
          }
          const kept = waiting.size < FEW ? hint : lighten(hint)
          waiting.set(key, former === undefined ? kept : merge(former, kept))
          next()
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => {
          complete = true
          next()
        },
      })
      return () => {
        subscription.unsubscribe()
        running.unsubscribe()
      }
    })
}
