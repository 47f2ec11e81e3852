import { expect, onTestFinished, test } from 'vitest'

import type { ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'
import { wanted, type Representation } from '../support/published.ts'
import { Stage, type Running } from '../support/service-harness.ts'
import { startStandaloneMongod } from '../support/standalone-mongod.ts'
import { waitFor } from '../support/wait-for.ts'

interface StoredToken {
  readonly _id: string
  readonly token: { readonly _data: string }
  readonly filter: string
}

/** A service that was stopped in good order, and 50 publishes that came since. */
async function missed(): Promise<{ stage: Stage; documents: Representation[] }> {
  const stage = await Stage.open({ sites: [{ name: 'gdrive', concurrency: 16 }], settings: { loopDelaySeconds: 3_600 } })
  const running = await stage.start()
  await stage.settle(running)
  await running.stop()
  expect(running.lines.count('stream.opened')).toBe(1)
  const documents: Representation[] = []
  for (let n = 0; n < 50; n++) documents.push(await stage.publish(`missed/${n}`))
  return { stage, documents }
}

/** All 50 arrived, each once. */
async function caughtUp(stage: Stage, documents: readonly Representation[]): Promise<Running> {
  const running = await stage.start()
  for (const document of documents) await stage.synced(document)
  await stage.settle(running)
  const missing = stage.spy().uploads.filter((path) => path.includes('missed'))
  expect(missing).toHaveLength(50)
  expect(new Set(missing).size).toBe(50)
  await running.stop()
  return running
}

const tokens = (stage: Stage) => stage.state.collection<StoredToken>('resume_tokens')

test('case 44: stopped while 50 publishes came, token good: resumed where it ended, all 50 exactly once', async () => {
  const { stage, documents } = await missed()
  const { lines } = await caughtUp(stage, documents)
  expect([lines.count('stream.resumed'), lines.count('stream.opened'), lines.count('stream.lost')]).toEqual([1, 0, 0])
})

// What becomes of a history that is lost is shown on an oplog that is really overwritten: test/faults/mongo/oplog.test.ts.

test.each([
  ['no token', async (stage: Stage) => await tokens(stage).deleteMany({}), 0],
  ['a token that is none', async (stage: Stage) => await tokens(stage).updateOne({}, { $set: { token: { _data: '123' } } }), 1],
  ['a token that is no object', async (stage: Stage) => await tokens(stage).updateOne({}, { $set: { token: 7 } } as object), 0],
  ['a token of another filter', async (stage: Stage) => await tokens(stage).updateOne({}, { $set: { filter: 'older' } }), 0],
] as const)('case 44: %s: a fresh stream and a full scan, all 50 exactly once', async (_what, spoil, losses) => {
  const { stage, documents } = await missed()
  await spoil(stage)
  const { lines } = await caughtUp(stage, documents)
  expect([lines.count('stream.lost'), lines.count('stream.opened'), lines.count('stream.resumed')]).toEqual([losses, 1, 0])
})

test('case 45: without a replica set scans alone find the work, with one warning', async () => {
  await using mongod = await startStandaloneMongod()
  const stage = await Stage.open({ uri: mongod.uri, settings: { loopDelaySeconds: 0.2 } })
  const running = await stage.start()
  const documents = [await stage.publish('a.ma'), await stage.publish('b.ma', { tries: 1, error: 'e' })]
  for (const document of documents) await stage.synced(document)
  await stage.synced(await stage.publish('c.ma'))
  await running.lines.scanned(2)
  const [warning, ...more] = running.lines.of('stream.unavailable')
  expect(warning).toMatchObject({ 'log.level': 'warn', event: { outcome: 'failure' } })
  expect(more).toEqual([])
  expect(running.lines.of('stream.opened', 'stream.lost', 'service.unexpected')).toEqual([])
  expect(stage.spy().uploads).toHaveLength(3)
  await running.stop()
})

test('without a change stream, too, what runs ends when it is paused, removed or deleted: the next scan sees it', async () => {
  await using mongod = await startStandaloneMongod()
  const stage = await Stage.open({ uri: mongod.uri, sites: [{ name: 'gdrive', concurrency: 4 }], settings: { loopDelaySeconds: 0.2 } })
  const running = await stage.start()
  stage.spy().hold()
  const documents = await Promise.all(['paused', 'removed', 'deleted', 'wanted'].map(async (path) => await stage.publish(path)))
  await waitFor('the uploads', () => stage.spy().writes.now === 4 && running.lines.count('transfer.started') === 4)
  const [paused, removed, deleted, stillWanted] = documents as [Representation, Representation, Representation, Representation]
  const record = { arrayFilters: [{ 'record.name': 'gdrive' }] }
  await stage.project().updateOne({ _id: paused._id }, { $set: { 'files.0.sites.$[record].paused': true } }, record)
  await stage.project().updateOne({ _id: removed._id }, { $pull: { 'files.0.sites': { name: 'gdrive' } } } as object)
  await stage.project().deleteOne({ _id: deleted._id })
  await running.lines.until('transfer.released')
  await running.lines.until('transfer.dropped', 2)
  await running.lines.scanned(2)
  expect(running.lines.count('transfer.released', 'transfer.dropped')).toBe(3)
  stage.spy().release()
  await stage.synced(stillWanted)
  await running.stop()
})

test('dropping the database ends the stream; a new one is opened, and what comes then is served', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 3_600 } })
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  await stage.db.dropDatabase()
  await running.lines.until('stream.opened', 2)
  await stage.synced(await stage.publish('b.ma'))
  await stage.settle(running)
  expect(running.lines.count('stream.lost')).toBe(1)
  await running.stop()
})

/** A primary whose followers are behind refuses. */
async function steppedDown(set: ReplicaSet): Promise<void> {
  const attempt = async (): Promise<boolean> =>
    await set.stepDown().then(
      () => true,
      () => false,
    )
  await waitFor('a step-down', attempt, { withinMs: 30_000 })
}

async function threeMembers(): Promise<ReplicaSet> {
  const set = await startReplicaSet({ members: 3 })
  onTestFinished(async () => await set.stop())
  return set
}

test('the primary is killed: the next publish is sent without a regular scan', async () => {
  const set = await threeMembers()
  const stage = await Stage.open({ uri: set.uri, settings: { loopDelaySeconds: 3_600 } })
  const running = await stage.start()
  await stage.synced(await stage.publish('before'))
  await stage.file('after')
  const document = wanted('{root[work]}/after')
  await set.killPrimary()
  // The driver waits for the election.
  await stage.insert(document)
  await stage.synced(document, { withinMs: 60_000 })
  expect(running.lines.of('scan.finished').map(({ site_sync: fields }) => fields?.['reason'])).not.toContain('interval')
  await running.stop()
  expect(stage.spy().uploads.filter((path) => path.endsWith('after'))).toHaveLength(1)
}, 60_000)

test('the primary steps down under load, twice: nothing is missing, nothing is sent twice', async () => {
  const set = await threeMembers()
  const stage = await Stage.open({ uri: set.uri, settings: { loopDelaySeconds: 3_600 } })
  const running = await stage.start()
  const documents: Representation[] = []
  for (let turn = 0; turn < 2; turn++) {
    for (let n = 0; n < 10; n++) documents.push(await stage.publish(`${turn}/${n}`))
    await steppedDown(set)
    for (let n = 10; n < 20; n++) documents.push(await stage.publish(`${turn}/${n}`))
    await set.primary()
  }
  for (const document of documents) await stage.synced(document)
  expect(stage.spy().uploads.filter((path) => !path.includes('fence'))).toHaveLength(40)
  expect(running.lines.of('transfer.failed', 'service.failed')).toEqual([])
  await running.stop()
}, 60_000)
