import { expect, test } from 'vitest'

import { LatestCounts } from '../../../src/metrics/latest-counts.ts'
import type { SiteCounts } from '../../../src/service/overview.ts'

const MINUTE = 60_000
const counts = (pending: number): readonly SiteCounts[] => [{ project: 'prj', site: 'nas', pending, failed: 0, exhausted: 0, paused: 0 }]

function rig() {
  let now = 0
  let made = 0
  let next = (): Promise<readonly SiteCounts[]> => Promise.resolve(counts(made))
  const latest = new LatestCounts<string>(
    async () => {
      made++
      return await next()
    },
    () => now,
  )
  return { latest, pass: (ms: number) => (now += ms), made: () => made, counts: (how: typeof next) => (next = how) }
}

test('what is counted is good for five seconds, for all who ask at the same time', async () => {
  const { latest, pass, made } = rig()
  expect(latest.latest).toBeUndefined()
  await Promise.all([latest.refresh('a'), latest.refresh('a')])
  pass(4_000)
  await latest.refresh('a')
  expect([made(), latest.latest]).toEqual([1, { counts: counts(1), ageSeconds: 4 }])
  pass(2_000)
  await latest.refresh('a')
  expect([made(), latest.latest]).toEqual([2, { counts: counts(2), ageSeconds: 0 }])
})

test('a count that takes long is made more seldom, and what was counted before is told meanwhile, with its age', async () => {
  const { latest, pass, made, counts: counting } = rig()
  await latest.refresh('a')
  pass(10_000)
  const { promise, resolve } = Promise.withResolvers<readonly SiteCounts[]>()
  counting(async () => await promise)
  const refreshed = latest.refresh('a')
  pass(20_000)
  expect(latest.latest).toEqual({ counts: counts(1), ageSeconds: 30 })
  resolve(counts(7))
  await refreshed
  expect(latest.latest).toEqual({ counts: counts(7), ageSeconds: 20 })
  pass(190_000)
  await latest.refresh('a')
  expect(made()).toBe(2)
  pass(20_000)
  await latest.refresh('a')
  expect(made()).toBe(3)
})

test('a count that fails leaves what there was, until it is too old', async () => {
  const { latest, pass, counts: counting } = rig()
  await latest.refresh('a')
  counting(async () => await Promise.reject(new Error('unavailable')))
  pass(10 * MINUTE)
  await latest.refresh('a')
  expect(latest.latest).toEqual({ counts: counts(1), ageSeconds: 600 })
  pass(6 * MINUTE)
  await latest.refresh('a')
  expect(latest.latest).toBeUndefined()
})

test('another configuration is counted at once', async () => {
  const { latest, made } = rig()
  await latest.refresh('a')
  await latest.refresh('b')
  expect(made()).toBe(2)
})
