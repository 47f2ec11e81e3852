import { ObjectId, type ChangeStream, type Collection, type Document } from 'mongodb'
import { afterAll, beforeAll, expect, test } from 'vitest'

import type { RecordResult } from '../../src/model/record-result.ts'
import type { Transfer } from '../../src/model/transfer.ts'
import { examine } from '../../src/model/verdict.ts'
import { changeFilter } from '../../src/streams/change-filter.ts'
import { OwnResults } from '../../src/streams/own-results.ts'
import { recordWriter } from '../../src/streams/record-writer.ts'
import { ODD_NAMES, objectOf } from '../support/any-document.ts'
import { testDatabase, type TestDatabase } from '../support/mongo.ts'
import { entry, inArray, representation, T0 } from '../support/published.ts'
import { waitFor } from '../support/wait-for.ts'

const PROJECT = 'prj'
const FAILED = { tries: 1, error: 'e', last_failed_dt: T0 }
let database: TestDatabase
let collection: Collection
let stream: ChangeStream

beforeAll(async () => {
  database = await testDatabase()
  collection = database.db.collection(PROJECT)
  await collection.insertOne({ type: 'asset' })
  stream = database.db.watch([...changeFilter], { maxAwaitTimeMS: 50 })
  await stream.tryNext()
})
afterAll(async () => {
  await stream.close()
  await database.dispose()
})

/** What looks like results of this process is told, and known by its writer. */
const ownResults = new OwnResults(() => undefined)
const isOurs = ({ ns, raw, results: count }: Document): boolean =>
  typeof count === 'number' && ownResults.areOurs({ project: ns.coll as string, representationId: raw[0]._id }, count)

/** What the stream tells of everything that `work` does. */
async function told(work: () => Promise<unknown>): Promise<Document[]> {
  await work()
  const last = await database.db.collection('last').insertOne({ type: 'representation' })
  const events: Document[] = []
  await waitFor('the last event', async () => {
    const event = (await stream.tryNext()) as Document | null
    if (event) events.push(event)
    return event?.['raw']?.[0]?._id?.toString() === String(last.insertedId)
  })
  return events.slice(0, -1)
}

function withSites(sites: unknown): Document {
  return representation([entry('{root[work]}/other', inArray('gdrive')), entry('{root[work]}/a.ma', sites)])
}

/** A document with these sites, after the stream has told of it. */
async function placed(sites: unknown): Promise<Document> {
  const document = withSites(sites)
  await told(async () => await collection.insertOne(document))
  return document
}

const shapes: Readonly<Record<'array' | 'object', (site: string, record: Document) => unknown>> = {
  array: (site, record) => [
    { name: 'studio', created_dt: T0 },
    { name: site, ...record },
  ],
  object: (site, record) =>
    objectOf([
      ['studio', { created_dt: T0 }],
      [site, record],
    ]),
}

async function transfersOf(document: Document, site: string): Promise<Transfer[]> {
  const read = await collection.findOne({ _id: document['_id'] as ObjectId })
  const target = { name: site, provider: 'memory', root: new Map([['work', '/w']]), alternativeSites: [] }
  const settings = { enabled: true, localId: 'l', publishSite: 'p', remoteSite: 'r', retryCount: 3, sites: new Map([[site, target]]) }
  return examine(read as Document & { _id: unknown }, PROJECT, settings, new Map()).verdicts.flatMap(({ transfer }) => transfer ?? [])
}

const results: readonly RecordResult[] = [
  { kind: 'synced', id: 'an id' },
  { kind: 'failed', error: 'boom' },
  { kind: 'site-trouble', error: 'quota' },
  { kind: 'progress', progress: 0.5 },
]
const records: Readonly<Record<string, Document>> = {
  'a bare skeleton': {},
  'a failed record': { ...FAILED, progress: '' },
  'a record with more': { priority: 70, note: { a: 1 } },
  'a record with null': { created_dt: null, tries: null },
  'tries that are 0': { tries: 0 },
}

test.each((['array', 'object'] as const).flatMap((shape) => results.map((result) => [result.kind, shape, result] as const)))(
  "the service's own write wakes nobody: %s (%s shape), whatever the site is called and the record held",
  async (_kind, shape, result) => {
    const samples = ['gdrive', ...ODD_NAMES].flatMap((site, n) => {
      // A bare skeleton under every name, and one of the others in turn.
      const others = Object.keys(records).slice(1)
      return ['a bare skeleton', others[n % others.length] as string].map((what) => ({
        site,
        what,
        document: withSites(shapes[shape](site, records[what] ?? {})),
      }))
    })
    await told(async () => await collection.insertMany(samples.map(({ document }) => document)))
    const writer = recordWriter(database.db, ownResults)
    const write = async ({ site, document }: (typeof samples)[0]): Promise<unknown> => {
      const address = (await transfersOf(document, site)).find(({ path }) => path.endsWith('a.ma'))
      return address && (await writer.write({ address, result, until: new Date(Date.now() + 60_000) }))
    }
    const heard = await told(async () => {
      expect(new Set((await Promise.all(samples.map(write))).map((written) => JSON.stringify(written)))).toEqual(
        new Set(['{"kind":"written"}']),
      )
    })
    const woken = heard
      .filter((event) => !isOurs(event))
      .map(({ raw }) => samples.find(({ document: { _id } }) => String(_id) === String(raw?.[0]?._id)))
    expect(woken.map((sample) => [sample?.site, sample?.what])).toEqual([])
  },
)

test("the service's own writes of one document together wake nobody either", async () => {
  const files = Array.from({ length: 12 }, (_, n) => entry(`{root[work]}/${n}`, n % 2 === 0 ? inArray('gdrive') : { gdrive: {} }))
  const document: Document = representation(files)
  await told(async () => await collection.insertOne(document))
  const transfers = await transfersOf(document, 'gdrive')
  const writer = recordWriter(database.db, ownResults)
  const until = new Date(Date.now() + 60_000)
  const heard = await told(
    async () =>
      await Promise.all(
        transfers.map(async (address, n) => await writer.write({ address, result: results[n % 3] as RecordResult, until })),
      ),
  )
  expect(transfers).toHaveLength(12)
  expect(heard.filter((event) => !isOurs(event))).toEqual([])
})

const HERE = { array: 'files.1.sites.1', object: 'files.1.sites.gdrive' } as const

/** What people do: the update, and what the record held before. */
const people: readonly (readonly [what: string, before: Document, update: (at: string) => Document, unpaused: boolean])[] = [
  ['unset tries', FAILED, (at) => ({ $unset: { [`${at}.tries`]: '' } }), false],
  ['unset tries and error', FAILED, (at) => ({ $unset: { [`${at}.tries`]: '', [`${at}.error`]: '' } }), false],
  ['tries 0', FAILED, (at) => ({ $set: { [`${at}.tries`]: 0 } }), false],
  ['tries null', FAILED, (at) => ({ $set: { [`${at}.tries`]: null } }), false],
  ['unset created_dt', { created_dt: T0, id: 'x' }, (at) => ({ $unset: { [`${at}.created_dt`]: '' } }), false],
  ['created_dt null', { created_dt: T0, id: 'x' }, (at) => ({ $set: { [`${at}.created_dt`]: null } }), false],
  ['unset paused', { paused: true }, (at) => ({ $unset: { [`${at}.paused`]: '' } }), true],
  ['unset paused of a failed record', { ...FAILED, paused: true }, (at) => ({ $unset: { [`${at}.paused`]: '' } }), true],
  ['paused false', { paused: true }, (at) => ({ $set: { [`${at}.paused`]: false } }), true],
  ['paused true', {}, (at) => ({ $set: { [`${at}.paused`]: true } }), false],
  ['priority', {}, (at) => ({ $set: { [`${at}.priority`]: 99 } }), false],
  ['unset the record', FAILED, (at) => ({ $unset: { [at]: '' } }), false],
]

test.each((['array', 'object'] as const).flatMap((shape) => people.map((row) => [row[0], shape, ...row] as const)))(
  'what a person does wakes the service: %s (%s shape)',
  async (...[, shape, , before, update, unpaused]) => {
    const document = await placed(shapes[shape]('gdrive', before))
    const heard = await told(async () => await collection.updateOne({ _id: document['_id'] as ObjectId }, update(HERE[shape])))
    expect(heard.map(({ raw, operationType, unpaused: flag }) => [String(raw?.[0]?._id), operationType, flag === true])).toEqual([
      [String(document['_id']), 'update', unpaused],
    ])
  },
)

/** More of what wakes, each once. */
const wakes: Readonly<Record<string, { readonly sites: unknown; readonly act: (id: ObjectId, document: Document) => Promise<unknown> }>> = {
  'the recipe for object shape': {
    sites: shapes.object('gdrive', { created_dt: T0, id: 'x' }),
    act: async (_id) =>
      await collection.updateOne({ _id }, { $set: { 'files.$[f].sites.gdrive': {} } }, { arrayFilters: [{ 'f.path': /a.ma$/ }] }),
  },
  'a reset in array shape': {
    sites: shapes.array('gdrive', FAILED),
    act: async (_id) => await collection.updateOne({ _id }, { $set: { 'files.1.sites.1': { name: 'gdrive' } } }),
  },
  'a reset that keeps its priority': {
    sites: shapes.object('gdrive', FAILED),
    act: async (_id) => await collection.updateOne({ _id }, { $set: { 'files.1.sites.gdrive': { priority: 80 } } }),
  },
  'a reset of an odd name': {
    sites: shapes.object('a.b', FAILED),
    act: async (_id) => {
      const sites = { $setField: { field: 'a.b', input: '$$this.sites', value: {} } }
      const file = { $cond: [{ $isArray: '$$this.sites' }, '$$this', { $mergeObjects: ['$$this', { sites }] }] }
      await collection.updateOne({ _id }, [{ $set: { files: { $map: { input: '$files', in: file } } } }])
    },
  },
  'a skeleton that is pushed': {
    sites: [],
    act: async (_id) => await collection.updateOne({ _id }, { $push: { 'files.1.sites': { name: 'gdrive' } } } as Document),
  },
  'a record that is pulled': {
    sites: shapes.array('gdrive', {}),
    act: async (_id) => await collection.updateOne({ _id }, { $pull: { 'files.1.sites': { name: 'gdrive' } } } as Document),
  },
  'a file that is added': {
    sites: [],
    act: async (_id) => await collection.updateOne({ _id }, { $push: { files: { _id: new ObjectId() } } } as Document),
  },
  'a replaced document': { sites: [], act: async (_id, document) => await collection.replaceOne({ _id }, { ...document, name: 'new' }) },
  'another root': { sites: [], act: async (_id) => await collection.updateOne({ _id }, { $set: { 'context.root': '/elsewhere' } }) },
  'an update that is, with its document, too large for an event': {
    sites: shapes.array('gdrive', FAILED),
    act: async (_id) => {
      const large = 'x'.repeat(9_000_000)
      await collection.updateOne({ _id }, { $set: { 'data.large': large } })
      await collection.updateOne({ _id }, { $set: { 'data.large': `y${large.slice(1)}` }, $unset: { 'files.1.sites.1.tries': '' } })
    },
  },
}

test.each(Object.keys(wakes))('wakes the service: %s', async (what) => {
  const { sites, act } = wakes[what] as (typeof wakes)[string]
  const document = await placed(sites)
  const heard = await told(async () => await act(document['_id'] as ObjectId, document))
  expect(new Set(heard.map(({ raw }) => String(raw?.[0]?._id)))).toEqual(new Set([String(document['_id'])]))
  expect(heard.some((event) => 'fullDocument' in event || 'updateDescription' in event)).toBe(false)
})

test('new documents: representations wake, in a new collection too; others do not', async () => {
  const asset = { type: 'asset', files: [entry('{root[work]}/a.ma', inArray('gdrive'))] }
  const archived = representation([entry('{root[work]}/a.ma', inArray('gdrive'))], { type: 'archived_representation' })
  expect(await told(async () => await collection.insertMany([asset, archived as Document]))).toEqual([])
  const large = representation([entry('{root[work]}/a.ma', inArray('gdrive'))], { data: 'x'.repeat(15_900_000) })
  const heard = await told(async () => await database.db.collection('brand new').insertOne(large))
  expect(heard).toMatchObject([{ operationType: 'insert', ns: { coll: 'brand new' }, raw: [{ _id: large._id }] }])
})

test('a small document that is new comes along; a large one does not, nor what was only changed', async () => {
  const small = representation([entry('{root[work]}/a.ma', inArray('gdrive'))])
  const large = representation([entry('{root[work]}/b.ma', inArray('gdrive'))], { data: 'x'.repeat(4_096) })
  const heard = await told(async () => {
    await collection.insertMany([small, large] as Document[])
    await collection.updateOne({ _id: small._id }, { $set: { name: 'changed' } })
    await collection.replaceOne({ _id: small._id }, { ...small, name: 'replaced' })
  })
  expect(heard.map((event) => [event['operationType'], event['raw']?.[1]])).toEqual([
    ['insert', small],
    ['insert', undefined],
    ['update', undefined],
    ['replace', undefined],
  ])
})

test('what happens to whole collections is told', async () => {
  const rename = await told(async () => {
    await database.db.collection('former').insertOne({ type: 'asset' })
    await database.db.collection('former').rename('latter')
  })
  expect(rename).toMatchObject([{ operationType: 'rename', ns: { coll: 'former' }, to: { coll: 'latter' } }])
  expect(await told(async () => await database.db.collection('latter').drop())).toMatchObject([{ operationType: 'drop' }])
})
