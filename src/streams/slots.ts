import type { Collection, Db, Document } from 'mongodb'

import type { SlotStore } from '../model/stores.ts'
import { fromNow } from './from-now.ts'

interface SharedSlots {
  readonly _id: string
  readonly holders: readonly { readonly holder: string; readonly until: Date }[]
  /** Who asked in vain, and will ask again. */
  readonly waiting?: readonly { readonly holder: string; readonly since: Date; readonly until: Date }[]
}

/** Who has waited for so long is served before others; until then a slot goes to whoever is there, and is never idle. */
const PATIENCE_MS = 1_000
/** Who has not asked for so long does not wait any more. */
const SILENT_MS = 2_000

/** One document a site; every step is one atomic update by the server's clock. */
export function slotStore(state: Db, leaseSeconds: number): SlotStore {
  const slots: Collection<SharedSlots> = state.collection('slots')
  const until = fromNow(leaseSeconds * 1_000)
  return {
    async acquire(site, limit, holder) {
      const after = await slots.findOneAndUpdate({ _id: site }, ask(limit, { $literal: holder }, until), {
        upsert: true,
        returnDocument: 'after',
      })
      return after?.holders.some((slot) => slot.holder === holder) ?? false
    },
    async renew(site, holder) {
      const renewed = { $cond: [{ $eq: ['$$this.holder', { $literal: holder }] }, { $mergeObjects: ['$$this', { until }] }, '$$this'] }
      await slots.updateOne({ _id: site }, [{ $set: { holders: { $map: { input: { $ifNull: ['$holders', []] }, in: renewed } } } }])
    },
    async release(site, holder) {
      await slots.updateOne({ _id: site }, { $pull: { holders: { holder }, waiting: { holder } } }, { writeConcern: { w: 1 } })
    },
  }
}

const living = (field: string): Document => ({ $filter: { input: { $ifNull: [field, []] }, cond: { $gt: ['$$this.until', '$$NOW'] } } })
const but = (input: Document | string, holder: Document): Document => ({ $filter: { input, cond: { $ne: ['$$this.holder', holder] } } })

/** One attempt to have a slot. Asked again because the answer was lost, it counts once. */
function ask(limit: number, holder: Document, until: Document): Document[] {
  const mine = { $filter: { input: '$waiting', cond: { $eq: ['$$this.holder', holder] } } }
  const longAgo = { $dateSubtract: { startDate: '$$NOW', unit: 'millisecond', amount: PATIENCE_MS } }
  const ahead = { $filter: { input: but('$waiting', holder), cond: { $lt: ['$$this.since', { $min: ['$since', longAgo] }] } } }
  const isFree = { $lt: [{ $add: [{ $size: '$holders' }, { $size: ahead }] }, limit] }
  const waits = { holder, since: '$since', until: fromNow(SILENT_MS) }
  return [
    { $set: { holders: but(living('$holders'), holder), waiting: living('$waiting') } },
    { $set: { since: { $ifNull: [{ $first: { $map: { input: mine, in: '$$this.since' } } }, '$$NOW'] } } },
    { $set: { isFree } },
    {
      $set: {
        holders: { $cond: ['$isFree', { $concatArrays: ['$holders', [{ holder, until }]] }, '$holders'] },
        waiting: { $concatArrays: [but('$waiting', holder), { $cond: ['$isFree', [], [waits]] }] },
      },
    },
    { $unset: ['since', 'isFree'] },
  ]
}
