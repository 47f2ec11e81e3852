import type { Collection, Db, Document } from 'mongodb'

import type { Claim, ClaimResult, ClaimStore, SavedSession } from '../model/claim.ts'
import type { Transfer } from '../model/transfer.ts'

/** A lease as it stands in our own database. */
interface Lease {
  readonly _id: string
  readonly owner?: string
  readonly attempt?: string
  readonly until?: Date
  readonly session?: SavedSession
  readonly transfer?: {
    readonly project: string
    readonly representation: unknown
    readonly file: unknown
    readonly site: string
    readonly path: string
  }
  readonly progress?: { readonly bytes: number; readonly size: number }
  /** When the garbage collector may have it. */
  readonly expires?: Date
}

const FREE = new Date(0)
/** An upload session is good for a week; what a finished one knows is of use to those who planned the same file meanwhile. */
const KEEP_SESSION_MS = 8 * 24 * 3_600_000
const KEEP_FINISHED_MS = 3_600_000
/** A release that a failover takes back ends as leases do. */
const UNIMPORTANT = { writeConcern: { w: 1 } } as const
/** How much of a lease we leave to doubt: a holder that hears nothing gives up this much earlier than others may take over. */
const DOUBT = 0.2

const fromNow = (ms: number): Document => ({ $dateAdd: { startDate: '$$NOW', unit: 'millisecond', amount: ms } })

/** The lease of a claim, as long as it is ours. */
const heldBy = (claim: Claim): Document => ({
  _id: claim.transfer.targetKey,
  attempt: claim.attemptId,
  $expr: { $gt: ['$until', '$$NOW'] },
})

/**
 * Leases on places, judged by the server's clock alone: instances may be as wrong about the time as they like. A claim is one
 * atomic update that takes the lease only if it is over; every later step names the attempt that took it.
 */
export function claimStore(state: Db, owner: string, leaseSeconds: number): ClaimStore {
  const leases: Collection<Lease> = state.collection('leases')
  const leaseMs = leaseSeconds * 1_000

  return {
    async claim(transfer, attemptId): Promise<ClaimResult> {
      const asked = performance.now()
      const taken = {
        owner,
        attempt: attemptId,
        until: fromNow(leaseMs),
        expires: fromNow(KEEP_SESSION_MS),
        transfer: subject(transfer),
        progress: '$$REMOVE',
      }
      const isFree = { $lte: [{ $ifNull: ['$until', FREE] }, '$$NOW'] }
      const lease = await leases.findOneAndUpdate(
        { _id: transfer.targetKey },
        [{ $replaceWith: { $cond: [isFree, { $mergeObjects: ['$$ROOT', taken] }, '$$ROOT'] } }],
        { upsert: true, returnDocument: 'after', projection: { attempt: 1, until: 1, session: 1, now: '$$NOW' } },
      )
      if (lease?.attempt === attemptId && lease.until) {
        const claim = { transfer, attemptId, until: lease.until, localDeadline: asked + leaseMs * (1 - DOUBT), session: lease.session }
        return { kind: 'claimed', claim }
      }
      const now = (lease as { now?: Date } | null)?.now?.getTime() ?? 0
      return { kind: 'busy', freeInMs: Math.max(0, (lease?.until?.getTime() ?? 0) - now) }
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
      const { matchedCount } = await leases.updateOne(heldBy(claim), { $set: { session } })
      if (matchedCount === 0) throw new Error('the lease is not ours any more')
    },

    async release(claim, { finished }) {
      const own = { _id: claim.transfer.targetKey, attempt: claim.attemptId }
      // Nothing to remember: no trace.
      const { deletedCount } = await leases.deleteOne({ ...own, session: { $exists: false } }, UNIMPORTANT)
      if (deletedCount > 0) return
      const expires = fromNow(finished ? KEEP_FINISHED_MS : KEEP_SESSION_MS)
      await leases.updateOne(own, [{ $set: { until: FREE, expires } }, { $unset: ['owner', 'attempt', 'progress'] }], UNIMPORTANT)
    },
  }
}

function subject(transfer: Transfer): Document {
  const { project, representationId, fileId, site, path } = transfer
  return { $literal: { project, representation: representationId, file: fileId, site, path } }
}

/** Lets the server collect what nobody needs. Expiry of leases never depends on it. */
export async function prepareClaims(state: Db): Promise<void> {
  await state.collection('leases').createIndex({ expires: 1 }, { expireAfterSeconds: 0 })
}
