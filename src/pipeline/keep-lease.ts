import type { Observable, SchedulerLike } from 'rxjs'

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

/** Renews the lease while `work` goes on. A lease that is lost, or can't be renewed in time, ends the transfer. */
export function keepLease<T>({ claims, clock, everyMs, scheduler }: KeepLeaseParts, held: Held, work: Observable<T>): Observable<T> {
  const renew = async (): Promise<void> => {
    try {
      const renewed = await claims.renew(held.claim, held.progress)
      if (renewed) held.claim = { ...renewed, session: held.claim.session }
      else lose(held, 'its lease is not ours any more')
    } catch {
      if (clock.now() >= held.claim.localDeadline) lose(held, 'its lease could not be renewed')
    }
  }
  return whileWorking(work, everyMs, renew, scheduler)
}

function lose({ running }: Held, reason: string): void {
  running.abort.abort({ kind: 'released', reason } satisfies Outcome)
}
