import { afterEach, beforeEach, expect, test, vi } from 'vitest'

// @ts-expect-error The page is written in JavaScript.
import { keyOf, ofKey, QueueList } from '../../../src/http/page/queue-list.js'
// @ts-expect-error The page is written in JavaScript.
import { getFirst } from '../../../src/http/page/api.js'

interface Item {
  readonly project: string
  readonly id: string
  readonly sites: readonly object[]
  readonly gone?: boolean
}
interface List {
  readonly items: readonly Item[]
  readonly fresh: number
  readonly isSlow: boolean
  readonly isSparse: boolean
  begin(query: object, options?: { readonly least: number }): Promise<void>
  more(): Promise<void>
  change(items: readonly Item[], gone: readonly Pick<Item, 'project' | 'id'>[]): void
}

const item = (id: string, pending = 1): Item => ({
  project: 'P',
  id,
  sites: [{ site: 'nas', pending, failed: 0, exhausted: 0, paused: 0 }],
})

let answer: PromiseWithResolvers<Response>
let answers: number
const pages = (items: readonly Item[], next: string | null = null): void => answer.resolve(Response.json({ items, next_cursor: next }))

beforeEach(() => {
  vi.stubGlobal('document', { baseURI: 'http://127.0.0.1/' })
  vi.stubGlobal('sessionStorage', { getItem: () => null })
  answers = 0
  vi.stubGlobal('fetch', async () => {
    answers++
    answer = Promise.withResolvers<Response>()
    return answer.promise
  })
})
afterEach(() => vi.unstubAllGlobals())

const listOf = async (items: readonly Item[], next: string | null = null): Promise<List> => {
  const list = new QueueList(() => undefined) as List
  const begun = list.begin({})
  pages(items, next)
  await begun
  return list
}

test('what is told while the list is read again is not lost: the answer may be older', async () => {
  const list = await listOf([item('2'), item('1')])
  const again = list.begin({})
  list.change([item('3'), item('2', 0)], [{ project: 'P', id: '1' }])
  pages([item('2'), item('1')])
  await again
  expect([list.items, list.fresh]).toEqual([[item('2', 0), { ...item('1'), gone: true }], 1])
})

test('nor while the next page is read', async () => {
  const list = await listOf([item('3'), item('2')], 'cursor')
  const more = list.more()
  list.change([item('1', 0)], [])
  pages([item('1')])
  await more
  expect([list.items, list.fresh]).toEqual([[item('3'), item('2'), item('1', 0)], 0])
})

test('what was told before is told once: a later answer is newer', async () => {
  const list = await listOf([item('2')])
  list.change([item('2', 0), item('3')], [])
  expect(list.fresh).toBe(1)
  const again = list.begin({})
  pages([item('3'), item('2', 5)])
  await again
  expect([list.items, list.fresh]).toEqual([[item('3'), item('2', 5)], 0])
})

test('what takes long is said to be looked for, and rows of another query go', async () => {
  vi.useFakeTimers()
  try {
    for (const [query, rows] of [
      [{ state: 'failed' }, []],
      [{}, [item('1')]],
    ] as const) {
      const list = await listOf([item('1')])
      const begun = list.begin(query)
      await vi.advanceTimersByTimeAsync(299)
      expect([list.items, list.isSlow]).toEqual([[item('1')], false])
      await vi.advanceTimersByTimeAsync(1)
      expect([list.items, list.isSlow]).toEqual([rows, true])
      pages([item('2')])
      await begun
      expect([list.items, list.isSlow]).toEqual([[item('2')], false])
    }
  } finally {
    vi.useRealTimers()
  }
})

test('while the same list is looked through again and that takes long, its rows stay, and it is known that they are not of now', async () => {
  vi.useFakeTimers()
  try {
    const list = await listOf([item('2'), item('1')])
    const again = list.begin({}, { least: 2 })
    await vi.advanceTimersByTimeAsync(300)
    expect([list.items, list.isSlow]).toEqual([[item('2'), item('1')], true])
    // An empty page is not the end.
    const { promise } = answer
    pages([], 'cursor')
    await promise
    await vi.advanceTimersByTimeAsync(0)
    expect([list.items, list.isSlow]).toEqual([[item('2'), item('1')], true])
    pages([item('1')])
    await again
    expect([list.items, list.isSlow]).toEqual([[item('1')], false])
  } finally {
    vi.useRealTimers()
  }
})

test('the first of a list may come after pages without any', async () => {
  for (const expected of [item('1'), undefined]) {
    const found: Promise<unknown> = getFirst('transfers', {})
    pages([], 'cursor')
    await vi.waitFor(() => expect(answers).toBe(2))
    pages(expected ? [expected] : [])
    expect(await found).toEqual(expected)
    answers = 0
  }
})

test('a list is brought up to date as far as it was loaded: one row more may take a look at everything', async () => {
  const list = await listOf([item('2'), item('1')], 'cursor')
  const again = list.begin({}, { least: 3 })
  pages([item('3'), item('2')], 'cursor')
  await again
  expect(list.items).toEqual([item('3'), item('2')])
})

test('after a short page that is not the last one it is said that the rest takes long to find', async () => {
  const list = await listOf([item('2')], 'cursor')
  expect(list.isSparse).toBe(true)
  const full = list.more()
  pages(
    Array.from({ length: 200 }, (_, n) => item(`1${n}`)),
    'cursor',
  )
  await full
  expect(list.isSparse).toBe(false)
  const last = list.more()
  pages([item('0')])
  await last
  expect(list.isSparse).toBe(false)
})

test('the text of a representation in the address names it again, whatever it holds', () => {
  for (const one of [
    { project: 'P', id: '652f' },
    { project: 'a/b %', id: 'x/y' },
  ])
    expect(ofKey(keyOf(one))).toEqual(one)
  expect(ofKey('%/x')).toEqual({ project: '%', id: 'x' })
})
