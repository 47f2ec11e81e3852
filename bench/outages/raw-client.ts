// What the driver alone does through an outage, with its own settings: a change stream that is opened again where it ended, and writes.
// Notes when, and tells on request.
import { MongoClient, type ResumeToken } from 'mongodb'

import { now } from '../support/clock.ts'
import { serve } from '../support/served.ts'

export interface RawTarget {
  readonly uri: string
  readonly database: string
  readonly collection: string
}

/** When each insert was told of, by its id. */
const seenAt = new Map<string, number>()
const opened = Promise.withResolvers<void>()
let write: (() => Promise<unknown>) | undefined

/** A stream that the driver could not resume by itself is opened again. */
async function watchForever(client: MongoClient, { database, collection }: RawTarget): Promise<never> {
  const documents = client.db(database).collection(collection)
  let token: ResumeToken
  for (;;) {
    const stream = documents.watch([{ $match: { operationType: 'insert' } }], { ...(token !== undefined && { startAfter: token }) })
    stream.once('resumeTokenChanged', () => opened.resolve())
    try {
      for (;;) {
        const change = await stream.next()
        token = stream.resumeToken
        if (change.operationType === 'insert') seenAt.set(change.documentKey._id.toHexString(), now())
      }
    } catch {
      void stream.close().catch(() => undefined)
    }
  }
}

serve({
  start: async (target: RawTarget) => {
    const client = await new MongoClient(target.uri, { writeConcern: { w: 'majority' } }).connect()
    // Connections of its own, as its writes are not to wait for the stream.
    const writer = await new MongoClient(target.uri, { writeConcern: { w: 'majority' } }).connect()
    const touched = writer.db(target.database).collection<{ _id: string }>('touched')
    write = async () => await touched.updateOne({ _id: 'one' }, { $inc: { n: 1 } }, { upsert: true })
    await write()
    void watchForever(client, target)
    await opened.promise
  },
  /** Resolves when a write that was begun after the question was acknowledged by the majority, with when that was. */
  write: async () => {
    for (;;) {
      const isDone = await write?.().then(
        () => true,
        () => false,
      )
      if (isDone === true) return now()
    }
  },
  seen: (id: string) => seenAt.get(id),
})
