import { Long, ObjectId, type Document } from 'mongodb'
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
/** One stretch of so many documents, and no time for more. */
const AT_ONCE: Pace = { first: 50, most: 50, soonMs: 0, lateMs: 0, indexMs: 10_000 }
const SHOWN = new Set(['exhausted'] as const)

/** Ids of all kinds, in the order of the database. */
function idOf(n: number): unknown {
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
  const first = await list({ error: 'no' })
  expect([first.items, typeof first.nextCursor]).toEqual([[], 'string'])
  const { paths, pages } = await all({ error: 'no' })
  expect(paths).toEqual([4, 3])
  expect(pages.length).toBeGreaterThan(10)
  // Indexes that do not lead there in time are no fault.
  const late = await all({ states: SHOWN, pace: { ...AT_ONCE, indexMs: 1 } })
  expect(late.paths).toEqual([4, 3])
})
