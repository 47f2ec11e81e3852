import { readdirSync } from 'node:fs'

import * as fc from 'fast-check'
import {
  BSON,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  MongoBulkWriteError,
  ObjectId,
  Timestamp,
  UUID,
  type Collection,
} from 'mongodb'
import { expect, test } from 'vitest'

import { anyDate, anyValue, objectOf, unknownFields } from '../../support/any-document.ts'
import { bsonNodes, type BsonNode } from '../../support/bson-nodes.ts'
import { inArray, entry, representation, type Representation } from '../../support/published.ts'
import { Stage } from '../../support/service-harness.ts'

const HOSTILE = 'hostile'
/** Sites of this production: whatever they are called, they are served. */
const SITES = ['gdrive', '__proto__', 'constructor', 'a.b'] as const
/** Two of the fields of one index are arrays. */
const PARALLEL_ARRAYS = 171
const RESULTS = new Set(['created_dt', 'id', 'error', 'tries', 'last_failed_dt'])

const exotic = fc.constantFrom<unknown[]>(
  Decimal128.fromString('NaN'),
  Decimal128.fromString('2'),
  Long.fromString('9007199254740993'),
  new Int32(-1),
  new Double(Number.NaN),
  new Double(Infinity),
  new MinKey(),
  new MaxKey(),
  new Code('function () { return 1 }', { gdrive: {} }),
  new DBRef('prj', new ObjectId()),
  new BSONRegExp('(a+)+$', 'i'),
  new BSONSymbol('gdrive'),
  new Timestamp({ t: 1, i: 2 }),
  new UUID(),
  undefined,
)
const tricky = fc.constantFrom<unknown[]>(
  '\u001b[2J\u001b]0;title\u0007',
  'two\nlines\r\n',
  '\u202egnp.exe',
  '\u0000',
  'a'.repeat(5_000),
  '$where',
  '{"$gt": ""}',
)
const value: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: anyValue },
  { weight: 2, arbitrary: exotic },
  { weight: 1, arbitrary: tricky },
)

/** As it should be, mostly. */
const or = (right: fc.Arbitrary<unknown>, weight = 5) => fc.oneof({ weight, arbitrary: right }, { weight: 1, arbitrary: value })

const path = fc.constantFrom(
  '{root[work]}/there.exr',
  '{root[work]}/none.exr',
  '{root[work]}/../../etc/passwd',
  '{root[work]}/sub/../../../secret',
  '{root[__proto__]}/x',
  '{root[constructor]}/x',
  '{root}/x',
  '/etc/passwd',
  '{root[work]}/\u001b[31mred\nline',
  '{root[work]}/__proto__',
)

const fields = fc
  .record(
    {
      created_dt: or(fc.oneof(fc.constant(null), anyDate), 2),
      tries: or(fc.constantFrom(0, 1, 2, 3, 99, -1), 2),
      paused: or(fc.boolean(), 1),
      priority: or(fc.integer({ min: -5, max: 2_000 }), 2),
      error: or(fc.constant('earlier'), 1),
      last_failed_dt: or(anyDate, 1),
      id: or(fc.constant('an id'), 1),
    },
    { requiredKeys: [] },
  )
  .map((all) => Object.entries(all))

const record = fc
  .tuple(fc.oneof(fc.constant([]), fields), unknownFields)
  .map(([known, unknown]) => [...known, ...unknown.filter(([name]) => name !== 'priority')])
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('studio', ...SITES) },
  { weight: 1, arbitrary: fc.constantFrom('elsewhere', '', '$x', 'toString', '0') },
)

const inAnArray = fc.array(or(fc.tuple(or(name), record).map(([site, more]) => objectOf([['name', site], ...more]))), { maxLength: 5 })
const inAnObject = fc.uniqueArray(fc.tuple(name, or(record.map(objectOf))), { maxLength: 5, selector: ([site]) => site }).map(objectOf)

const file = fc
  .record(
    { _id: or(fc.constantFrom<unknown[]>('one', 'two', new ObjectId()), 3), path: or(path), sites: or(fc.oneof(inAnArray, inAnObject)) },
    { requiredKeys: [] },
  )
  .map((all) => objectOf(Object.entries(all)))

/** Whatever the owner's database may hold in the place of a representation. */
const anyRepresentation = fc
  .record(
    {
      type: or(fc.constant('representation'), 9),
      context: or(fc.constant({ root: { work: '/nowhere' } })),
      files: or(fc.array(or(file, 8), { maxLength: 4 })),
    },
    { requiredKeys: ['type'] },
  )
  .map((all) => objectOf(Object.entries(all)))

type Plain = Record<string, unknown>
const isPlain = (candidate: unknown): candidate is Plain =>
  typeof candidate === 'object' && candidate !== null && Object.getPrototypeOf(candidate) === Object.prototype

/** Whose records may ask: downloads are wanted at the publish site. */
const ASKING = ['studio', ...SITES]

/** Where records stand that ask for an attempt; said again, without a line of the service. */
function openRecords(bytes: Uint8Array): string[][] {
  const { type, files } = BSON.deserialize(bytes) as { type?: unknown; files?: unknown }
  if (type !== 'representation' || !Array.isArray(files)) return []
  return (files as unknown[]).flatMap((each, index): string[][] => {
    if (!isPlain(each) || typeof each['path'] !== 'string' || (each['_id'] ?? null) === null) return []
    const { sites } = each
    const records: (readonly [string, unknown, unknown])[] = Array.isArray(sites)
      ? (sites as unknown[]).map((one, at) => [String(at), isPlain(one) ? one['name'] : undefined, one] as const)
      : isPlain(sites)
        ? Object.entries(sites).map(([site, one]) => [site, site, one] as const)
        : []
    return records
      .filter(([, site, one]) => ASKING.some((known) => known === site) && isPlain(one) && asks(one))
      .map(([key]) => ['files', String(index), 'sites', key])
  })
}

function asks(one: Plain): boolean {
  const own = (field: string): unknown => (Object.hasOwn(one, field) ? one[field] : undefined)
  const tries = own('tries') ?? 0
  return (own('created_dt') ?? null) === null && own('paused') !== true && typeof tries === 'number' && tries < 3
}

/** The document without the results in these records. */
function withoutResults(nodes: readonly BsonNode[], records: readonly (readonly string[])[]): readonly BsonNode[] {
  const here = records.some((rest) => rest.length === 0)
  return nodes
    .filter(({ name: field }) => !(here && RESULTS.has(field)))
    .map((node) => {
      const below = records.filter(([first]) => first === node.name).map(([, ...rest]) => rest)
      return below.length === 0 || typeof node.value === 'string' ? node : { ...node, value: withoutResults(node.value, below) }
    })
}

/** Inserts them; gives the ids of those that no index over two fields could hold, which the server does not take. */
async function refused(collection: Collection<Representation>, documents: readonly Plain[]): Promise<string[]> {
  try {
    await collection.insertMany(documents as unknown as Representation[], { ordered: false })
    return []
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error
    const errors = [error.writeErrors].flat()
    if (errors.some(({ code }) => code !== PARALLEL_ARRAYS)) throw error
    return errors.map(({ index }) => String(documents[index]?.['_id']))
  }
}

test('documents with anything anywhere: nothing is written but results in records that ask for an attempt; others are served meanwhile', async () => {
  const stage = await Stage.open({ sites: SITES.map((site) => ({ name: site })), settings: { loopDelaySeconds: 1 } })
  await stage.file('there.exr')
  await stage.file('secret', 'outside')
  const running = await stage.start()
  const hostile = stage.project(HOSTILE)
  const tried = { documents: 0, records: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(anyRepresentation, { minLength: 40, maxLength: 60 }), async (parts) => {
      const documents = parts.map((part) => objectOf([['_id', new ObjectId()], ...Object.entries(part)]))
      const bytes = new Map(documents.map((document) => [String(document['_id']), BSON.serialize(document, { ignoreUndefined: false })]))
      for (const id of await refused(hostile, documents)) bytes.delete(id)
      const good = representation([entry('{root[work]}/there.exr', inArray(...SITES))])
      await stage.insert(good)
      for (const site of SITES) await stage.synced(good, { site })
      for (const site of SITES) await stage.fence({ project: HOSTILE, site })
      for (const [id, before] of bytes) {
        const after = await stage.raw({ _id: new ObjectId(id) }, HOSTILE)
        const open = openRecords(before)
        tried.documents++
        tried.records += open.length
        const wanted = withoutResults(bsonNodes(before), open)
        expect(withoutResults(bsonNodes(after ?? Buffer.alloc(0)), open)).toEqual(wanted)
        // Nobody is to touch it: the same to the last byte.
        expect(open.length > 0 || after?.equals(before) === true).toBe(true)
      }
    }),
    { numRuns: 12, endOnFailure: true },
  )
  expect(tried.records).toBeGreaterThan(100)
  await stage.settle(running, HOSTILE)
  // No file but that of the publish site ever went anywhere.
  for (const site of SITES)
    for (const stored of stage.spy(site).store.paths()) expect(stored).toMatch(/^\/My Drive\/w\/(there\.exr|fence\/\d+)$/)
  expect(readdirSync(stage.studioPath('')).toSorted()).toEqual(['fence', 'secret', 'there.exr'])
  expect(running.lines.count('service.unexpected', 'database.lost', 'scan.failed')).toBe(0)
  await running.stop()
}, 120_000)
