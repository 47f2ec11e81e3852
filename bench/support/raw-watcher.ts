// What the driver alone does: a change stream, and (when asked to) a write for each insert. Notes when, and tells on request.
import { ChangeStream, MongoClient, type ObjectId } from 'mongodb'

import { now } from './clock.ts'
import type { Seen } from './raw-watch.ts'
import { serve } from './served.ts'

interface Watched {
  readonly uri: string
  readonly database: string
  readonly collection: string
  readonly mark: boolean
}

interface Published {
  readonly _id: ObjectId
}

const seen: Seen[] = []
let marks = 0
let wanted: { readonly count: number; readonly resolve: () => void } | undefined

function noted(): void {
  if (wanted && seen.length >= wanted.count && marks >= wanted.count) wanted.resolve()
}

serve({
  watch: async ({ uri, database, collection, mark }: Watched) => {
    const client = await new MongoClient(uri, { writeConcern: { w: 'majority' } }).connect()
    const documents = client.db(database).collection<Published>(collection)
    const stream = documents.watch<Published>([{ $match: { operationType: 'insert' } }])
    const opened = new Promise((resolve) => stream.once(ChangeStream.RESUME_TOKEN_CHANGED, resolve))
    stream.on('change', (change) => {
      if (change.operationType !== 'insert') return
      const event: Seen = { id: change.documentKey._id.toHexString(), at: now() }
      seen.push(event)
      if (mark) void markSynced(event, change.documentKey._id)
      else marks++
      noted()
    })
    async function markSynced(event: Seen, _id: ObjectId): Promise<void> {
      const record = 'files.0.sites.1'
      await documents.updateOne({ _id }, { $set: { [`${record}.id`]: 'x' }, $currentDate: { [`${record}.created_dt`]: true } })
      event.markedAt = now()
      marks++
      noted()
    }
    await opened
  },
  /** Everything, as soon as so many inserts were seen, and answered. */
  seen: async (count: number) => {
    const all = Promise.withResolvers<void>()
    wanted = { count, resolve: all.resolve }
    noted()
    await all.promise
    return seen
  },
})
