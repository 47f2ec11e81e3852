import type { MongoClient } from 'mongodb'

/** The majority may be so far behind the primary. Milliseconds. */
const LATE_MS = 30_000

/** Why work can't be taken there: no primary, or nothing that it writes comes to a majority. Rejects when nobody answers. */
export async function primaryFault(client: MongoClient, signal: AbortSignal): Promise<string | undefined> {
  const { isWritablePrimary, lastWrite } = await client.db('admin').command({ hello: 1 }, { readPreference: 'primary', signal } as object)
  if (isWritablePrimary !== true) return 'it has no primary'
  const { lastWriteDate, majorityWriteDate } = (lastWrite ?? {}) as { lastWriteDate?: unknown; majorityWriteDate?: unknown }
  if (!(lastWriteDate instanceof Date) || !(majorityWriteDate instanceof Date)) return undefined
  const lateMs = lastWriteDate.getTime() - majorityWriteDate.getTime()
  return lateMs > LATE_MS ? `its majority is ${Math.round(lateMs / 1_000)} s behind its primary` : undefined
}
