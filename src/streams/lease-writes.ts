import type { Collection, Document, Filter, Timestamp } from 'mongodb'

import type { Claim, SavedSession } from '../model/claim.ts'
import { fromNow } from './from-now.ts'

/** A lease as it stands in our own database. */
export interface Lease {
  readonly _id: string
  readonly owner?: string
  readonly attempt?: string
  readonly until?: Date
  /** When it was inserted, by the server's clock. Read together with `lastsMs` while there is no `until`: see `END`. */
  readonly inserted?: Timestamp
  readonly lastsMs?: number
  readonly session?: SavedSession
  /** The session was stored with the lease, and was not saved again since: the attempt may not have used it. */
  readonly reserved?: true
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

export interface Release {
  readonly claim: Claim
  readonly finished: boolean
}

export interface Saving {
  readonly claim: Claim
  readonly session: SavedSession
}

/** Long ago: nobody holds it. */
const FREE = new Date(0)
/** An upload session is good for a week; what a finished one knows is of use to those who planned the same file meanwhile. */
export const KEEP_SESSION_MS = 8 * 24 * 3_600_000
const KEEP_FINISHED_MS = 3_600_000
/** A release that a failover takes back ends as leases do. */
const UNIMPORTANT = { writeConcern: { w: 1 } } as const

/** What an inserted lease may last longer, since the server inserts whole seconds. */
export const ROUNDED_MS = 1_000

/**
 * When a lease ends, as an expression. An insert can't compute a time by the server's clock, but the server puts its time, in whole seconds,
 * in the place of an empty timestamp. So a lease that was inserted says when, and how long it lasts; rounded up, it is never shorter than that.
 */
export const END = { $ifNull: ['$until', { $add: [{ $toDate: '$inserted' }, ROUNDED_MS, '$lastsMs'] }, FREE] }
export const IS_HELD = { $gt: [END, '$$NOW'] }

/** The lease of a claim, as long as it is ours. */
export const heldBy = (claim: Claim): Document => ({ _id: claim.transfer.targetKey, attempt: claim.attemptId, $expr: IS_HELD })

/** The leases of these claims, one statement for all: no two attempts have the same name. */
function ownOf(held: readonly Pick<Release, 'claim'>[]): Filter<Lease> {
  const keys = held.map(({ claim }) => claim.transfer.targetKey)
  return { _id: { $in: keys }, attempt: { $in: held.map(({ claim }) => claim.attemptId) } }
}

/** Saves what uploads want to find again; which of the leases are still ours. */
export async function saveAll(leases: Collection<Lease>, savings: readonly Saving[]): Promise<readonly boolean[]> {
  return await matched(savings, async (some) => {
    const updates = some.map(({ claim, session }) => ({
      updateOne: { filter: heldBy(claim), update: { $set: { session }, $unset: { reserved: 1 as const } } },
    }))
    return await leases.bulkWrite(updates, { ordered: false, ...UNIMPORTANT })
  })
}

/** Which of them fitted: the server tells only how many, so when it was not all of them, each is asked for alone. */
async function matched<T>(
  items: readonly T[],
  write: (some: readonly T[]) => Promise<{ readonly matchedCount: number }>,
): Promise<readonly boolean[]> {
  const { matchedCount } = await write(items)
  if (matchedCount === items.length || items.length === 1) return items.map(() => matchedCount > 0)
  return Promise.all(items.map(async (item) => (await write([item])).matchedCount > 0))
}

/** Where there is something to remember, the lease stays, and is nobody's; otherwise it leaves no trace. */
export async function releaseAll(leases: Collection<Lease>, all: readonly Release[]): Promise<void> {
  const bare = all.filter(({ claim }) => claim.session === undefined)
  const isBare = { $or: [{ session: { $exists: false } }, { reserved: true as const }] }
  const wiped = bare.length > 0 ? await leases.deleteMany({ ...ownOf(bare), ...isBare }, UNIMPORTANT) : undefined
  // One whose session was saved and not heard of is not bare at all.
  const rest = wiped && wiped.deletedCount < bare.length ? all : all.filter(({ claim }) => claim.session !== undefined)
  for (const [finished, some] of Map.groupBy(rest, (release) => release.finished)) {
    const expires = fromNow(finished ? KEEP_FINISHED_MS : KEEP_SESSION_MS)
    await leases.updateMany(
      ownOf(some),
      [{ $set: { until: FREE, expires } }, { $unset: ['owner', 'attempt', 'progress', 'inserted', 'lastsMs', 'reserved'] }],
      UNIMPORTANT,
    )
  }
}

/** An inserted lease has no `expires` before it is renewed: what a process left that was killed before that is given one. */
export async function letExpire(leases: Collection<Lease>): Promise<void> {
  await leases.updateMany(
    { expires: { $exists: false }, $expr: { $not: [IS_HELD] } },
    [{ $set: { expires: fromNow(KEEP_SESSION_MS) } }],
    UNIMPORTANT,
  )
}
