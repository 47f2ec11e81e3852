import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { Reporter } from '../../src/reporter.ts'
import type { InstanceReport, ReportedSite } from '../../src/streams/state-database.ts'

const id = { _id: 'a/1/x', database: 'avalon', host: 'a', pid: 1, started: new Date(0) }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function rig() {
  let news: Pick<InstanceReport, 'stream' | 'sites'> | undefined
  let fault: Error | undefined
  const told: (InstanceReport | string)[] = []
  const tell = async (what: InstanceReport | string): Promise<void> => {
    await Promise.resolve()
    if (fault) throw fault
    told.push(what)
  }
  const reporter = new Reporter({ id, state: { report: tell, forget: tell }, news: () => news })
  const set = (running?: number): void => {
    const site: ReportedSite = { site: 'gdrive', provider: 'gdrive', state: 'ok', running: running ?? 0, queued: 0 }
    news = running === undefined ? undefined : { stream: 'open', sites: [site] }
  }
  const running = (): (number | string | undefined)[] => told.map((one) => (typeof one === 'string' ? one : one.sites[0]?.running))
  return { reporter, set, running, told, fail: (error?: Error) => (fault = error) }
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
