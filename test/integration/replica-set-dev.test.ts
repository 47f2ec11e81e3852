import { access } from 'node:fs/promises'

import { MongoClient } from 'mongodb'
import { expect, test } from 'vitest'

import { isRunning } from '../../replica-set-dev/process-identity.ts'
import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'
import { testDatabase } from '../support/mongo.ts'

test('one member: writes are accepted and a change stream delivers them; stop leaves nothing', async () => {
  const set = await startReplicaSet()
  const member = { pid: set.members[0]?.pid as number, dbPath: set.members[0]?.dbPath as string }
  const client = await new MongoClient(set.uri).connect()
  try {
    const films = client.db('production').collection('film')
    const stream = films.watch()
    // The first tryNext opens the cursor on the server; only then is the insert sure to be seen.
    expect(await stream.tryNext()).toBeNull()
    await films.insertOne({ name: 'shot' }, { writeConcern: { w: 'majority' } })
    expect(await stream.next()).toMatchObject({ operationType: 'insert', fullDocument: { name: 'shot' } })
    await stream.close()
  } finally {
    await client.close()
    await set.stop()
  }
  expect(await isRunning(member)).toBe(false)
  await expect(access(set.dir)).rejects.toThrow('ENOENT')
})

test('the shared set: every test has databases of its own, and fail points work', async () => {
  await using one = await testDatabase({ appName: 'one' })
  await using two = await testDatabase({ appName: 'two', retryWrites: false })
  expect(one.db.databaseName).not.toBe(two.db.databaseName)
  const admin = one.client.db('admin')
  const data = { failCommands: ['insert'], errorCode: 91, appName: 'two' }
  await admin.command({ configureFailPoint: 'failCommand', mode: { times: 1 }, data })
  await one.db.collection('film').insertOne({ n: 1 })
  await expect(two.db.collection('film').insertOne({ n: 1 })).rejects.toMatchObject({ code: 91 })
  await two.db.collection('film').insertOne({ n: 2 })
  expect(await two.db.collection('film').countDocuments()).toBe(1)
})
