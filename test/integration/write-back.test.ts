import * as fc from 'fast-check'
import { Double, Int32, Long, ObjectId, type Collection, type Document } from 'mongodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { RecordResult } from '../../src/model/record-result.ts'
import type { ProjectSettings } from '../../src/model/settings.ts'
import type { Transfer } from '../../src/model/transfer.ts'
import { examine } from '../../src/model/verdict.ts'
import { representationReader } from '../../src/streams/representation-reader.ts'
import { recordWriter } from '../../src/streams/record-writer.ts'
import { anyDate, anyName, anyValue, objectOf, ODD_NAMES, unknownFields } from '../support/any-document.ts'
import { bsonNodes, childOf, without, type BsonNode } from '../support/bson-nodes.ts'
import { testDatabase, type TestDatabase } from '../support/mongo.ts'

const PROJECT = 'prj'
/** Each of some hundred samples waits for the disk of a machine that may be busy. */
const PATIENCE_MS = 120_000
const TARGET = { fileId: new ObjectId(), path: '{root[work]}/a.ma' }
let database: TestDatabase
let collection: Collection

beforeAll(async () => {
  database = await testDatabase({ monitorCommands: true })
  collection = database.db.collection(PROJECT)
})
afterAll(async () => await database.dispose())

type Shape = 'array' | 'object'
type Fields = readonly (readonly [string, unknown])[]

/** A pending record as people and earlier attempts leave it. */
const pendingRecord: fc.Arbitrary<Fields> = fc
  .tuple(
    fc.option(fc.constant(null), { nil: undefined }),
    fc.option(fc.constantFrom<unknown>(null, 0, 1, 2, new Double(1), new Int32(2), Long.fromNumber(1)), { nil: undefined }),
    fc.option(fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom<unknown>(null, 7, { a: 1 })), { nil: undefined }),
    fc.option(fc.oneof(anyDate, fc.constantFrom<unknown>(null, 'yesterday')), { nil: undefined }),
    fc.option(fc.oneof(fc.string({ maxLength: 5 }), fc.constantFrom<unknown>(null, '$id', 3)), { nil: undefined }),
    fc.option(fc.constantFrom<unknown>(0.5, ''), { nil: undefined }),
    fc.option(fc.constantFrom<unknown>(1, 50, 1000, 'high'), { nil: undefined }),
    unknownFields,
  )
  .chain(([created, tries, error, failed, id, progress, priority, more]) => {
    const known = { created_dt: created, tries, error, last_failed_dt: failed, id, progress, priority }
    const given = Object.entries(known).filter(([, value]) => value !== undefined)
    const fields: Fields = [...new Map<string, unknown>([...more, ...given])]
    return fc.shuffledSubarray([...fields], { minLength: fields.length })
  })

const otherRecord: fc.Arbitrary<Fields> = fc
  .tuple(fc.option(anyDate, { nil: null }), unknownFields)
  .map(([created, more]) => [...(created === null ? [] : [['created_dt', created] as const]), ...more])

interface Sample {
  readonly shape: Shape
  readonly document: Document
  readonly site: string
  /** Which entry of `files`, and which of its records. */
  readonly at: readonly [string, string]
}

/** A document with one record that is to be written, among all that a document may hold. */
const sample: fc.Arbitrary<Sample> = fc
  .record({
    shape: fc.constantFrom<Shape>('array', 'object'),
    site: anyName,
    record: pendingRecord,
    others: fc.uniqueArray(fc.tuple(anyName, otherRecord), { selector: ([name]) => name, maxLength: 4 }),
    file: unknownFields,
    files: fc.array(fc.oneof(fc.constantFrom<unknown>('text', null, 5), otherFile()), { maxLength: 3 }),
    fileAt: fc.nat(),
    recordAt: fc.nat(),
    document: unknownFields,
    context: anyValue,
  })
  .map((parts) => {
    const { shape, site, record, file, files, document, context } = parts
    const others = parts.others.filter(([name]) => name !== site)
    const recordAt = parts.recordAt % (others.length + 1)
    const fileAt = parts.fileAt % (files.length + 1)
    const records = others.toSpliced(recordAt, 0, [site, record])
    const sites =
      shape === 'array'
        ? records.map(([name, fields]) => objectOf([['name', name], ...fields]))
        : objectOf(records.map(([name, fields]) => [name, objectOf(fields)]))
    const { fileId, path } = TARGET
    const target = objectOf([
      ...file.filter(([name]) => !['_id', 'path', 'sites'].includes(name)),
      ['_id', fileId],
      ['path', path],
      ['sites', sites],
    ])
    return {
      shape,
      site,
      at: [String(fileAt), shape === 'array' ? String(recordAt) : site] as const,
      document: objectOf([
        ['_id', new ObjectId()],
        ['type', 'representation'],
        ...document.filter(([name]) => !['_id', 'type', 'files', 'context'].includes(name)),
        ['context', context],
        ['files', files.toSpliced(fileAt, 0, target)],
      ]),
    }
  })

/** An entry that resembles the one that is meant: its id, or its path, but never both. */
function otherFile(): fc.Arbitrary<unknown> {
  const ids = fc.constantFrom<unknown>(TARGET.fileId, String(TARGET.fileId), null, 1).map((_id) => ({ _id, path: '{root[work]}/b.ma' }))
  const paths = fc.constant(null).map(() => ({ _id: new ObjectId(), path: TARGET.path }))
  const sites = fc.oneof(
    fc.constantFrom<unknown>(null, 'text', ['gdrive'], [], {}),
    fc.uniqueArray(anyName, { maxLength: 3 }).map((names) => objectOf(names.map((name) => [name, {}]))),
    fc.uniqueArray(anyName, { maxLength: 3 }).map((names) => names.map((name) => ({ name }))),
  )
  return fc.tuple(fc.oneof(ids, paths), sites).map(([file, records]) => ({ ...file, sites: records }))
}

/** Values that no record holds by chance: one that shows the result already counts as written. */
const anyResult: fc.Arbitrary<RecordResult> = fc.oneof(
  fc.constantFrom('1aBcDeFg', '$id of it', 'a/b.ma').map((id): RecordResult => ({ kind: 'synced', id })),
  fc.constantFrom('boom boom', '$error', 'a "quoted" ž line').map((error): RecordResult => ({ kind: 'failed', error })),
  fc.constantFrom('quota exceeded', '$$ROOT').map((error): RecordResult => ({ kind: 'site-trouble', error })),
  fc.constantFrom(0, 0.25, 1).map((progress): RecordResult => ({ kind: 'progress', progress })),
)

/** What the service plans for the record, from what it reads. */
async function planned({ document, site }: Pick<Sample, 'document' | 'site'>, fileId: unknown = TARGET.fileId): Promise<Transfer> {
  const read = await representationReader(database.db, () => [site]).readFile(PROJECT, { representationId: document['_id'], fileId })
  const target = { name: site, provider: 'memory', root: new Map([['work', '/w']]), alternativeSites: [] }
  const settings: ProjectSettings = {
    enabled: true,
    localId: 'nobody-has-this-name',
    publishSite: 'nor-this-one',
    remoteSite: 'or-this',
    retryCount: 3,
    sites: new Map([[site, target]]),
  }
  const { verdicts } = examine(read ?? { _id: 0 }, PROJECT, settings, new Map())
  const verdict = verdicts.find((each) => each.path === TARGET.path && each.fileId?.toString() === String(fileId))
  if (!verdict?.transfer) throw new Error(`nothing is pending: ${JSON.stringify(verdict)}`)
  return verdict.transfer
}

/** As if it had never been there: a failing sample is tried again, smaller. */
async function insert({ document }: Sample): Promise<void> {
  await collection.deleteOne({ _id: document['_id'] as ObjectId })
  await collection.insertOne(document)
}

async function raw(id: unknown): Promise<Buffer> {
  return (await collection.findOne({ _id: id as ObjectId }, { raw: true })) as unknown as Buffer
}

const inAMinute = (): Date => new Date(Date.now() + 60_000)

/** What each result may write, and which of that is gone afterwards. */
const TOUCHED = {
  synced: { written: ['created_dt', 'id'], removed: ['error', 'tries', 'last_failed_dt', 'progress'] },
  failed: { written: ['error', 'tries', 'last_failed_dt'], removed: ['progress'] },
  'site-trouble': { written: ['error'], removed: [] },
  progress: { written: ['progress'], removed: [] },
} as const satisfies Record<RecordResult['kind'], { readonly written: readonly string[]; readonly removed: readonly string[] }>

/** The fields that are no business of the result's: as they were, in their order. */
function untouched(nodes: readonly BsonNode[], { kind }: RecordResult): readonly BsonNode[] {
  const touched: readonly string[] = [...TOUCHED[kind].written, ...TOUCHED[kind].removed]
  return nodes.filter(({ name }) => !touched.includes(name))
}

function touchedIn(record: Document, { kind }: RecordResult): Document {
  const { written, removed } = TOUCHED[kind]
  return Object.fromEntries(
    [...written, ...removed].filter((name) => Object.hasOwn(record, name)).map((name) => [name, record[name] as unknown]),
  )
}

function expected(result: RecordResult, before: Document): Document {
  const { kind, ...values } = result
  const date: unknown = expect.any(Date)
  if (kind === 'synced') return { ...values, created_dt: date }
  if (kind === 'failed') return { ...values, last_failed_dt: date, tries: (typeof before['tries'] === 'number' ? before['tries'] : 0) + 1 }
  return values
}

function datesIn(fields: Document): number[] {
  return Object.values(fields).flatMap((value) => (value instanceof Date ? [value.getTime()] : []))
}

function recordIn(document: Document | null, { at: [file, record] }: Sample): Document {
  const files = (document?.['files'] ?? []) as Document[]
  const sites = (files[Number(file)]?.['sites'] ?? {}) as Document
  const found = Object.entries(sites).find(([name]) => name === record)?.[1] as Document | undefined
  if (found === undefined) throw new Error('there is no such record')
  return found
}

test(
  'a result changes the one record it is for, as it must, and nothing else by a byte',
  async () => {
    await fc.assert(
      fc.asyncProperty(sample, anyResult, async (given, result) => {
        await insert(given)
        const id = given.document['_id'] as ObjectId
        const before = await raw(id)
        const documentBefore = await collection.findOne({ _id: id })
        const transfer = await planned(given)
        const since = Date.now()
        const written = await recordWriter(database.db).write({ address: transfer, result, until: inAMinute() })
        expect(written).toEqual({ kind: 'written' })
        const after = await raw(id)
        const place = ['files', given.at[0], 'sites', given.at[1]] as const
        expect(without(bsonNodes(after), ...place)).toEqual(without(bsonNodes(before), ...place))
        expect(untouched(childOf(bsonNodes(after), ...place), result)).toEqual(untouched(childOf(bsonNodes(before), ...place), result))
        const fields = touchedIn(recordIn(await collection.findOne({ _id: id }), given), result)
        expect(fields).toEqual(expected(result, recordIn(documentBefore, given)))
        for (const date of datesIn(fields)) expect(Math.abs(date - since)).toBeLessThan(60_000)
      }),
      { numRuns: 1500 },
    )
  },
  PATIENCE_MS,
)

/** What else may have become of the document between the claim and the result. */
const rewrites: Readonly<Record<string, unknown>> = {
  tries: 7,
  error: 'another',
  last_failed_dt: new Date(1_234_567),
  created_dt: new Date(1_234_567),
  id: 'another',
}

test(
  'a record that was rewritten since it was read is left alone; a changed priority or unknown field does not count',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        sample,
        anyResult,
        fc.constantFrom(...Object.keys(rewrites), 'priority', 'something'),
        async (given, result, field) => {
          await insert(given)
          const id = given.document['_id'] as ObjectId
          const transfer = await planned(given)
          const { files } = (await collection.findOne({ _id: id })) as Document
          const entry = (files as Document[])[Number(given.at[0])] as Document
          const record = recordIn({ files }, given)
          Object.assign(record, { [field]: rewrites[field] ?? 'something else' })
          await collection.updateOne({ _id: id }, [
            { $set: { [`files`]: { $literal: (files as Document[]).with(Number(given.at[0]), entry) } } },
          ])
          const before = await raw(id)
          const written = await recordWriter(database.db).write({ address: transfer, result, until: inAMinute() })
          const counts = field in rewrites
          // Progress is nothing that anybody waits for.
          expect(written.kind).toBe(counts && result.kind !== 'progress' ? 'rewritten' : 'written')
          expect((await raw(id)).equals(before)).toBe(counts)
          expect(recordIn(await collection.findOne({ _id: id }), given)[field]).toEqual(rewrites[field] ?? 'something else')
        },
      ),
      { numRuns: 150 },
    )
  },
  PATIENCE_MS,
)

test(
  'a lease that is over, and whatever is gone: nothing is written, nothing is made',
  async () => {
    const gone = {
      'over lease': { kind: 'fenced' },
      document: { kind: 'gone', what: 'document' },
      'file entry': { kind: 'gone', what: 'file entry' },
      'file entry replaced': { kind: 'gone', what: 'file entry' },
      skeleton: { kind: 'gone', what: 'skeleton' },
      'all sites': { kind: 'gone', what: 'skeleton' },
      'other shape': { kind: 'gone', what: 'skeleton' },
      'no files': { kind: 'gone' },
    } as const
    await fc.assert(
      fc.asyncProperty(sample, anyResult, fc.constantFrom(...(Object.keys(gone) as (keyof typeof gone)[])), async (given, result, what) => {
        await insert(given)
        const id = given.document['_id'] as ObjectId
        const transfer = await planned(given)
        const files = given.document['files'] as Document[]
        const at = Number(given.at[0])
        const sites = (files[at] as Document)['sites'] as Document
        const others = Array.isArray(sites)
          ? sites.filter(({ name }: Document) => name !== given.site)
          : objectOf(Object.entries(sites).filter(([name]) => name !== given.site))
        const set = async (value: unknown): Promise<unknown> =>
          await collection.updateOne({ _id: id }, [{ $set: { files: { $literal: value } } }])
        if (what === 'document') await collection.deleteOne({ _id: id })
        if (what === 'no files') await collection.updateOne({ _id: id }, { $unset: { files: '' } })
        if (what === 'file entry') await set(files.toSpliced(at, 1))
        if (what === 'file entry replaced') await set(files.with(at, { ...files[at], _id: new ObjectId() }))
        if (what === 'skeleton') await set(files.with(at, { ...files[at], sites: others }))
        if (what === 'all sites') await set(files.with(at, { _id: files[at]?.['_id'] as ObjectId, path: TARGET.path }))
        if (what === 'other shape') await set(files.with(at, { ...files[at], sites: Array.isArray(sites) ? {} : [] }))
        const count = await collection.countDocuments()
        const before = await raw(id)
        const until = what === 'over lease' ? new Date(Date.now() - 1) : inAMinute()
        const written = await recordWriter(database.db).write({ address: transfer, result, until })
        expect(written).toMatchObject(gone[what])
        expect(await raw(id)).toEqual(before)
        expect(await collection.countDocuments()).toBe(count)
      }),
      { numRuns: 150 },
    )
  },
  PATIENCE_MS,
)

function resultOf(n: number): RecordResult {
  if (n % 3 === 0) return { kind: 'synced', id: `id ${n}` }
  return n % 3 === 1 ? { kind: 'failed', error: `error ${n}` } : { kind: 'site-trouble', error: `trouble ${n}` }
}

test('results of one document at the same time: every record has its own, whatever the shapes and names', async () => {
  const sites = ['gdrive', 'nas', ...ODD_NAMES]
  const files = [0, 1, 2, 3].map((n) => ({
    _id: new ObjectId(),
    path: TARGET.path,
    sites: n % 2 === 0 ? sites.map((name) => ({ name, n })) : objectOf(sites.map((name) => [name, { n }])),
  }))
  const document = { _id: new ObjectId(), type: 'representation', files }
  await collection.insertOne(document)
  const writer = recordWriter(database.db)
  const work = files.flatMap(({ _id }) => sites.map((site) => ({ _id, site })))
  const writes = await Promise.all(
    work.map(async ({ _id, site }, n) => ({
      address: await planned({ document, site }, _id),
      result: resultOf(n),
      until: n % 7 === 6 ? new Date(0) : inAMinute(),
    })),
  )
  const written = await Promise.all(writes.map(async (write) => await writer.write(write)))
  const after = ((await collection.findOne({ _id: document._id }))?.['files'] ?? []) as Document[]
  for (const [n, { _id, site }] of work.entries()) {
    const all = after.find((file) => String(file['_id']) === String(_id))?.['sites'] as Document
    const [, record] = Object.entries(all).find(([name, value]) =>
      Array.isArray(all) ? (value as Document)['name'] === site : name === site,
    ) as [string, Document]
    const own = resultOf(n)
    const isFenced = n % 7 === 6
    expect(written[n]).toEqual({ kind: isFenced ? 'fenced' : 'written' })
    const { name: _, n: __, ...fields } = record
    expect(fields).toEqual(isFenced ? {} : expected(own, {}))
  }
})

test('entries and records that move, come and go while results of their document are written: each result is where it belongs, or nowhere', async () => {
  const writer = recordWriter(database.db)
  for (let round = 0; round < 25; round++) {
    const ids = Array.from({ length: 8 }, () => new ObjectId())
    const files = ids.map((_id, n) => ({ _id, path: TARGET.path, sites: n % 2 === 0 ? [{ name: 'gdrive' }] : { gdrive: {} } }))
    const document = { _id: new ObjectId(), type: 'representation', files }
    await collection.insertOne(document)
    const addresses = await Promise.all(ids.map(async (id) => await planned({ document, site: 'gdrive' }, id)))
    const stray = (): Document => ({ _id: new ObjectId(), path: TARGET.path, sites: [{ name: 'gdrive' }] })
    const move = async (change: Document): Promise<unknown> => await collection.updateOne({ _id: document._id }, change)
    const moves = async (): Promise<void> => {
      await move({ $push: { files: { $each: [stray(), stray()], $position: 0 } } })
      await move({ $pull: { files: { _id: ids[3] } } })
      await move({ $push: { 'files.$[].sites': { $each: [{ name: 'nas' }], $position: 0 } } }).catch(() => undefined)
      await move({ $pull: { files: { _id: ids[4] } } })
    }
    const write = async (address: Transfer, n: number): Promise<string> =>
      (await writer.write({ address, result: { kind: 'synced', id: `id ${n}` }, until: inAMinute() })).kind
    const [kinds] = await Promise.all([Promise.all(addresses.map(write)), moves()])
    const after = ((await collection.findOne({ _id: document._id }))?.['files'] ?? []) as Document[]
    for (const [n, id] of ids.entries()) {
      const sites = after.find(({ _id }) => String(_id) === String(id))?.['sites'] as Document | undefined
      const record = Array.isArray(sites)
        ? (sites as Document[]).find(({ name }) => name === 'gdrive')
        : (sites?.['gdrive'] as Document | undefined)
      expect(record?.['id']).toBe(sites === undefined ? undefined : `id ${n}`)
    }
    expect(kinds.filter((kind) => kind !== 'written' && kind !== 'gone')).toEqual([])
    const strays = after.filter(({ _id }) => !ids.some((id) => String(id) === String(_id)))
    expect(strays.map(({ sites }) => (sites as Document[]).find(({ name }) => name === 'gdrive'))).toEqual([
      { name: 'gdrive' },
      { name: 'gdrive' },
    ])
  }
})

/** What a record says when it is read, and what it says when the results are written. */
const CHANGES: readonly (readonly [then: Document, now: Document])[] = [
  [{}, { created_dt: new Date(1_234_567) }],
  [{}, { error: null }],
  [{ error: null }, {}],
  [{ tries: 1 }, { tries: 2 }],
  [{ tries: 1 }, { tries: '1' }],
  [{ last_failed_dt: new Date(1) }, { last_failed_dt: new Date(2) }],
  [{ id: 'a' }, { id: 'b' }],
]

describe.each(['array', 'object'] as const)('fifty results of one document (%s)', (shape) => {
  const recordFor = (fields: Document): unknown => (shape === 'array' ? [{ name: 'gdrive', ...fields }] : { gdrive: fields })

  async function claimed(then: Document) {
    const files = Array.from({ length: 50 }, (_, n) => ({ _id: new ObjectId(), path: TARGET.path, sites: recordFor(n === 7 ? then : {}) }))
    const document = { _id: new ObjectId(), type: 'representation', files }
    await collection.insertOne(document)
    const addresses = await Promise.all(files.map(async ({ _id }) => await planned({ document, site: 'gdrive' }, _id)))
    const write = async (): Promise<string[]> => {
      const writer = recordWriter(database.db)
      const results = addresses.map(
        async (address, n) => await writer.write({ address, result: { kind: 'synced', id: `${n}` }, until: inAMinute() }),
      )
      return (await Promise.all(results)).map(({ kind }) => kind)
    }
    const stored = async (): Promise<Document[]> => {
      const { files: all } = (await collection.findOne({ _id: document._id })) as Document
      return (all as Document[]).map(
        ({ sites }) => (shape === 'array' ? (sites as Document[])[0] : (sites as Document)['gdrive']) as Document,
      )
    }
    return { document, write, stored }
  }

  test.each([{}, { error: null, tries: 2, last_failed_dt: new Date(5), id: 'x' }])(
    'are one update, whatever a record says (%j)',
    async (then) => {
      const { write, stored } = await claimed(then)
      const commands: string[] = []
      const note = ({ commandName }: { commandName: string }): void => void commands.push(commandName)
      database.client.on('commandStarted', note)
      const kinds = await write()
      database.client.off('commandStarted', note)
      expect(new Set(kinds)).toEqual(new Set(['written']))
      expect(commands).toEqual(['find', 'update'])
      expect((await stored()).map(({ id }) => id as string)).toEqual(kinds.map((_, n) => `${n}`))
    },
  )

  test.each(CHANGES)('leave a record alone that said %j when it was read and says %j now; the others are written', async (then, now) => {
    const { document, write, stored } = await claimed(then)
    await collection.updateOne({ _id: document._id }, { $set: { 'files.7.sites': recordFor(now) } })
    const kinds = await write()
    expect(kinds.flatMap((kind, n) => (kind === 'written' ? [] : [[n, kind]]))).toEqual([[7, 'rewritten']])
    const records = await stored()
    expect(records[7]).toEqual({ ...(shape === 'array' && { name: 'gdrive' }), ...now })
    expect(records.filter(({ created_dt: date }) => date instanceof Date)).toHaveLength('created_dt' in now ? 50 : 49)
  })
})

test('progress and the result of one record at the same time: the result stays', async () => {
  const document = {
    _id: new ObjectId(),
    type: 'representation',
    files: [{ _id: TARGET.fileId, path: TARGET.path, sites: [{ name: 'gdrive' }] }],
  }
  await collection.insertOne(document)
  const address = await planned({ document, site: 'gdrive' })
  const writer = recordWriter(database.db)
  const results: readonly RecordResult[] = [
    { kind: 'progress', progress: 0.2 },
    { kind: 'progress', progress: 0.4 },
    { kind: 'synced', id: 'x' },
    { kind: 'progress', progress: 0.6 },
  ]
  await Promise.all(results.map(async (result) => await writer.write({ address, result, until: inAMinute() })))
  expect((await collection.findOne({ _id: document._id }))?.['files']).toEqual([
    { ...document.files[0], sites: [{ name: 'gdrive', id: 'x', created_dt: expect.any(Date) as Date }] },
  ])
})
