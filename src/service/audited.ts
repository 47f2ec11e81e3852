import type { Db } from 'mongodb'

import { audit, type AuditEntry } from '../streams/audit.ts'

/** For whom something is done, and who is told of it. */
export interface AuditParts {
  readonly state: Db
  /** Who is responsible, for the log and the audit. */
  readonly who: string
  /** Says so in the log. */
  readonly tell: (entry: AuditEntry, message: string) => Promise<void> | void
  readonly signal: AbortSignal
}

/** Gives what the work gives; what was done is told and kept at the end of it, also when a fault ended it. `done` undefined: nothing. */
export async function* audited<T>(
  work: AsyncGenerator<T>,
  done: () => Omit<AuditEntry, 'who' | 'interrupted'> | undefined,
  { state, who, tell, signal }: AuditParts,
): AsyncGenerator<T> {
  let isWhole = false
  try {
    yield* work
    isWhole = !signal.aborted
  } finally {
    const said = done()
    if (said) {
      const entry = { who, ...said, ...(!isWhole && { interrupted: true as const }) }
      await tell(entry, `${entry.action}: ${entry.records} records of ${entry.representations} representations, by ${who}`)
      await audit(state, entry)
    }
  }
}
