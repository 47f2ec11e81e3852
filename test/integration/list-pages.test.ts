import { Long, MaxKey, MinKey, ObjectId, type Document } from 'mongodb'
import { expect, test } from 'vitest'

import { loadSettings } from '../../src/config/load-settings.ts'
import { projectSettings } from '../../src/model/project-settings.ts'
import { listRepresentations, type ListRequest, type RepresentationList } from '../../src/service/list-representations.ts'
import type { Pace } from '../../src/service/walk-project.ts'
import { createIndexes, wantedIndexes } from '../../src/streams/indexes.ts'
import { inArray, inObject, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { writeConfig } from '../support/service-process.ts'

const COUNT = 1_000
/** One stretch of so many documents, what indexes lead to, and no time for more. */
const AT_ONCE: Pace = { first: 50, most: 50, emptyMs: 0, soonMs: 0, lateMs: 0, aloneMs: 10_000, indexMs: 10_000 }
const SHOWN = new Set(['exhausted'] as const)

/** Ids of all kinds, in the order of the database. */
function idOf(n: number): unknown {
  if (n === 0) return new MinKey()
  if (n === COUNT - 1) return new MaxKey()
  if (n < 200) return n % 2 === 0 ? n : Long.fromNumber(n)
  if (n < 500) return `s${n}`
  if (n < 520) return { nested: n }
  return new ObjectId(n.toString(16).padStart(24, '0'))
}

interface Listing {
  readonly stage: Stage
  readonly list: (more: Partial<ListRequest>) => Promise<RepresentationList>
  readonly all: (more: Partial<ListRequest>) => Promise<{ readonly paths: readonly number[]; readonly pages: readonly number[] }>
}

/** A project in which each document is in the other shape of records, and those that are chosen are exhausted. */
async function listing(isExhausted: (n: number) => boolean): Promise<Listing> {
  const stage = await Stage.open()
  const { settings } = await loadSettings(await writeConfig(stage), {})
  const documents = Array.from({ length: COUNT }, (_, n): Document => {
    const mirror = isExhausted(n) ? { tries: 3, error: 'no' } : { created_dt: T0 }
    const sites = n % 2 === 0 ? inArray({ name: 'mirror', ...mirror }) : inObject({ mirror })
    // Some are no representations, and count where it is about how far was looked.
    const type = n % 10 === 9 ? 'version' : 'representation'
    return { _id: idOf(n), type, context: { asset: `n${n}` }, files: [{ _id: new ObjectId(), path: `{root[work]}/${n}`, sites }] }
  })
  await stage.project().insertMany(documents as never)
  await createIndexes(stage.db.client, stage.db.databaseName, 'prj', wantedIndexes(projectSettings(settings, 'prj')))
  const request = { project: 'prj', sort: { key: 'id', descending: true }, limit: 20, pace: AT_ONCE } as const
  const list: Listing['list'] = async (more) =>
    listRepresentations({ db: stage.db, settings }, { ...request, ...more }, new AbortController().signal)
  return {
    stage,
    list,
    all: async (more) => {
      const paths: number[] = []
      const pages: number[] = []
      let cursor: string | null | undefined
      while (cursor !== null && pages.length < COUNT) {
        const page: RepresentationList = await list({ ...more, cursor })
        paths.push(...page.items.map(({ asset }) => Number(asset?.slice(1))))
        pages.push(page.items.length)
        cursor = page.nextCursor
      }
      return { paths, pages }
    },
  }
}

/** With the number of documents that the server read for it. */
async function examining<T>({ db }: Stage, look: () => Promise<T>): Promise<{ readonly result: T; readonly examined: number }> {
  await db.collection('system.profile').drop()
  await db.command({ profile: 2 })
  const result = await look()
  await db.command({ profile: 0 })
  const read = await db
    .collection('system.profile')
    .find({ ns: `${db.databaseName}.prj` })
    .toArray()
  expect(read.length).toBeGreaterThan(0)
  return { result, examined: read.reduce((sum, { docsExamined }) => sum + Number(docsExamined ?? 0), 0) }
}

const isShown = (n: number): boolean => n % 10 !== 9
const numbers = (isIt: (n: number) => boolean): readonly number[] =>
  Array.from({ length: COUNT }, (_, n) => n).filter((n) => isShown(n) && isIt(n))

test('a list by id that takes long gives what it found, and goes on from where it was: each once, in order, whatever the ids', async () => {
  const { all } = await listing((n) => n % 70 === 0)
  for (const [more, isIt] of [
    [{ states: SHOWN }, (n: number) => n % 70 === 0],
    [{ whole: true }, (n: number) => n % 70 !== 0],
    [{ q: '7' }, (n: number) => String(n).includes('7')],
    [{ error: 'N' }, (n: number) => n % 70 === 0],
    [{}, () => true],
  ] as const) {
    for (const descending of [true, false]) {
      const { paths, pages } = await all({ ...more, sort: { key: 'id', descending } })
      const expected = numbers(isIt)
      expect(paths).toEqual(descending ? expected.toReversed() : expected)
      expect(Math.max(...pages)).toBeLessThanOrEqual(20)
    }
  }
})

test('the first page looks at no more documents than fit into its time', async () => {
  const { stage, list } = await listing((n) => n % 70 === 0)
  const { result, examined } = await examining(stage, async () => list({ states: SHOWN }))
  expect([result.items.map(({ asset }) => asset), typeof result.nextCursor]).toEqual([['n980'], 'string'])
  // Those of other kinds among them: 50 in all.
  expect(examined).toBeLessThanOrEqual(AT_ONCE.first)
})

test('what is open and far away is found by the indexes at once; what no index holds is looked for page by page', async () => {
  const { stage, list, all } = await listing((n) => n === 3 || n === 4)
  const { result: open, examined } = await examining(stage, async () => list({ states: SHOWN }))
  expect([open.items.map(({ asset }) => asset), open.nextCursor]).toEqual([['n4', 'n3'], null])
  expect(examined).toBeLessThanOrEqual(AT_ONCE.first + 4)
  const first = await list({ q: 'n123' })
  expect([first.items, typeof first.nextCursor]).toEqual([[], 'string'])
  const { paths, pages } = await all({ q: 'n123' })
  expect(paths).toEqual([123])
  expect(pages.length).toBeGreaterThan(10)
  // Indexes that do not lead there in time are no fault.
  const late = await all({ states: SHOWN, pace: { ...AT_ONCE, indexMs: 1 } })
  expect(late.paths).toEqual([4, 3])
})

test('of what was given up, the index leads to what has so many tries alone', async () => {
  const { stage, list } = await listing((n) => n === 3 || n === 4)
  const isWaiting = { 'files.sites.mirror': { $exists: true }, 'context.asset': { $gt: 'n6' } }
  const { modifiedCount } = await stage.project().updateMany(isWaiting, { $set: { 'files.0.sites.mirror': {} } })
  expect(modifiedCount).toBeGreaterThan(100)
  const { result, examined } = await examining(stage, async () => list({ states: SHOWN, error: 'no' }))
  expect([result.items.map(({ asset }) => asset), result.nextCursor]).toEqual([['n4', 'n3'], null])
  expect(examined).toBeLessThanOrEqual(AT_ONCE.first + 10)
})

test('an error in whatever state: open records that have it come first, wherever they are, then others; each once', async () => {
  const { stage, list, all } = await listing((n) => n === 3 || n === 4)
  const add = async (n: number, record: Document): Promise<void> => {
    const push = n % 2 === 0 ? { $push: { 'files.0.sites': record } } : { $set: { [`files.0.sites.${record['name']}`]: record } }
    expect((await stage.project().updateOne({ 'context.asset': `n${n}` }, push as never)).modifiedCount).toBe(1)
  }
  const left = { created_dt: T0, error: 'no longer' }
  for (const n of [4, 5, 900, 901]) await add(n, { name: 'studio', ...left })
  // Of sites that nobody configured.
  for (const n of [3, 10, 701]) await add(n, { name: 'tape', error: 'No' })
  const { result: first, examined } = await examining(stage, async () => list({ error: 'no' }))
  expect([first.items.map(({ asset }) => asset), typeof first.nextCursor]).toEqual([['n4', 'n3'], 'string'])
  // A stretch of each part.
  expect(examined).toBeLessThanOrEqual(2 * AT_ONCE.first + 6)
  expect((await all({ error: 'no' })).paths).toEqual([4, 3, 901, 900, 701, 10, 5])
  expect((await all({ error: 'NO', limit: 1, sort: { key: 'id', descending: false } })).paths).toEqual([3, 4, 5, 10, 701, 900, 901])
  expect((await all({ error: 'no', site: 'studio' })).paths).toEqual([901, 900, 5, 4])
  expect((await all({ error: 'longer', whole: true })).paths).toEqual([901, 900, 5])
  expect((await all({ error: 'no', sort: { key: 'asset', descending: false } })).paths).toEqual([10, 3, 4, 5, 701, 900, 901])
  // Of all projects.
  const other = {
    type: 'representation',
    context: { asset: 'n5000' },
    files: [{ _id: new ObjectId(), path: 'x', sites: inArray({ name: 'mirror', ...left }) }],
  }
  await stage.db.collection('another').insertOne(other)
  expect((await all({ error: 'no', project: undefined })).paths).toEqual([4, 3, 5000, 901, 900, 701, 10, 5])
  // A place in the second part is none of a list that has one.
  let cursor = first.nextCursor
  while (cursor !== null && (await list({ error: 'no', cursor })).items[0]?.asset !== 'n901')
    cursor = (await list({ error: 'no', cursor })).nextCursor
  await expect(list({ states: SHOWN, cursor: String((await list({ error: 'no', cursor: cursor ?? '' })).nextCursor) })).rejects.toThrow(
    '"cursor" is not one',
  )
})

/** Much that waits, and at its far end what was tried, and what a site refused without a try. */
async function waiting(): Promise<Listing> {
  const { stage, ...more } = await listing((n) => n === 3 || n === 4)
  const set = async (n: number, record: Document): Promise<void> => {
    const [element, field] = ['files.0.sites.0', 'files.0.sites.mirror']
    const value = n % 2 === 0 ? { [element]: { name: 'mirror', ...record } } : { [field]: record }
    await stage.project().updateOne({ 'context.asset': `n${n}` }, { $set: value })
  }
  await stage
    .project()
    .updateMany({ 'files.sites.name': 'mirror', 'context.asset': { $gt: 'n5' } }, { $unset: { 'files.0.sites.0.created_dt': 1 } })
  await stage.project().updateMany(
    { 'files.sites.mirror': { $exists: true }, 'context.asset': { $gt: 'n5' } },
    {
      $set: { 'files.0.sites.mirror': {} },
    },
  )
  await set(7, { tries: 1, error: 'no' })
  for (const n of [2, 5, 8]) await set(n, { error: 'No quota' })
  return { stage, ...more }
}
const FAILED = new Set(['failed', 'exhausted'] as const)
const numbersOf = ({ items }: RepresentationList): readonly number[] => items.map(({ asset }) => Number(asset?.slice(1)))

test('what was tried is found at once among all that waits, and what only has an error comes after it: each once', async () => {
  const { stage, list, all } = await waiting()
  for (const key of ['id', 'asset'] as const) {
    const { result, examined } = await examining(stage, async () => list({ states: FAILED, sort: { key, descending: true } }))
    expect([numbersOf(result), typeof result.nextCursor]).toEqual([[7, 4, 3], 'string'])
    expect(examined).toBeLessThanOrEqual(AT_ONCE.first + 10)
  }
  // One more near the other end, which is found first: the index is asked for a later page then.
  const near = { 'files.0.sites.mirror': { tries: 1, error: 'no' } }
  await stage.project().updateOne({ 'context.asset': 'n995' }, { $set: near })
  const [tried, refused] = [
    [3, 4, 7, 995],
    [2, 5, 8],
  ]
  for (const descending of [true, false]) {
    const ordered = (of: readonly number[]): readonly number[] => (descending ? of.toReversed() : of)
    for (const key of ['id', 'asset'] as const) {
      for (const more of [{ states: FAILED }, { states: FAILED, error: 'NO' }]) {
        for (const limit of [20, 7, 6, 5, 4, 3, 1]) {
          const { paths, pages } = await all({ ...more, sort: { key, descending }, limit })
          // By id they are not told apart where they are near, nor where more were tried than fit.
          const isOneList = key === 'id' && (!descending || limit < 3)
          expect(paths).toEqual(
            isOneList ? ordered([...tried, ...refused].toSorted((a, b) => a - b)) : [...ordered(tried), ...ordered(refused)],
          )
          expect(Math.max(...pages)).toBeLessThanOrEqual(limit)
        }
      }
    }
  }
})

test('an error that no open record has: the first answer comes when that is known, and everything is looked through by further ones', async () => {
  const { stage, list, all } = await waiting()
  const gone = { 'files.0.sites.0.error': 'long gone', 'files.0.sites.0.created_dt': T0 }
  await stage.project().updateOne({ 'context.asset': 'n6' }, { $set: gone })
  // As what no index leads to, which is not even asked.
  for (const more of [{ error: 'gone' }, { q: 'n6' }]) {
    const pace = { ...AT_ONCE, lateMs: 60_000 }
    const { result, examined } = await examining(stage, async () => list({ ...more, pace, limit: 200 }))
    expect([typeof result.nextCursor, examined <= AT_ONCE.first + 10]).toEqual(['string', true])
  }
  const { paths, pages } = await all({ error: 'gone' })
  expect(paths).toEqual([6])
  expect(pages.length).toBeGreaterThan(COUNT / AT_ONCE.first)
})

test('an index that leads to too much is not asked again', async () => {
  const { stage, list } = await listing((n) => n < 900)
  const request = { states: SHOWN, error: 'nothing' }
  const first = await list({ ...request, pace: { ...AT_ONCE, indexMs: 1 } })
  expect([first.items, typeof first.nextCursor]).toEqual([[], 'string'])
  const { result, examined } = await examining(stage, async () => list({ ...request, cursor: first.nextCursor ?? undefined }))
  expect([result.items, typeof result.nextCursor]).toEqual([[], 'string'])
  expect(examined).toBeLessThanOrEqual(AT_ONCE.first)
})

test('while indexes lead to much, it is looked on by id, and what is found first is shown', async () => {
  const { list } = await listing((n) => n < 900)
  // So slow an index comes never.
  const pace = { first: 50, most: 50, emptyMs: 0, soonMs: 0, lateMs: 60_000, aloneMs: 0, indexMs: 60_000 }
  const { items, nextCursor } = await list({ states: SHOWN, pace, limit: 2 })
  expect([items.map(({ asset }) => asset), typeof nextCursor]).toEqual([['n898', 'n897'], 'string'])
})
