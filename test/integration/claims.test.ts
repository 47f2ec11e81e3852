import { randomUUID } from 'node:crypto'

import type { ObjectId } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { Claim, ClaimResult, SavedSession } from '../../src/model/claim.ts'
import type { Transfer } from '../../src/model/transfer.ts'
import { pendingTransfers } from '../../src/model/pending-transfers.ts'
import { claimStore } from '../../src/streams/claims.ts'
import { stateDatabase } from '../../src/streams/state-database.ts'
import { END, IS_HELD, letExpire, type Lease } from '../../src/streams/lease-writes.ts'
import { recordWriter } from '../../src/streams/record-writer.ts'
import { testDatabase, type TestDatabase } from '../support/mongo.ts'
import { entry, inArray, representation, wanted } from '../support/published.ts'
import { waitFor } from '../support/wait-for.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
  await stateDatabase(database.client.db(database.stateDb)).prepare()
})
afterAll(async () => await database.dispose())

const store = (owner: string, seconds = 30) => claimStore(database.client.db(database.stateDb), owner, seconds)
const leases = () => database.client.db(database.stateDb).collection<Lease>('leases')

const SITE = { name: 'gdrive', provider: 'memory', root: new Map([['work', '/w']]), alternativeSites: [] }
const SETTINGS = { enabled: true, localId: 'l', publishSite: 'studio', remoteSite: 'gdrive', retryCount: 3 }

function transferOf(document: { readonly _id: ObjectId }): Transfer {
  const studio = { ...SITE, name: 'studio' }
  const sites = new Map([SITE, studio].map((site) => [site.name, site]))
  const [transfer] = pendingTransfers(document, 'prj', { ...SETTINGS, sites }, new Map()).transfers
  if (!transfer) throw new Error('nothing is pending')
  return transfer
}

function claimed(result: ClaimResult): Claim {
  if (result.kind !== 'claimed') throw new Error(`busy for ${result.freeInMs} ms`)
  return result.claim
}

/** Claims as soon as the former lease is over. */
async function takeOver(transfer: Transfer, owner: string, seconds?: number): Promise<Claim> {
  const attempt = randomUUID()
  return await waitFor('the end of the lease', async () => {
    const result = await store(owner, seconds).claim(transfer, attempt)
    return result.kind === 'claimed' && result.claim
  })
}

test('four workers and 300 places: every place is taken by one, and by one only', async () => {
  const transfers = Array.from({ length: 300 }, (_, n) => transferOf(wanted(`{root[work]}/four/${n}`)))
  const workers = ['a', 'b', 'c', 'd'].map((owner) => store(owner))
  const results = await Promise.all(
    workers.flatMap((worker) => transfers.map(async (transfer) => ({ transfer, result: await worker.claim(transfer, randomUUID()) }))),
  )
  const taken = results.filter(({ result }) => result.kind === 'claimed').map(({ transfer }) => transfer.targetKey)
  expect(taken).toHaveLength(300)
  expect(new Set(taken).size).toBe(300)
  const busy = results.flatMap(({ result }) => (result.kind === 'busy' ? [result.freeInMs] : []))
  expect(busy).toHaveLength(900)
  expect(Math.min(...busy)).toBeGreaterThan(15_000)
  // What is taken with others lasts up to a second longer: see `END`.
  expect(Math.max(...busy)).toBeLessThanOrEqual(31_000)
})

test('a lease ends by itself, and not while it is renewed', async () => {
  const transfer = transferOf(wanted('{root[work]}/expiring'))
  const first = claimed(await store('a', 1).claim(transfer, 'one'))
  expect(first.localDeadline).toBeLessThan(performance.now() + 1_000)
  const renewed = await store('a', 1).renew(first, { bytes: 1, size: 2 })
  expect(renewed?.until.getTime()).toBeGreaterThanOrEqual(first.until.getTime())
  expect(await leases().findOne({ _id: transfer.targetKey })).toMatchObject({ owner: 'a', progress: { bytes: 1, size: 2 }, attempt: 'one' })
  expect((await store('b').claim(transfer, 'two')).kind).toBe('busy')
  const second = await takeOver(transfer, 'b')
  expect(second.until.getTime()).toBeGreaterThan((renewed as Claim).until.getTime())
})

test('who was taken over changes nothing any more: no renewal, no session, no release, no result', async () => {
  const document = wanted('{root[work]}/zombie')
  await database.db.collection('prj').insertOne({ ...document })
  const transfer = transferOf(document)
  const zombie = claimed(await store('a', 0.2).claim(transfer, 'zombie'))
  await store('a', 0.2).saveSession(zombie, { upload: 'of the zombie' })
  await leases().updateOne({ _id: transfer.targetKey }, { $set: { progress: { bytes: 1, size: 2 } } })
  const heir = await takeOver(transfer, 'b')
  expect(heir.session).toEqual({ upload: 'of the zombie' })
  await store('b').saveSession(heir, { upload: 'of the heir' })
  const before = await leases().findOne({ _id: transfer.targetKey })
  expect(before).not.toHaveProperty('progress')

  expect(await store('a').renew(zombie, { bytes: 9, size: 9 })).toBeUndefined()
  await expect(store('a').saveSession(zombie, { upload: 'late' })).rejects.toThrow('not ours')
  await store('a').release(zombie, { finished: true })
  await store('a').release(zombie, { finished: false })
  expect(await leases().findOne({ _id: transfer.targetKey })).toEqual(before)

  const writer = recordWriter(database.db)
  expect(await writer.write({ address: transfer, result: { kind: 'synced', id: 'late' }, until: zombie.until })).toEqual({ kind: 'fenced' })
  expect(await database.db.collection('prj').findOne({ _id: document._id })).toEqual(document)
  expect(await writer.write({ address: transfer, result: { kind: 'synced', id: 'x' }, until: heir.until })).toEqual({ kind: 'written' })
})

test('a lease that is over can not be renewed, even when nobody took it', async () => {
  const transfer = transferOf(wanted('{root[work]}/late'))
  const claim = claimed(await store('a', 0.1).claim(transfer, 'one'))
  await waitFor('its end', async () => await leases().findOne({ _id: transfer.targetKey, $expr: { $lte: ['$until', '$$NOW'] } }))
  expect(await store('a').renew(claim, { bytes: 0, size: 0 })).toBeUndefined()
  await expect(store('a').saveSession(claim, { upload: 'late' })).rejects.toThrow('not ours')
})

test('two representations of one place share its lease; given back, it is free at once', async () => {
  const path = '{root[work]}/shared/x.exr'
  const one = transferOf(representation([entry(path, inArray('gdrive'))]))
  const two = transferOf(representation([entry('{root[work]}/shared//./x.exr', inArray('gdrive'))]))
  expect(one.targetKey).toBe(two.targetKey)
  const claim = claimed(await store('a').claim(one, 'one'))
  expect((await store('a').claim(two, 'two')).kind).toBe('busy')
  await store('a').saveSession(claim, { upload: 'kept' })
  await store('a').release(claim, { finished: false })
  const next = claimed(await store('b').claim(two, 'three'))
  expect(next.session).toEqual({ upload: 'kept' })
  await store('b').release(next, { finished: true })
  expect(await leases().findOne({ _id: one.targetKey })).not.toHaveProperty('owner')
})

test('a place about which there is nothing to remember leaves no trace', async () => {
  const transfer = transferOf(wanted('{root[work]}/traceless'))
  const claim = claimed(await store('a').claim(transfer, 'one'))
  await store('a').release(claim, { finished: true })
  expect(await leases().findOne({ _id: transfer.targetKey })).toBeNull()
})

test('names and ids of any kind are stored as what they are', async () => {
  const document = { ...wanted('{root[work]}/$x/a.b'), _id: '$$ROOT' as unknown as ObjectId }
  const transfer = transferOf(document)
  const claim = claimed(await store('a').claim(transfer, 'one'))
  expect(await store('a').renew(claim, { bytes: 0, size: 0 })).toBeDefined()
  expect(await leases().findOne({ _id: transfer.targetKey })).toMatchObject({
    transfer: { representation: '$$ROOT', path: '{root[work]}/$x/a.b' },
  })
})

const now = async (): Promise<number> => ((await database.client.db('admin').command({ hello: 1 }))['localTime'] as Date).getTime()

const ids = (claims: readonly Claim[]) => ({ _id: { $in: claims.map(({ transfer }) => transfer.targetKey) } })

/** Of five places, by one owner, at the same moment. */
const several = async (name: string, owner: string, seconds = 30, reserve?: SavedSession): Promise<Claim[]> => {
  const worker = store(owner, seconds)
  const transfers = Array.from({ length: 5 }, (_, n) => transferOf(wanted(`{root[work]}/${name}/${n}`)))
  return (await Promise.all(transfers.map(async (transfer) => worker.claim(transfer, `${owner} ${transfer.path}`, { reserve })))).map(
    claimed,
  )
}

describe.each([
  [
    'alone',
    async (name: string, seconds?: number): Promise<Claim> =>
      claimed(await store('a', seconds).claim(transferOf(wanted(`{root[work]}/${name}`)), `a ${name}`, { reserve: { id: '$r' } })),
  ],
  ['with others', async (name: string, seconds?: number): Promise<Claim> => (await several(name, 'a', seconds, { id: '$r' }))[0] as Claim],
])('what is reserved with a lease that is taken %s', (how, take) => {
  const name = (what: string): string => `reserved ${how} ${what}`

  test('is told to who reserved it; given back unused, it leaves no trace', async () => {
    const claim = await take(name('unused'))
    expect(claim).toMatchObject({ session: undefined, reserved: { id: '$r' } })
    await store('a').release(claim, { finished: false })
    expect(await leases().findOne({ _id: claim.transfer.targetKey })).toBeNull()
  })

  test('is the session of the next attempt, should nobody give it back: it may have been used', async () => {
    const { transfer } = await take(name('dead'), 0.2)
    const heir = await takeOver(transfer, 'b')
    expect(heir).toMatchObject({ session: { id: '$r' } })
    expect(await leases().findOne({ _id: transfer.targetKey })).not.toHaveProperty('reserved')
    expect(heir.reserved).toBeUndefined()
    // Who has nothing to remember of it must not remove it either.
    await store('b').release({ ...heir, session: undefined }, { finished: false })
    const next = claimed(await store('c').claim(transfer, 'c', { reserve: { id: 'other' } }))
    expect(next).toMatchObject({ session: { id: '$r' } })
    expect(next.reserved).toBeUndefined()
  })

  test('stays when it was used, and what is saved later takes its place', async () => {
    const claim = await take(name('used'))
    const { transfer } = claim
    await store('a').release({ ...claim, session: claim.reserved, reserved: undefined }, { finished: false })
    const next = claimed(await store('b').claim(transfer, 'b'))
    expect(next).toMatchObject({ session: { id: '$r' } })
    await store('b').saveSession(next, { id: 'saved' })
    await store('b').release({ ...next, session: { id: 'saved' } }, { finished: false })
    expect(claimed(await store('c').claim(transfer, 'c'))).toMatchObject({ session: { id: 'saved' } })
  })

  test('is kept as a session once another was saved, heard of or not', async () => {
    const claim = await take(name('saved'))
    await store('a').saveSession(claim, { id: 'saved' })
    await store('a').release(claim, { finished: false })
    expect(claimed(await store('b').claim(claim.transfer, 'b')).session).toEqual({ id: 'saved' })
  })
})

describe('leases that are taken together', () => {
  test('are inserted, and end by the time that the server put into them, to the millisecond that the holder was told', async () => {
    const before = await now()
    const taken = await several('inserted', 'a')
    const after = await now()
    for (const { transfer, until } of taken) {
      const lease = await leases().findOne({ _id: transfer.targetKey })
      expect(lease).toMatchObject({ owner: 'a', attempt: `a ${transfer.path}`, transfer: { path: transfer.path }, lastsMs: 30_000 })
      expect(lease).not.toHaveProperty('until')
      const inserted = (lease?.inserted?.getHighBits() ?? 0) * 1_000
      expect(until.getTime()).toBe(inserted + 31_000)
      expect(until.getTime()).toBeGreaterThanOrEqual(before + 30_000)
      expect(until.getTime()).toBeLessThanOrEqual(after + 31_000)
      const [seen] = await leases()
        .aggregate([{ $match: { _id: transfer.targetKey } }, { $project: { end: END, isHeld: IS_HELD } }])
        .toArray()
      expect(seen).toMatchObject({ end: until, isHeld: true })
    }
  })

  test('are renewed, remembered, given back and taken again as any others', async () => {
    const [one, two, three] = (await several('again', 'a')) as [Claim, Claim, Claim]
    const renewed = await store('a').renew(one, { bytes: 1, size: 2 })
    expect((await leases().findOne({ _id: one.transfer.targetKey }))?.until).toEqual(renewed?.until)
    await store('a').saveSession(two, { upload: 'kept' })
    await store('a').release({ ...two, session: { upload: 'kept' } }, { finished: false })
    await store('a').release(three, { finished: true })
    expect(await leases().findOne({ _id: two.transfer.targetKey })).not.toHaveProperty('inserted')
    const worker = store('b')
    const transfers = [one, two, three].map(({ transfer }) => transfer)
    const results = await Promise.all(transfers.map(async (transfer) => worker.claim(transfer, `b ${transfer.path}`)))
    expect(results.map(({ kind }) => kind)).toEqual(['busy', 'claimed', 'claimed'])
    expect(results.slice(1).map((result) => claimed(result).session)).toEqual([{ upload: 'kept' }, undefined])
  })

  test('end by themselves, and are taken over, one as well as several', async () => {
    const taken = await several('ending', 'a', 0.2)
    const heirs = await Promise.all(taken.map(async ({ transfer }) => takeOver(transfer, 'b')))
    for (const [n, heir] of heirs.entries()) {
      expect(heir.until.getTime()).toBeGreaterThan((taken[n] as Claim).until.getTime())
      expect(await store('a').renew(taken[n] as Claim, { bytes: 0, size: 0 })).toBeUndefined()
    }
  })

  test('of a process that was killed before it renewed them expire as others do, and none that is held', async () => {
    const dead = await several('dead', 'a', 0.2)
    const alive = await several('alive', 'b')
    await waitFor('their end', async () => (await leases().countDocuments({ ...ids(dead), $expr: IS_HELD })) === 0)
    await letExpire(leases())
    for (const { expires } of await leases().find(ids(dead)).toArray()) expect(expires?.getTime()).toBeGreaterThan(Date.now())
    expect(await leases().countDocuments({ ...ids(alive), expires: { $exists: true } })).toBe(0)
  })
})

test('the id of a folder is the first that was proposed, for all; one that is spent gives way to the first in its place', async () => {
  const state = stateDatabase(database.client.db(database.stateDb))
  const all = async (spent?: string): Promise<ReadonlySet<string>> =>
    new Set(await Promise.all(['a', 'b', 'c', 'd'].map(async (id) => await state.reserveFolderId('p', `${spent}${id}`, spent))))
  let before: string | undefined
  for (let times = 0; times < 3; times++) {
    const [id, ...others] = await all(before)
    expect(others).toEqual([])
    expect(id).not.toBe(before)
    expect(await all('another')).toEqual(new Set([id]))
    before = id
  }
})
