import { defer, finalize, type Observable, type SchedulerLike } from 'rxjs'

import type { ClaimStore } from '../model/claim.ts'
import type { Outcome } from '../model/outcome.ts'
import type { Clock } from './clock.ts'
import type { Held } from './contracts.ts'
import { whileWorking } from './while-working.ts'

export interface KeepLeaseParts {
  readonly claims: ClaimStore
  readonly clock: Clock
  readonly everyMs: number
  readonly scheduler?: SchedulerLike
}

/**
 * Renews the lease while `work` goes on. A lease that is lost ends the transfer at once, and so does one that was not renewed in time:
 * it does not matter whether its renewal failed, is still under way, or was not even asked for because this process stood still.
 */
export function keepLease<T>({ claims, clock, everyMs, scheduler }: KeepLeaseParts, held: Held, work: Observable<T>): Observable<T> {
  return defer(() => {
    let isOver = false
    let disarm = arm(clock, held)
    const renew = async (): Promise<void> => {
      try {
        const renewed = await claims.renew(held.claim, held.progress)
        if (!renewed) return lose(held, 'its lease is not ours any more')
        // What is remembered with it may have changed meanwhile.
        held.claim = { ...held.claim, until: renewed.until, localDeadline: renewed.localDeadline }
        disarm()
        if (!isOver) disarm = arm(clock, held)
      } catch {
        // Asked again, until its time is over.
      }
    }
    return whileWorking(work, everyMs, renew, scheduler).pipe(
      finalize(() => {
        isOver = true
        disarm()
      }),
    )
  })
}

/** Loses the lease when its time by our own clock is over, unless disarmed. */
function arm(clock: Clock, held: Held): () => void {
  return clock.after(Math.max(0, held.claim.localDeadline - clock.now()), () => lose(held, 'its lease could not be renewed'))
}

function lose({ running }: Held, reason: string): void {
  running.abort.abort({ kind: 'released', reason } satisfies Outcome)
}
