import type { Observable, SchedulerLike } from 'rxjs'

import type { Held } from './contracts.ts'
import { whileWorking } from './while-working.ts'
import type { WriteBackParts } from './write-back.ts'

export interface ShowProgressParts {
  readonly records: WriteBackParts['records']
  readonly everyMs: number
  readonly scheduler?: SchedulerLike
}

/** Writes the progress into the record, for readers that know no other way; an unchanged one is not written again. */
export function showProgress<T>({ records, everyMs, scheduler }: ShowProgressParts, held: Held, work: Observable<T>): Observable<T> {
  let last = 0
  const write = async (): Promise<void> => {
    const { bytes, size } = held.progress
    const progress = size === 0 ? 0 : Math.round((bytes / size) * 1_000) / 1_000
    if (progress === last) return
    last = progress
    // Decoration: whoever misses one sees the next.
    await records.write({ address: held.transfer, result: { kind: 'progress', progress }, until: held.claim.until }).catch(() => undefined)
  }
  return whileWorking(work, everyMs, write, scheduler)
}
