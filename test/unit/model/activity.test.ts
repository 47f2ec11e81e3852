import { expect, test } from 'vitest'

import { ActivityRecord, addSpeeds, mergeActivities, MOST_ENDED, STEP_MS, STEPS, type EndedTransfer } from '../../../src/model/activity.ts'

const T = 30_000_000 * STEP_MS
const ended = (id: string, at: number): EndedTransfer => ({
  id,
  at: new Date(at),
  project: 'show',
  representation: 'r',
  path: 'p',
  site: 'nas',
  outcome: 'synced',
  bytes: 1,
  size: 1,
  ms: 1,
})
const filled = (more: Readonly<Record<number, number>>) => Array.from({ length: STEPS }, (_, n) => more[n] ?? 0)

test('bytes count in the minute in which they came, for an hour', () => {
  const record = new ActivityRecord()
  record.add('nas', 10, T)
  record.add('nas', 5, T + 59_999)
  record.add('nas', 7, T + STEP_MS)
  record.add('a.b', 1, T)
  record.add('nas', 0, T)
  record.add('nas', -5, T)
  expect(record.read(T + STEP_MS)).toEqual({
    minute: T / STEP_MS + 1,
    sites: [
      { site: 'nas', bytes: filled({ 58: 15, 59: 7 }) },
      { site: 'a.b', bytes: filled({ 58: 1 }) },
    ],
    ended: [],
  })
  expect(record.read(T + 59 * STEP_MS).sites[0]?.bytes).toEqual(filled({ 0: 15, 1: 7 }))
  expect(record.read(T + 60 * STEP_MS).sites).toEqual([{ site: 'nas', bytes: filled({ 0: 7 }) }])
  expect(record.read(T + 61 * STEP_MS).sites).toEqual([])
  record.add('nas', 3, T + 1_000 * STEP_MS)
  expect(record.read(T + 1_000 * STEP_MS).sites).toEqual([{ site: 'nas', bytes: filled({ 59: 3 }) }])
})

test('a clock that is set back loses nothing', () => {
  const record = new ActivityRecord()
  record.add('nas', 10, T)
  record.add('nas', 5, T - 10 * STEP_MS)
  expect(record.read(T).sites).toEqual([{ site: 'nas', bytes: filled({ 59: 15 }) }])
})

test('the speed is of the last seconds, and none when nothing came in them', () => {
  const record = new ActivityRecord()
  for (let n = 0; n < 60; n++) record.add('nas', 100, T + n * 100)
  expect(record.speeds(T + 5_999)).toEqual([{ site: 'nas', bytes_per_second: 1_200 }])
  expect(record.speeds(T + 20_000)).toEqual([])
})

test('the last transfers are remembered, the latest first, and no more than so many', () => {
  const record = new ActivityRecord()
  for (let n = 0; n < MOST_ENDED * 3; n++) record.end(ended(String(n), T + n))
  const { ended: kept } = record.read(T)
  expect([kept.length, kept[0]?.id, kept.at(-1)?.id]).toEqual([MOST_ENDED, String(MOST_ENDED * 3 - 1), String(MOST_ENDED * 2)])
})

test('what several instances did is put together by the time at which it happened', () => {
  const [one, other, ahead] = [new ActivityRecord(), new ActivityRecord(), new ActivityRecord()]
  one.add('nas', 1, T)
  one.end(ended('a', T))
  other.add('nas', 2, T - 2 * STEP_MS)
  other.end(ended('b', T + 1))
  ahead.add('nas', 4, T + 5 * STEP_MS)
  const merged = mergeActivities([one.read(T), other.read(T - 2 * STEP_MS), ahead.read(T + 5 * STEP_MS)], T)
  expect(merged.sites).toEqual([{ site: 'nas', bytes: filled({ 57: 2, 59: 5 }) }])
  expect(merged.ended.map(({ id }) => id)).toEqual(['b', 'a'])
  expect(mergeActivities([other.read(T - 2 * STEP_MS)], T + 70 * STEP_MS).sites).toEqual([])
  const speeds = [[{ site: 'nas', bytes_per_second: 3 }], [], [{ site: 'nas', bytes_per_second: 4 }]]
  expect(addSpeeds(speeds)).toEqual([{ site: 'nas', bytes_per_second: 7 }])
})
