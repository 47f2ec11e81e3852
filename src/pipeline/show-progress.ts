import type { RecordWriter } from '../model/stores.ts'
import type { Attempt } from './attempt.ts'
import type { Clock } from './clock.ts'
import { every } from './every.ts'

export interface ShowProgressParts {
  readonly records: RecordWriter
  readonly clock: Clock
  readonly everyMs: number
}

/**
 * Writes the progress into the record, for readers that know no other way, until it is told to stop; an unchanged one is not written
 * again.
 */
export function showProgress({ records, clock, everyMs }: ShowProgressParts, attempt: Attempt): () => void {
  let last = 0
  return every(clock, everyMs, async () => {
    const { bytes, size } = attempt.progress
    const progress = size === 0 ? 0 : Math.round((bytes / size) * 1_000) / 1_000
    if (progress === last || attempt.stage !== 'running') return
    last = progress
    const { until } = attempt.permit.claim
    // Decoration: whoever misses one sees the next.
    await records.write({ address: attempt.transfer, result: { kind: 'progress', progress }, until }).catch(() => undefined)
  })
}
