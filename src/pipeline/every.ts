import type { Clock } from './clock.ts'

/** Does something every so often, one at a time, until it is told to stop. `tick` never rejects. */
export function every(clock: Clock, ms: number, tick: () => Promise<void>): () => void {
  let isOver = false
  let cancel: (() => void) | undefined
  const next = (): void => {
    cancel = clock.after(ms, () => {
      void tick().finally(() => {
        if (!isOver) next()
      })
    })
  }
  next()
  return () => {
    isOver = true
    cancel?.()
  }
}
