import { UsageError } from '../errors.ts'
import { durationMs } from './duration.ts'

/** What somebody said of the end of a pause. */
export interface PauseEnd {
  /** For so long, such as `2h`. */
  readonly for?: string
  readonly until?: string
}

/** A day, or a time of it; without an offset it is local time. */
const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/

/** When the pause ends by itself. */
export function endOf({ for: lasting, until }: PauseEnd, now: Date): Date | undefined {
  if (lasting !== undefined && until !== undefined) throw new UsageError('say either "--for" or "--until"')
  if (lasting !== undefined) {
    const end = new Date(now.getTime() + durationMs(lasting))
    if (Number.isNaN(end.getTime()) || end <= now) {
      throw new UsageError(`--for is ${JSON.stringify(lasting)}: a number with s, m, h, d or w, such as "2h"`)
    }
    return end
  }
  if (until === undefined) return undefined
  // A day alone begins at midnight here, not in Greenwich.
  const end = new Date(until.length === 10 ? `${until}T00:00` : until)
  if (!ISO.test(until) || Number.isNaN(end.getTime())) {
    throw new UsageError(`--until is ${JSON.stringify(until)}: a time such as "2026-05-04T18:00" (here) or "2026-05-04T18:00Z"`)
  }
  if (end <= now) throw new UsageError(`--until is ${JSON.stringify(until)}, which is over: it is ${now.toISOString()} now`)
  return end
}
