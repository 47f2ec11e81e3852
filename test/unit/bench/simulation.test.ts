import { expect, test } from 'vitest'

import { EventQueue } from '../../../bench/simulation/event-queue.ts'
import { simulate, type ClusterOptions } from '../../../bench/simulation/cluster.ts'
import { Budget, Server } from '../../../bench/simulation/server.ts'

const COSTS = { eventMs: 0.02, readMs: 0.03, claimMs: 0.1, resultMs: 0.2, releaseMs: 0.05, oplogBytes: 2_000 }
const OPTIONS: ClusterOptions = {
  instances: 4,
  shards: 1,
  coresPerPrimary: 2,
  concurrency: 2,
  roundTripMs: 1,
  uploadMs: 50,
  publishesPerSecond: 50,
  publishes: 200,
  requestsPerMinute: 60_000,
  strategy: 'race',
  costs: COSTS,
  seed: 7,
}

test('things happen in the order of their time, and of their coming', () => {
  const events = new EventQueue()
  const seen: string[] = []
  for (const [at, name] of [
    [3, 'c'],
    [1, 'a'],
    [2, 'b'],
    [1, 'A'],
    [0, 'now'],
  ] as const)
    events.after(at, () => seen.push(`${events.now} ${name}`))
  events.run()
  expect(seen).toEqual(['0 now', '1 a', '1 A', '2 b', '3 c'])
})

test('a server does as many things at once as it has cores', () => {
  const events = new EventQueue()
  const server = new Server(events, 2)
  const ends: number[] = []
  for (let n = 0; n < 5; n++) server.ask(10, () => ends.push(events.now))
  events.run()
  expect(ends).toEqual([10, 10, 20, 20, 30])
  expect(server.usedMs).toBe(50)
})

test('a budget lets a burst of a second through, and then its rate', () => {
  const budget = new Budget(10)
  const waits = Array.from({ length: 13 }, () => budget.take(1_000, 1))
  expect(waits.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0))
  expect(waits.slice(10)).toEqual([100, 200, 300])
})

test.each([1, 4, 20])('with %i instances every file is synced, and each result costs what it costs', (instances) => {
  const result = simulate({ ...OPTIONS, instances })
  expect(result.synced).toBe(200)
  expect(result.claimsPerFile).toBeGreaterThanOrEqual(1)
  expect(result.p99).toBeGreaterThanOrEqual(result.p50)
  expect(result.p50).toBeGreaterThan(OPTIONS.uploadMs)
  expect(result.oplogMBPerSecond).toBeCloseTo((result.filesPerSecond * COSTS.oplogBytes) / 1e6)
})

test('more instances that race ask more often for each file; with one preferred for each file, one asks', () => {
  const [few, many] = [4, 40].map((instances) => simulate({ ...OPTIONS, instances }))
  expect(many?.claimsPerFile).toBeGreaterThan(2 * (few?.claimsPerFile ?? 0))
  expect(simulate({ ...OPTIONS, instances: 40, strategy: 'prefer' }).claimsPerFile).toBe(1)
})

test('no more files a second than Drive takes requests', () => {
  const options = { ...OPTIONS, instances: 20, publishesPerSecond: 500, publishes: 1_000, requestsPerMinute: 6_000 }
  expect(simulate(options).filesPerSecond).toBeLessThan(115)
})

test('the same seed, the same figures', () => {
  expect(simulate(OPTIONS)).toEqual(simulate(OPTIONS))
  expect(simulate({ ...OPTIONS, seed: 8 })).not.toEqual(simulate(OPTIONS))
})
