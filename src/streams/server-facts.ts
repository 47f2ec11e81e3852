import { MongoServerError, Timestamp, type MongoClient } from 'mongodb'

export interface ServerFacts {
  /** Undefined where it does not say. */
  readonly version: string | undefined
  /** Undefined: a server that is no member of a set. */
  readonly set: string | undefined
  readonly members: number
  readonly isRouter: boolean
  /** How much its clock is behind ours (below 0: ahead), less what the way there takes. Milliseconds. */
  readonly behindMs: number
}

export async function serverFacts(client: MongoClient): Promise<ServerFacts> {
  const admin = client.db('admin')
  // The first question opens a connection.
  await admin.command({ ping: 1 })
  const asked = Date.now()
  const hello = await admin.command({ hello: 1 })
  const answered = Date.now()
  const info: Record<string, unknown> = await admin.command({ buildInfo: 1 }).catch(() => ({}))
  const { localTime } = hello as { localTime?: unknown }
  return {
    version: typeof info['version'] === 'string' ? info['version'] : undefined,
    set: typeof hello['setName'] === 'string' ? hello['setName'] : undefined,
    members: Array.isArray(hello['hosts']) ? hello['hosts'].length : 0,
    isRouter: hello['msg'] === 'isdbgrid',
    behindMs: localTime instanceof Date ? (asked + answered) / 2 - localTime.getTime() : 0,
  }
}

export interface OplogFacts {
  /** From the oldest entry to the newest. Seconds. */
  readonly windowSeconds: number
  /** Nothing was overwritten yet: it grows. Undefined where it is not known. */
  readonly isFilling: boolean | undefined
}

/** How far back the change stream can go; undefined when this user may not know. Reads no entry where the server says it without. */
export async function oplogFacts(client: MongoClient): Promise<OplogFacts | undefined> {
  const times = await unlessRefused(timesOf(client))
  if (!times) return undefined
  const stats = await unlessRefused(
    client
      .db('local')
      .collection('oplog.rs')
      .aggregate([{ $collStats: { storageStats: {} } }], { readConcern: { level: 'local' } })
      .next(),
  )
  const storage = stats?.['storageStats'] as { size?: number; maxSize?: number } | undefined
  const isFilling = storage?.size === undefined || storage.maxSize === undefined ? undefined : storage.size < 0.9 * storage.maxSize
  return { windowSeconds: times[1] - times[0], isFilling }
}

async function timesOf(client: MongoClient): Promise<readonly [first: number, last: number] | undefined> {
  const status = await client.db('admin').command({ serverStatus: 1, oplog: 1, metrics: 0, wiredTiger: 0, tcmalloc: 0 })
  const { earliestOptime, latestOptime } = (status['oplog'] ?? {}) as { earliestOptime?: unknown; latestOptime?: { ts?: unknown } }
  const first = earliestOptime instanceof Timestamp ? earliestOptime : (earliestOptime as { ts?: unknown } | undefined)?.ts
  const last = latestOptime instanceof Timestamp ? latestOptime : latestOptime?.ts
  if (!(first instanceof Timestamp) || !(last instanceof Timestamp)) return undefined
  return [first.getHighBitsUnsigned(), last.getHighBitsUnsigned()]
}

async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof MongoServerError && (error.code === 13 || error.code === 8000)) return undefined
    throw error
  }
}
