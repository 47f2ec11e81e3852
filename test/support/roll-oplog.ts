import { randomBytes } from 'node:crypto'

import type { MongoClient, Timestamp } from 'mongodb'

import { waitFor } from './wait-for.ts'

/** Writes elsewhere until nothing of now is left in the oplog. The server needs a tiny oplog and checkpoints every second. */
export async function rollOplog(client: MongoClient): Promise<void> {
  const oplog = client.db('local').collection<{ ts: Timestamp }>('oplog.rs')
  const [last] = await oplog.find().sort({ $natural: -1 }).limit(1).toArray()
  if (!last) throw new Error('no oplog: this server is no member of a replica set')
  const filler = client.db('filler').collection('filler')
  await waitFor(
    'the oplog to be overwritten',
    async () => {
      await filler.insertMany(Array.from({ length: 40 }, () => ({ noise: randomBytes(250_000) })))
      await filler.drop()
      const [first] = await oplog.find().sort({ $natural: 1 }).limit(1).toArray()
      return first !== undefined && first.ts.greaterThan(last.ts)
    },
    { withinMs: 60_000 },
  )
}
