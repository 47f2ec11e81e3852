import { MongoClient } from 'mongodb'
import { expect, onTestFinished, test } from 'vitest'

import { askMember } from '../../../replica-set-dev/admin.ts'
import type { Member } from '../../../replica-set-dev/replica-set.ts'
import type { LogAction } from '../../../src/model/log.ts'
import { claimStore } from '../../../src/streams/claims.ts'
import { serverTime } from '../../../src/streams/scan.ts'
import { stateDatabase } from '../../../src/streams/state-database.ts'
import { transferOf } from '../../support/model-samples.ts'
import { ownSet } from '../../support/own-set.ts'
import { wanted, type Representation } from '../../support/published.ts'
import type { Running, Stage } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'

const own = ownSet({ members: 3, enableTestCommands: true })

/** No regular scan comes during the test: what is found was told by the stream, or by the scan that its reopening asks for. */
const QUIET = { settings: { loopDelaySeconds: 3_600 } }

/** How long is waited at most; nothing is promised by it. How long outages take is measured by `npm run bench:outages`. */
const LONG = { withinMs: 60_000 }

const shown = ({ lines }: Running) => lines.lines.filter((line) => line['log.level'] !== 'debug')

async function started(running: Running, path: string): Promise<void> {
  const isIt = (): boolean => running.lines.of('transfer.started').some(({ site_sync: fields }) => fields?.path === `{root[work]}/${path}`)
  await waitFor(`the transfer of ${path}`, isIt, { ...LONG, seen: () => running.lines.summary() })
}

/**
 * Work goes on by the change stream: what is published now is sent, and no scan, well or not, has ended since, so that nobody else can
 * have told of it. A scan that the reopening of the stream asked for may still be running at first: then a next file is published.
 */
async function goesOnByStream(stage: Stage, running: Running): Promise<Representation[]> {
  const documents: Representation[] = []
  const scans = (): number => running.lines.count('scan.finished', 'scan.failed')
  const isTold = async (): Promise<boolean> => {
    const before = scans()
    const path = `told/${running.lines.lines.length}`
    documents.push(await stage.publish(path))
    await started(running, path)
    await stage.synced(documents.at(-1) as Representation, LONG)
    return scans() === before
  }
  await waitFor('a file that no scan can have found', isTold, { ...LONG, seen: () => running.lines.summary() })
  return documents
}

const reasonsOf = ({ lines }: Running) => lines.of('scan.finished').map(({ site_sync: fields }) => fields?.['reason'])

/** The stream was lost so many times, at least, and has been opened again where it ended. */
async function expectResumed({ lines }: Running, times: number): Promise<void> {
  const isOpen = (): boolean =>
    lines.count('stream.lost') >= times && lines.of('stream.lost', 'stream.resumed').at(-1)?.event.action === 'stream.resumed'
  await waitFor('the stream', isOpen, { ...LONG, seen: () => lines.summary() })
}

/** Each is there, marked, and no byte was sent twice; nothing was held against any of them. */
async function expectExact(stage: Stage, running: Running, documents: readonly Representation[]): Promise<void> {
  for (const document of documents) expect(await stage.synced(document, LONG)).not.toHaveProperty('tries')
  await stage.settle(running)
  await running.stop()
  const { store, bytesWritten } = stage.spy()
  const arrived = [...store.files.values()]
  expect(arrived.filter(({ folder }) => !folder.includes('fence'))).toHaveLength(documents.length)
  expect(bytesWritten).toBe(arrived.reduce((sum, { bytes }) => sum + bytes.length, 0))
  const succeeded = running.lines.of('transfer.succeeded').map(({ site_sync: fields }) => fields?.path)
  expect(new Set(succeeded).size).toBe(succeeded.length)
  expect(running.lines.of('transfer.failed', 'service.failed', 'service.unexpected')).toEqual([])
}

test('the primary is killed and stays away, again and again: work goes on by itself, as the stream is opened at the next primary', async () => {
  const stage = await own.stage(QUIET)
  const running = await stage.start()
  const documents = [await stage.publish('before')]
  await stage.synced(documents[0] as Representation)
  for (const [turn, name] of ['first', 'second'].entries()) {
    // What is under way when it happens, too.
    for (let n = 0; n < 10; n++) documents.push(await stage.publish(`load/${name}/${n}`))
    await stage.file(name)
    const document = wanted(`{root[work]}/${name}`)
    documents.push(document)
    const killed = await own.set.killPrimary()
    await stage.insert(document)
    await started(running, name)
    await expectResumed(running, turn + 1)
    documents.push(...(await goesOnByStream(stage, running)))
    await own.set.startMember(killed)
  }
  await expectExact(stage, running, documents)
  expect(reasonsOf(running)).not.toContain('interval')
}, 180_000)

test('the primary steps down under load, three times: work goes on by the stream, nothing is missing, nothing is sent twice', async () => {
  const stage = await own.stage(QUIET)
  const running = await stage.start()
  const documents: Representation[] = []
  for (let turn = 0; turn < 3; turn++) {
    for (let n = 0; n < 10; n++) documents.push(await stage.publish(`${turn}/${n}`))
    await steppedDown()
    documents.push(await stage.publish(`${turn}/after`))
    for (let n = 10; n < 20; n++) documents.push(await stage.publish(`${turn}/${n}`))
    await started(running, `${turn}/after`)
    // The driver would have left it at the member that stepped down.
    await expectResumed(running, turn + 1)
    documents.push(...(await goesOnByStream(stage, running)))
  }
  await expectExact(stage, running, documents)
  expect(reasonsOf(running)).not.toContain('interval')
}, 180_000)

const attempt = async (): Promise<boolean> =>
  await own.set.stepDown().then(
    () => true,
    () => false,
  )

/** A primary whose followers are behind refuses. */
async function steppedDown(): Promise<void> {
  await waitFor('a step-down', attempt, LONG)
}

test('the primary is frozen: work goes on as the stream is opened at the next one; what it is woken up with changes nothing', async () => {
  const stage = await own.stage({ settings: { loopDelaySeconds: 3_600, leaseSeconds: 10 } })
  const running = await stage.start()
  const documents: Representation[] = []
  for (let n = 0; n < 10; n++) documents.push(await stage.publish(`before/${n}`))
  stage.spy().hold()
  const frozen = await own.set.primary()
  // A result is on its way to the primary when it freezes.
  const held = await stage.publish('held')
  documents.push(held)
  await waitFor('the upload', () => stage.spy().writes.now > 0)
  const leases = await stage.state.collection<{ until: Date }>('leases').find().toArray()
  const lastEnd = Math.max(...leases.map(({ until }) => until.getTime()))
  await own.set.freeze(frozen)
  try {
    stage.spy().release()
    await stage.file('during')
    const document = wanted('{root[work]}/during')
    documents.push(document)
    await stage.insert(document)
    await started(running, 'during')
    await expectResumed(running, 1)
    documents.push(...(await goesOnByStream(stage, running)))
    for (const one of documents) await stage.synced(one, LONG)
    await waitFor('the end of all leases that it knows', async () => (await serverTime(stage.state)).getTime() > lastEnd, LONG)
  } finally {
    await own.set.thaw(frozen)
  }
  const before = await Promise.all(documents.map(async (document) => await stage.raw(document)))
  await own.set.waitUntilMember(frozen)
  await waitFor('the woken member to follow', async () => (await own.set.states())[frozen.index]?.state === 'SECONDARY', LONG)
  await expectExact(stage, running, documents)
  expect(reasonsOf(running)).not.toContain('interval')
  expect(await Promise.all(documents.map(async (document) => await stage.raw(document)))).toEqual(before)
}, 240_000)

async function allDown(): Promise<void> {
  await Promise.all(own.set.members.map(async (member) => await own.set.stopMember(member, 'SIGKILL')))
}

async function allBack(): Promise<void> {
  await Promise.all(own.set.members.map(async (member) => await own.set.startMember(member)))
  await own.set.primary()
}

test('all members are down for a while: told in a few lines, however often it is asked for them, and all goes when they are back', async () => {
  const stage = await own.stage({ settings: { loopDelaySeconds: 2 } })
  const running = await stage.start()
  const documents: Representation[] = []
  for (let n = 0; n < 40; n++) documents.push(await stage.publish(`${n}`))
  await running.lines.until('transfer.started', 5)
  expect(running.lines.count('database.lost', 'scan.failed', 'stream.lost')).toBe(0)
  await allDown()
  const lines = shown(running).length
  for (const action of ['database.lost', 'stream.lost'] as const) await running.lines.until(action, 1, LONG)
  // The first is shown; those that follow are for who debugs.
  await running.lines.until('scan.failed', 3, LONG)
  expect(shown(running).length - lines).toBeLessThan(documents.length / 2)
  const of = (action: LogAction) => shown(running).filter(({ event }) => event.action === action)
  expect([of('database.lost').length, of('scan.failed').length]).toEqual([1, 1])
  // It is told again after 30 s, should the machine be so slow.
  const times = of('stream.lost').map((line) => Date.parse(line['@timestamp']))
  for (const [n, at] of times.slice(1).entries()) expect(at - (times[n] as number)).toBeGreaterThan(25_000)
  await allBack()
  documents.push(await stage.publish('afterwards'))
  await started(running, 'afterwards')
  await expectExact(stage, running, documents)
}, 180_000)

test('all members were down: work goes on by the stream, which is opened again by itself', async () => {
  const stage = await own.stage(QUIET)
  const running = await stage.start()
  const documents: Representation[] = []
  for (let n = 0; n < 40; n++) documents.push(await stage.publish(`${n}`))
  await running.lines.until('transfer.started', 5)
  await allDown()
  await running.lines.until('stream.lost', 1, LONG)
  await running.lines.until('database.lost', 1, LONG)
  await allBack()
  documents.push(await stage.publish('afterwards'))
  await started(running, 'afterwards')
  await expectResumed(running, 1)
  documents.push(...(await goesOnByStream(stage, running)))
  await expectExact(stage, running, documents)
  expect(reasonsOf(running)).not.toContain('interval')
}, 180_000)

/** The other members get nothing from this one any more, until it is `off`. */
async function stopFollowing(primary: Member, mode: 'alwaysOn' | 'off'): Promise<void> {
  const others = own.set.members.filter(({ port }) => port !== primary.port)
  for (const { port } of others) await askMember(port, { configureFailPoint: 'stopReplProducer', mode })
}

test('what no majority has is not sent, and is gone with the primary that alone had it', async () => {
  const stage = await own.stage({ settings: { loopDelaySeconds: 0.3, leaseSeconds: 60 } })
  const running = await stage.start()
  const first = await stage.publish('majority')
  await stage.synced(first)
  const primary = await own.set.primary()
  await stopFollowing(primary, 'alwaysOn')
  await stage.file('unacknowledged')
  const lost = wanted('{root[work]}/unacknowledged')
  await stage.project().insertOne(lost, { writeConcern: { w: 1 } })
  expect(await stage.read(lost)).not.toBeNull()
  // Two more scans have looked.
  await running.lines.scanned(1)
  await own.set.stopMember(primary, 'SIGKILL')
  await stopFollowing(primary, 'off')
  await own.set.primary()
  const next = await stage.publish('next')
  await stage.synced(next, LONG)
  await own.set.startMember(primary)
  expect(await stage.read(lost)).toBeNull()
  await expectExact(stage, running, [first, next])
}, 90_000)

test('a lease that no majority has is not ours yet; lost with its primary, it is whoever’s takes it next', async () => {
  const stage = await own.stage()
  const client = await new MongoClient(stage.uri, { writeConcern: { w: 'majority' } }).connect()
  onTestFinished(async () => await client.close())
  const leases = client.db('site_sync').collection<{ _id: string }>('leases')
  const store = (owner: string) => claimStore(client.db('site_sync'), owner, 60)
  await stateDatabase(client.db('site_sync')).prepare()
  const transfer = transferOf()
  const primary = await own.set.primary()
  await stopFollowing(primary, 'alwaysOn')
  const answers: unknown[] = []
  const asked = store('first')
    .claim(transfer, 'first')
    .then(
      (answer) => answers.push(answer),
      (error: unknown) => answers.push(error),
    )
  await waitFor('the lease at the primary', async () => {
    return (await leases.findOne({ _id: transfer.targetKey }, { readConcern: 'local' }))?._id
  })
  expect(await leases.findOne({ _id: transfer.targetKey }, { readConcern: 'majority' })).toBeNull()
  expect(answers).toEqual([])
  await own.set.stopMember(primary, 'SIGKILL')
  await stopFollowing(primary, 'off')
  await own.set.primary()
  await asked
  // Either it was told of the loss, or it asked the new primary again, and has the lease there.
  const [answer] = answers
  const next = await store('second').claim(transfer, 'second')
  expect(next.kind).toBe(answer instanceof Error ? 'claimed' : 'busy')
  await own.set.startMember(primary)
}, 90_000)

test('a result that was told is there when the primary dies right after it', async () => {
  const stage = await own.stage(QUIET)
  const running = await stage.start()
  const documents: Representation[] = []
  for (let n = 0; n < 10; n++) documents.push(await stage.publish(`${n}`))
  await running.lines.until('transfer.succeeded', 5)
  const told = running.lines.of('transfer.succeeded').map(({ site_sync: fields }) => fields?.path)
  const killed = await own.set.killPrimary()
  await own.set.primary()
  for (const document of documents.filter(({ files }) => told.includes(files[0]?.path as string)))
    expect(await stage.record(document)).toHaveProperty('created_dt')
  await own.set.startMember(killed)
  await expectExact(stage, running, documents)
}, 60_000)
