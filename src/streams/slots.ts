import type { Collection, Db, Document } from 'mongodb'

import type { SlotStore } from '../model/slots.ts'

interface SharedSlots {
  readonly _id: string
  readonly holders: readonly { readonly holder: string; readonly until: Date }[]
}

/** One document a site; every step is one atomic update by the server's clock. */
export function slotStore(state: Db, leaseSeconds: number): SlotStore {
  const slots: Collection<SharedSlots> = state.collection('slots')
  const until: Document = { $dateAdd: { startDate: '$$NOW', unit: 'second', amount: leaseSeconds } }
  const alive: Document = { $filter: { input: { $ifNull: ['$holders', []] }, cond: { $gt: ['$$this.until', '$$NOW'] } } }
  return {
    async acquire(site, limit, holder) {
      // Asked again because the answer was lost, it counts once.
      const others = { $filter: { input: alive, cond: { $ne: ['$$this.holder', { $literal: holder }] } } }
      const joined = { $concatArrays: [others, [{ holder: { $literal: holder }, until }]] }
      const after = await slots.findOneAndUpdate(
        { _id: site },
        [{ $set: { holders: { $cond: [{ $lt: [{ $size: others }, limit] }, joined, alive] } } }],
        { upsert: true, returnDocument: 'after' },
      )
      return after?.holders.some((slot) => slot.holder === holder) ?? false
    },
    async renew(site, holder) {
      const renewed = { $cond: [{ $eq: ['$$this.holder', { $literal: holder }] }, { $mergeObjects: ['$$this', { until }] }, '$$this'] }
      await slots.updateOne({ _id: site }, [{ $set: { holders: { $map: { input: { $ifNull: ['$holders', []] }, in: renewed } } } }])
    },
    async release(site, holder) {
      await slots.updateOne({ _id: site }, { $pull: { holders: { holder } } }, { writeConcern: { w: 1 } })
    },
  }
}
