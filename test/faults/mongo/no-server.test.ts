import { MongoClient } from 'mongodb'
import { expect, test } from 'vitest'

import { startReplicaSet } from '../../../replica-set-dev/start-replica-set.ts'
import { isPassing } from '../../../src/streams/outage.ts'

test('writes of every kind that find no server pass by themselves', async () => {
  await using set = await startReplicaSet({ members: 1 })
  await using client = new MongoClient(set.uri, { serverSelectionTimeoutMS: 200 })
  const things = client.db('a').collection('things')
  await things.insertOne({ _id: 'known' as never })
  await set.killPrimary()
  const works = [
    async () => await things.insertOne({}),
    async () => await things.insertMany([{}]),
    async () => await things.bulkWrite([{ updateOne: { filter: {}, update: { $set: { a: 1 } } } }]),
    async () => await things.deleteMany({}),
  ]
  // Connections are closed by the first of them.
  for (const work of [...works, ...works]) {
    const fault = await work().then(
      () => 'nothing',
      (error: unknown) => error,
    )
    expect({ fault, passes: isPassing(fault) }).toMatchObject({ fault: expect.any(Error), passes: true })
  }
})

test('a write in bulk that the server refuses does not', async () => {
  await using set = await startReplicaSet({ members: 1 })
  await using client = new MongoClient(set.uri)
  const things = client.db('a').collection<{ _id: number }>('things')
  const fault: unknown = await things.insertMany([{ _id: 1 }, { _id: 1 }]).catch((error: unknown) => error)
  expect(fault).toMatchObject({ name: 'MongoBulkWriteError', code: 11_000 })
  expect(isPassing(fault)).toBe(false)
})
