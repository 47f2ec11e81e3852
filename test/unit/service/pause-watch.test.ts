import { MongoNetworkError } from 'mongodb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { Pause } from '../../../src/model/pauses.ts'
import { PauseWatch, type PauseWatchParts } from '../../../src/service/pause-watch.ts'
import { Outage } from '../../../src/streams/outage.ts'

const SINCE = new Date('2024-01-01T00:00:00.000Z')
const GDRIVE: Pause = { site: 'gdrive', who: 'anna@ws', since: SINCE }
const PROJECT: Pause = { project: 'prj', who: 'ben@ws', since: SINCE, why: 'moves to another disk' }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function rig() {
  let stored: readonly Pause[] | Error = []
  const told: string[] = []
  const obeyed: (readonly Pause[])[] = []
  const scans: string[] = []
  const outages: string[] = []
  const asked = { times: 0, isIdle: false }
  const outage = new Outage({ lost: () => outages.push('lost'), recovered: () => outages.push('recovered') })
  const parts: PauseWatchParts = {
    isIdle: () => asked.isIdle,
    read: async () => {
      asked.times++
      await Promise.resolve()
      if (stored instanceof Error) throw stored
      return stored
    },
    log: { event: (action, fields) => void told.push(`${action} ${fields?.message}`) },
    engine: () => ({ obey: ({ all }) => void obeyed.push(all), scan: ({ reason }) => void scans.push(reason) }),
  }
  const watch = new PauseWatch(parts, outage)
  return { asked, outages, watch, told, obeyed, scans, store: (what: readonly Pause[] | Error) => (stored = what) }
}

test('what holds is known after the first look, and obeyed within a second when it changes; a scan finds what goes on', async () => {
  const { watch, told, obeyed, scans, store } = rig()
  store([GDRIVE])
  await watch.start()
  expect(watch.current.all).toEqual([GDRIVE])
  store([GDRIVE, PROJECT])
  await vi.advanceTimersByTimeAsync(1_000)
  expect([obeyed.at(-1), scans]).toEqual([[GDRIVE, PROJECT], []])
  store([PROJECT])
  await vi.advanceTimersByTimeAsync(1_000)
  expect([obeyed.at(-1), scans]).toEqual([[PROJECT], ['resumed']])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(scans).toEqual(['resumed'])
  expect(told).toEqual([
    'controls.paused site "gdrive" is paused by anna@ws',
    'controls.paused project "prj" is paused by ben@ws: moves to another disk',
    'controls.resumed site "gdrive" goes on',
  ])
  watch[Symbol.dispose]()
})

test('a pause that is given anew is told again, and is not over', async () => {
  const { watch, told, scans, store } = rig()
  store([GDRIVE])
  await watch.start()
  store([{ ...GDRIVE, why: 'quota' }])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(told).toEqual(['controls.paused site "gdrive" is paused by anna@ws', 'controls.paused site "gdrive" is paused by anna@ws: quota'])
  expect(scans).toEqual([])
  watch[Symbol.dispose]()
})

test('while the database is unavailable what held before holds', async () => {
  const { watch, told, scans, store } = rig()
  store([GDRIVE])
  await watch.start()
  store(new Error('no primary'))
  await vi.advanceTimersByTimeAsync(30_000)
  expect(watch.current.all).toEqual([GDRIVE])
  store([])
  await vi.advanceTimersByTimeAsync(1_000)
  expect([watch.current.all, scans, told.length]).toEqual([[], ['resumed'], 2])
  watch[Symbol.dispose]()
})

test('an outage is told, and that it is over, though nobody else needs the database', async () => {
  const { watch, outages, store } = rig()
  await watch.start()
  store(new MongoNetworkError('no primary'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(outages).toEqual(['lost'])
  store([])
  await vi.advanceTimersByTimeAsync(5_000)
  expect(outages).toEqual(['lost', 'recovered'])
  watch[Symbol.dispose]()
})

test('without a first answer it does not begin; after its end it asks no more', async () => {
  const { watch, obeyed, store } = rig()
  store(new Error('no primary'))
  await expect(watch.start()).rejects.toThrow('no primary')
  store([GDRIVE])
  await watch.start()
  watch[Symbol.dispose]()
  const { length } = obeyed
  await vi.advanceTimersByTimeAsync(5_000)
  expect([obeyed.length, vi.getTimerCount()]).toEqual([length, 0])
})

test('while nothing could be stopped it is asked seldom; a pause that holds is asked for each second, so that its end is noticed', async () => {
  const { asked, watch, scans, store } = rig()
  asked.isIdle = true
  await watch.start()
  asked.times = 0
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked.times).toBe(30)
  store([GDRIVE])
  await vi.advanceTimersByTimeAsync(2_000)
  expect(watch.current.all).toEqual([GDRIVE])
  store([])
  await vi.advanceTimersByTimeAsync(1_000)
  expect([watch.current.all, scans]).toEqual([[], ['resumed']])
  asked.isIdle = false
  store([PROJECT])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(watch.current.all).toEqual([PROJECT])
  watch[Symbol.dispose]()
})

test('before work begins it is asked at once, unless it was just answered', async () => {
  const { asked, watch, obeyed, store } = rig()
  asked.isIdle = true
  await watch.start()
  await vi.advanceTimersByTimeAsync(3_600)
  store([GDRIVE])
  asked.times = 0
  await Promise.all([watch.fresh(), watch.fresh()])
  expect([obeyed.at(-1), asked.times]).toEqual([[GDRIVE], 1])
  await vi.advanceTimersByTimeAsync(100)
  await watch.fresh()
  expect(asked.times).toBe(1)
  watch[Symbol.dispose]()
})

test('work does not begin during an outage on what was known before it', async () => {
  const { asked, watch, store } = rig()
  asked.isIdle = true
  await watch.start()
  await vi.advanceTimersByTimeAsync(3_600)
  store(new MongoNetworkError('no primary'))
  let isKnown = false
  const known = watch.fresh().then(() => (isKnown = true))
  await vi.advanceTimersByTimeAsync(30_000)
  expect(isKnown).toBe(false)
  store([GDRIVE])
  await vi.advanceTimersByTimeAsync(5_000)
  await known
  expect(watch.current.all).toEqual([GDRIVE])
  watch[Symbol.dispose]()
})
