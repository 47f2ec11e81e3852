import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { Reporter, type News } from '../../src/reporter.ts'
import type { HeardReport, InstanceReport, ReportedSite } from '../../src/streams/state-database.ts'

const id = { _id: 'a/1/x', database: 'avalon', host: 'a', pid: 1, started: new Date(0) }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function rig() {
  let news: News | undefined
  /** What the database knows of the instances. */
  const known: HeardReport[] = []
  const heard: (readonly string[])[] = []
  let fault: Error | undefined
  const told: (InstanceReport | string)[] = []
  const tell = async (what: InstanceReport | string): Promise<void> => {
    await Promise.resolve()
    if (fault) throw fault
    told.push(what)
  }
  const reports = async (): Promise<readonly HeardReport[]> => {
    await Promise.resolve()
    if (fault) throw fault
    return known
  }
  const reporter = new Reporter({
    id,
    state: { report: tell, forget: tell, reports },
    news: () => news,
    heard: (others) => void heard.push(others.map(({ _id }) => _id)),
  })
  const set = (running?: number): void => {
    const site: ReportedSite = { site: 'gdrive', provider: 'gdrive', state: 'ok', running: running ?? 0, queued: 0 }
    news = running === undefined ? undefined : { stream: 'open', sites: [site], projects: { include: ['*'], exclude: [] } }
  }
  const running = (): (number | string | undefined)[] => told.map((one) => (typeof one === 'string' ? one : one.sites[0]?.running))
  return { reporter, set, running, told, known, heard, fail: (error?: Error) => (fault = error) }
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

/** Another instance, heard of so long ago. */
function other(_id: string, heardAgoMs: number): HeardReport {
  return { ...id, _id, stream: 'open', sites: [], projects: { include: ['*'], exclude: [] }, heard: new Date(0), heardAgoMs }
}

test('the others are heard of each second at first, and then with each heartbeat; not of itself, nor of who is silent', async () => {
  const { set, known, heard } = rig()
  known.push(other(id._id, 0), other('b', 9_000), other('c', 24_999), other('d', 25_000))
  await vi.advanceTimersByTimeAsync(5_000)
  expect(heard).toEqual([])
  set(1)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(heard.length).toBeGreaterThanOrEqual(9)
  expect(new Set(heard.map((ids) => ids.join(' ')))).toEqual(new Set(['b c']))
  const before = heard.length
  await vi.advanceTimersByTimeAsync(60_000)
  expect(heard.length - before).toBeLessThanOrEqual(7)
  expect(heard.length - before).toBeGreaterThanOrEqual(5)
})

test('the others are asked for at once when one was met, at most once a second', async () => {
  const { reporter, set, heard } = rig()
  set(1)
  await vi.advanceTimersByTimeAsync(25_000)
  const before = heard.length
  for (let meetings = 0; meetings < 10; meetings++) {
    reporter.met()
    await vi.advanceTimersByTimeAsync(10)
  }
  expect(heard).toHaveLength(before + 1)
})

test('what could not be heard is asked for again with the next look', async () => {
  const { set, heard, fail } = rig()
  set(1)
  fail(new Error('database away'))
  await vi.advanceTimersByTimeAsync(3_000)
  expect(heard).toEqual([])
  fail()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(heard).toHaveLength(1)
})
