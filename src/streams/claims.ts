import { MongoBulkWriteError, Timestamp } from 'mongodb'
import type { Collection, Db, Document } from 'mongodb'

import type { ClaimResult, SavedSession } from '../model/claim.ts'
import type { ClaimStore } from '../model/stores.ts'
import type { Transfer } from '../model/transfer.ts'
import { Batcher } from './batcher.ts'
import { fromNow } from './from-now.ts'
import { END, heldBy, IS_HELD, KEEP_SESSION_MS, releaseAll, ROUNDED_MS, saveAll } from './lease-writes.ts'
import type { Lease, Release, Saving } from './lease-writes.ts'
import { isPassing } from './outage.ts'

/** What a claim looks at. */
interface SeenLease extends Pick<Lease, 'attempt' | 'session' | 'reserved'> {
  readonly until: Date
  readonly now: Date
}
const SEEN = { attempt: 1, until: END, session: 1, reserved: 1, now: '$$NOW' } as const

interface ClaimRequest {
  readonly transfer: Transfer
  readonly attemptId: string
  readonly reserve?: SavedSession | undefined
}

/** The server puts its time in its place. */
const EMPTY_TIMESTAMP = new Timestamp({ t: 0, i: 0 })
/** Claims, or releases, that share a round trip at most. */
const MAX_BATCH = 100
/** How long a lease that nobody waits for is given back with others, in milliseconds. */
const LINGER_MS = 50
/** How long one that is taken while more work waits is asked for with others, in milliseconds. */
const CLAIM_LINGER_MS = 5
/** The same of one that is taken while the thread is busy, at most: the copy goes on meanwhile, and is slower still than this. */
const BUSY_LINGER_MS = 10
/** How much of a lease we leave to doubt: a holder that hears nothing gives up this much earlier than others may take over. */
const DOUBT = 0.2

/**
 * Leases on places, judged by the server's clock alone: instances may be as wrong about the time as they like. A claim is one
 * atomic update that takes the lease only if it is over; every later step names the attempt that took it.
 */
export function claimStore(state: Db, owner: string, leaseSeconds: number): ClaimStore {
  const leases: Collection<Lease> = state.collection('leases')
  const leaseMs = leaseSeconds * 1_000

  const taken = ({ transfer, attemptId, reserve }: ClaimRequest): Document[] => {
    const isNew = { $eq: [{ $type: '$session' }, 'missing'] }
    // Nothing else of the last attempt is left: neither its progress nor that it had something reserved, which it may have used.
    const lease = {
      _id: '$_id',
      owner,
      attempt: attemptId,
      until: fromNow(leaseMs),
      expires: fromNow(KEEP_SESSION_MS),
      transfer: { $literal: subject(transfer) },
      session: reserve ? { $cond: [isNew, { $literal: reserve }, '$session'] } : '$session',
      ...(reserve && { reserved: { $cond: [isNew, true, '$$REMOVE'] } }),
    }
    return [{ $replaceWith: { $cond: [IS_HELD, '$$ROOT', lease] } }]
  }

  const resultOf = ({ transfer, attemptId }: ClaimRequest, lease: SeenLease | null | undefined, asked: number): ClaimResult => {
    const left = Math.max(0, (lease?.until.getTime() ?? 0) - (lease?.now.getTime() ?? 0))
    if (lease?.attempt !== attemptId) return { kind: 'busy', freeInMs: left }
    // Counted from before it was asked: a repeated question may meet the lease that the first one took.
    const localDeadline = asked + left - leaseMs * DOUBT
    const { until, session, reserved } = lease
    const stored = reserved === true ? { session: undefined, reserved: session } : { session }
    return { kind: 'claimed', claim: { transfer, attemptId, until, localDeadline, ...stored } }
  }

  const claimOne = async (request: ClaimRequest): Promise<ClaimResult> => {
    const asked = performance.now()
    const lease = await leases.findOneAndUpdate({ _id: request.transfer.targetKey }, taken(request), {
      upsert: true,
      returnDocument: 'after',
      projection: SEEN,
    })
    // A command that the driver had to repeat is answered from the log of what it did, without what was to be computed.
    const isWhole = lease === null || (lease as Partial<SeenLease>).now !== undefined
    const seen = isWhole ? lease : await leases.findOne({ _id: request.transfer.targetKey }, { projection: SEEN })
    return resultOf(request, seen as SeenLease | null, asked)
  }

  /**
   * Most places have no lease, and an insert costs the server half of an upsert. Gives back those that have one, and whatever can't be inserted.
   * Where the times that the server inserts are ahead of its clock, such leases would last too long.
   */
  let isInsertedOnTime = true
  const insertNew = async (requests: readonly ClaimRequest[]): Promise<readonly ClaimRequest[]> => {
    if (!isInsertedOnTime) return requests
    const common = { owner, inserted: EMPTY_TIMESTAMP, lastsMs: leaseMs }
    const documents = requests.map(({ transfer, attemptId, reserve }) => {
      const stored = reserve && { session: reserve, reserved: true as const }
      return { _id: transfer.targetKey, attempt: attemptId, transfer: subject(transfer), ...stored, ...common }
    })
    const fault = await leases.insertMany(documents, { ordered: false }).then(() => undefined, partly)
    if (!fault) return []
    const refused = new Set([fault.writeErrors].flat().map(({ index }) => index))
    // A fault of the command as a whole names none of them.
    return refused.size === 0 ? requests : requests.filter((_, n) => refused.has(n))
  }

  const takeFree = async (requests: readonly ClaimRequest[]): Promise<Error | undefined> => {
    if (requests.length === 0) return undefined
    const updates = requests.map((request) => ({
      updateOne: { filter: { _id: request.transfer.targetKey }, update: taken(request), upsert: true },
    }))
    return await leases.bulkWrite(updates, { ordered: false }).then(() => undefined, partly)
  }

  /** Two or three round trips, however many: the leases that are free are taken, and then all are looked at. */
  const claimAll = async (requests: readonly ClaimRequest[]): Promise<readonly ClaimResult[]> => {
    const asked = performance.now()
    const fault = await takeFree(await insertNew(requests))
    const ids = requests.map(({ transfer }) => transfer.targetKey)
    const seen = await leases.find({ _id: { $in: ids } }, { projection: SEEN, readConcern: 'local' }).toArray()
    const byKey = new Map(seen.map((lease) => [lease._id, lease as unknown as SeenLease]))
    return requests.map((request) => {
      const lease = byKey.get(request.transfer.targetKey)
      if (!lease && fault) throw fault
      if (lease?.attempt === request.attemptId) isInsertedOnTime &&= lease.until.getTime() - lease.now.getTime() <= leaseMs + ROUNDED_MS
      return resultOf(request, lease, asked)
    })
  }

  const claims = new Batcher<ClaimRequest, ClaimResult>({
    maxBatch: MAX_BATCH,
    concurrency: 2,
    lingerMs: CLAIM_LINGER_MS,
    busyLingerMs: BUSY_LINGER_MS,
    run: async (requests) => {
      if (requests.length > 1) {
        try {
          return await claimAll(requests)
        } catch (error) {
          // Something about one of them: it must not take the others with it.
          if (isPassing(error)) throw error
        }
      }
      return Promise.all(requests.map(claimOne))
    },
  })

  const savings = new Batcher<Saving, boolean>({
    maxBatch: MAX_BATCH,
    concurrency: 2,
    run: async (some) => saveAll(leases, some),
  })

  const releases = new Batcher<Release, undefined>({
    maxBatch: MAX_BATCH,
    concurrency: 1,
    lingerMs: LINGER_MS,
    run: async (given) => {
      await releaseAll(leases, given)
      return given.map(() => undefined)
    },
  })

  return {
    async claim(transfer, attemptId, { lingers = false, reserve } = {}): Promise<ClaimResult> {
      return claims.add({ transfer, attemptId, reserve }, { lingers })
    },

    async renew(claim, progress) {
      const asked = performance.now()
      const lease = await leases.findOneAndUpdate(
        heldBy(claim),
        [{ $set: { until: fromNow(leaseMs), expires: fromNow(KEEP_SESSION_MS), progress: { $literal: progress } } }],
        {
          returnDocument: 'after',
          projection: { until: 1 },
        },
      )
      return lease?.until && { ...claim, until: lease.until, localDeadline: asked + leaseMs * (1 - DOUBT) }
    },

    async saveSession(claim, session) {
      if (!(await savings.add({ claim, session }))) throw new Error('the lease is not ours any more')
    },

    async release(claim, { finished }) {
      // One that is not finished is wanted by others.
      await releases.add({ claim, finished }, { lingers: finished })
    },
  }
}

/** Some of a batch were refused: which, is seen afterwards. */
function partly(error: unknown): MongoBulkWriteError {
  if (error instanceof MongoBulkWriteError && !isPassing(error)) return error
  throw error
}

function subject(transfer: Transfer): NonNullable<Lease['transfer']> {
  const { project, representationId, fileId, site, path } = transfer
  return { project, representation: representationId, file: fileId, site, path }
}
