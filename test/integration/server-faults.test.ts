import { isDeepStrictEqual } from 'node:util'

import { MongoClient, type Document } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'

import type { Claim } from '../../src/model/claim.ts'
import { claimStore } from '../../src/streams/claims.ts'
import { connect } from '../../src/streams/connect.ts'
import { Outage } from '../../src/streams/outage.ts'
import { outageProofClaims } from '../../src/streams/outage-proof.ts'
import type { ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'
import { transferOf } from '../support/model-samples.ts'
import type { Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

// Fail points hold for every service on a server: these tests have one of their own.
let set: ReplicaSet
let client: MongoClient
beforeAll(async () => {
  set = await startReplicaSet({ enableTestCommands: true })
  client = await new MongoClient(set.uri).connect()
})
afterAll(async () => {
  await client.close()
  await set.stop()
})

async function fail(data: Document, times: number): Promise<void> {
  await client.db('admin').command({ configureFailPoint: 'failCommand', mode: { times }, data: { appName: 'site-sync', ...data } })
}

test.each([
  ['no longer primary', { errorCode: 10107, errorLabels: ['RetryableWriteError'] }],
  ['shutting down', { errorCode: 91 }],
  ['interrupted by a new primary', { errorCode: 11602 }],
  ['the connection breaks', { closeConnection: true }],
  ['a fault that nobody knows', { errorCode: 8 }],
])(
  'commands of every kind fail for a while: %s; nothing is missing, nothing is sent twice, no try is spent',
  async (_what, fault) => {
    const stage = await Stage.open({ uri: set.uri, settings: { loopDelaySeconds: 0.5 } })
    const project = `p${Math.random().toString(36).slice(2)}`
    const running = await stage.start()
    await stage.settle(running, project)
    const before = stage.spy().bytesWritten
    const documents: Representation[] = []
    for (const command of ['find', 'findAndModify', 'aggregate', 'getMore', 'update', 'delete', 'listCollections', 'hello']) {
      await fail({ failCommands: [command], ...fault }, 3)
      for (let n = 0; n < 3; n++) documents.push(await stage.publish(`${project}/${command}/${n}`))
    }
    for (const document of documents) await stage.synced(document, { withinMs: 25_000 })
    await client.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' })
    expect(running.lines.of('transfer.failed').map(({ error }) => error)).toEqual([])
    // An attempt that could not note its session is given back before its first byte.
    const bytes = documents.reduce((sum, { files: [file] }) => sum + String(file?.path).replace('{root[work]}/', '').length, 0)
    expect(stage.spy().bytesWritten - before).toBe(bytes)
    await running.stop()
    expect(running.lines.of('service.failed')).toEqual([])
  },
  60_000,
)

test('a lease that can not be given back at once is given back, and nobody meets a lease of our own', async () => {
  await using connections = connect(set.uri)
  await connections.open()
  const state = connections.work.db('giving_back')
  const told: string[] = []
  const outage = new Outage({ lost: () => told.push('lost'), recovered: () => told.push('recovered') })
  const claims = outageProofClaims(claimStore(state, 'us', 600), outage)
  const transfer = transferOf()
  const claim = async (attempt: string): Promise<Claim> => {
    const result = await claims.claim(transfer, attempt)
    if (result.kind !== 'claimed') throw new Error(`busy for ${result.freeInMs} ms`)
    return result.claim
  }
  const first = await claim('first')
  await fail({ failCommands: ['delete'], errorCode: 91 }, 2)
  const released = claims.release(first, { finished: true })
  const second = await claim('second')
  await released
  expect(told).toEqual(['lost', 'recovered'])
  void claims.release(second, { finished: true })
  await claims.settled()
  expect(await state.collection('leases').countDocuments({}, { readConcern: 'local' })).toBe(0)
})

test('a user without the right to a change stream: scans alone, with one warning', async () => {
  const stage = await Stage.open({ uri: set.uri, settings: { loopDelaySeconds: 0.2 } })
  await fail({ failCommands: ['aggregate'], errorCode: 13 }, 1)
  const running = await stage.start()
  await stage.synced(await stage.publish('unauthorised'))
  expect(running.lines.count('stream.unavailable')).toBe(1)
  await client.db('admin').command({ configureFailPoint: 'failCommand', mode: 'off' })
  await running.stop()
})

/** How long each monitor of a service's clients lets a member wait before it answers that nothing has changed. Milliseconds, in order. */
async function monitors(): Promise<readonly number[]> {
  const asked = { appName: 'site-sync', 'command.hello': { $exists: true }, 'command.maxAwaitTimeMS': { $exists: true } }
  const found = await client
    .db('admin')
    .aggregate([{ $currentOp: { allUsers: true } }, { $match: asked }])
    .toArray()
  return found.map(({ command }) => Number((command as Document)['maxAwaitTimeMS'])).toSorted((a, b) => a - b)
}

test('at rest a service keeps two clients: the one that made the indexes is gone, and for the stream each member is asked seldom', async () => {
  const stage = await Stage.open({ uri: set.uri, settings: { loopDelaySeconds: 3_600 } })
  const running = await stage.start()
  await stage.settle(running)
  await running.lines.until('database.index')
  await waitFor('two monitors', async () => isDeepStrictEqual(await monitors(), [2_000, 10_000]), { seen: monitors })
  expect(running.lines.count('database.index')).toBe(1)
  await running.stop()
})
