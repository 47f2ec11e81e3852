import { MongoServerError } from 'mongodb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { Reporter, type News } from '../../../src/service/reporter.ts'
import type { HeardReport, InstanceReport, ReportedSite } from '../../../src/streams/state-database.ts'

const id = { _id: 'a/1/x', database: 'avalon', host: 'a', pid: 1, started: new Date(0) }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function rig() {
  let news: News | undefined
  let others: readonly HeardReport[] = []
  let asked = 0
  const heard: string[][] = []
  let fault: Error | undefined
  const told: (InstanceReport | string)[] = []
  const tell = async (what: InstanceReport | string): Promise<void> => {
    await Promise.resolve()
    if (fault) throw fault
    told.push(what)
  }
  const reports = async (): Promise<readonly HeardReport[]> => {
    await Promise.resolve()
    asked++
    return others
  }
  const reporter = new Reporter({
    id,
    state: { report: tell, forget: tell, reports },
    news: () => news,
    heard: (reported) => heard.push(reported.map(({ _id }) => _id)),
  })
  const meet = (...ages: readonly [name: string, ms: number][]): void => {
    others = ages.map(([name, ms]) => ({ ...id, ...(news as News), _id: name, heard: new Date(0), heardAgoMs: ms }))
  }
  const set = (running?: number): void => {
    const site: ReportedSite = { site: 'gdrive', provider: 'gdrive', state: 'ok', running: running ?? 0, queued: 0 }
    news = running === undefined ? undefined : { stream: 'open', sites: [site], projects: { include: ['*'], exclude: [] } }
  }
  const running = (): (number | string | undefined)[] => told.map((one) => (typeof one === 'string' ? one : one.sites[0]?.running))
  return { reporter, set, running, told, heard, meet, asked: () => asked, fail: (error?: Error) => (fault = error) }
}

test('what changed is told within a second, at most once a second', async () => {
  const { set, running } = rig()
  for (let step = 0; step < 40; step++) {
    set(step)
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(running()).toEqual([9, 19, 29, 39])
})

test('an instance at rest tells that it is alive, and nothing else', async () => {
  const { set, running } = rig()
  set(0)
  await vi.advanceTimersByTimeAsync(60_500)
  expect(running()).toHaveLength(6)
})

test('one that does nothing at all says nothing, and takes back what it said before', async () => {
  const { set, running, reporter } = rig()
  await vi.advanceTimersByTimeAsync(30_000)
  expect(running()).toEqual([])
  set(3)
  await vi.advanceTimersByTimeAsync(1_000)
  set()
  await vi.advanceTimersByTimeAsync(30_000)
  await reporter.stop()
  expect(running()).toEqual([3, id._id])
})

test('what could not be told is told with the next look', async () => {
  const { set, running, fail } = rig()
  set(1)
  fail(new Error('database away'))
  await vi.advanceTimersByTimeAsync(3_000)
  fail()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(running()).toEqual([1])
})

test('the end is the last word', async () => {
  const { set, running, reporter } = rig()
  set(1)
  await vi.advanceTimersByTimeAsync(1_000)
  set(2)
  vi.advanceTimersByTime(1_000)
  await reporter.stop()
  await vi.advanceTimersByTimeAsync(30_000)
  expect(running()).toEqual([1, 2, id._id])
})

test('the others are asked for each second at first, then with each heartbeat; who is silent is not among them', async () => {
  const { set, heard, meet, asked } = rig()
  set(0)
  meet([id._id, 0], ['b', 9_000], ['frozen', 25_000])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(heard).toEqual([['b']])
  await vi.advanceTimersByTimeAsync(9_500)
  expect(asked()).toBeGreaterThanOrEqual(9)
  const before = asked()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked() - before).toBeLessThanOrEqual(7)
})

test('who was met is asked for at once, but not more than once a second', async () => {
  const { set, reporter, asked } = rig()
  set(0)
  await vi.advanceTimersByTimeAsync(30_500)
  const before = asked()
  for (let n = 0; n < 10; n++) {
    reporter.met()
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(asked() - before).toBeGreaterThanOrEqual(1)
  expect(asked() - before).toBeLessThanOrEqual(2)
})

test('it is silent since MongoDB has last answered, be it with a refusal; not while nothing is to be told', async () => {
  const { reporter, set, fail } = rig()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(reporter.silentMs).toBeLessThan(2_000)
  set(0)
  await vi.advanceTimersByTimeAsync(30_000)
  expect(reporter.silentMs).toBeLessThan(12_000)
  fail(new Error('connection closed'))
  await vi.advanceTimersByTimeAsync(90_000)
  expect(reporter.silentMs).toBeGreaterThan(80_000)
  fail(new MongoServerError({ message: 'not authorized', code: 13 }))
  await vi.advanceTimersByTimeAsync(2_000)
  expect(reporter.silentMs).toBeLessThan(2_000)
})
