import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { Batcher, KeyedBatcher, type BatcherOptions } from '../../../src/streams/batcher.ts'
import { settle } from '../../support/fake-clock.ts'

/** Batches that end when the test says so. */
function rig(options: Partial<BatcherOptions<number, string>> = {}) {
  const batches: { readonly items: readonly number[]; end(): void; fail(error: Error): void }[] = []
  const batcher = new Batcher<number, string>({
    maxBatch: 10,
    concurrency: 1,
    ...options,
    run: async (items) => {
      const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
      batches.push({ items, end: () => resolve(items.map(String)), fail: reject })
      return promise
    },
  })
  return { batcher, batches, items: () => batches.map((batch) => batch.items) }
}

describe('batches', () => {
  test('a lone item goes at once', async () => {
    const { batcher, items, batches } = rig()
    const answer = batcher.add(1)
    await settle()
    expect(items()).toEqual([[1]])
    batches[0]?.end()
    expect(await answer).toBe('1')
    await settle()
    expect(batcher.idle).toBe(true)
  })

  test('what is added in one turn goes together', async () => {
    const { batcher, items } = rig()
    for (const n of [1, 2, 3]) void batcher.add(n)
    await settle()
    expect(items()).toEqual([[1, 2, 3]])
  })

  test('what is added by promises and callbacks of one turn goes together, at its end', async () => {
    const { batcher, items } = rig()
    void batcher.add(1)
    await Promise.resolve()
    void batcher.add(2)
    process.nextTick(() => void batcher.add(3))
    await Promise.resolve()
    expect(items()).toEqual([])
    await new Promise((resolve) => setImmediate(resolve))
    expect(items()).toEqual([[1, 2, 3]])
  })

  test('what comes while one is under way is the next one', async () => {
    const { batcher, items, batches } = rig()
    const first = batcher.add(1)
    await settle()
    for (const n of [2, 3]) void batcher.add(n)
    await settle()
    expect(items()).toEqual([[1]])
    batches[0]?.end()
    await first
    await settle()
    expect(items()).toEqual([[1], [2, 3]])
    expect(batcher.idle).toBe(false)
  })

  test('no more items in one than allowed, and no more at once than allowed', async () => {
    const { batcher, items, batches } = rig({ maxBatch: 2, concurrency: 2 })
    for (const n of [1, 2, 3, 4, 5]) void batcher.add(n)
    await settle()
    expect(items()).toEqual([
      [1, 2],
      [3, 4],
    ])
    batches[1]?.end()
    await settle()
    expect(items()[2]).toEqual([5])
  })

  test('one that fails, fails for its items, and the next one goes', async () => {
    const { batcher, batches } = rig({ maxBatch: 2 })
    const answers = Promise.allSettled([1, 2, 3].map(async (n) => batcher.add(n)))
    await settle()
    batches[0]?.fail(new Error('no primary'))
    await settle()
    batches[1]?.end()
    expect((await answers).map((answer) => (answer.status === 'fulfilled' ? answer.value : (answer.reason as Error).message))).toEqual([
      'no primary',
      'no primary',
      '3',
    ])
  })
})

describe('an item that lingers', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  test('waits for others, but not for long', async () => {
    const { batcher, items } = rig({ lingerMs: 25 })
    void batcher.add(1, { lingers: true })
    await vi.advanceTimersByTimeAsync(20)
    void batcher.add(2, { lingers: true })
    await vi.advanceTimersByTimeAsync(4)
    expect(items()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(items()).toEqual([[1, 2]])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('goes with the next one that does not', async () => {
    const { batcher, items } = rig({ lingerMs: 25 })
    void batcher.add(1, { lingers: true })
    void batcher.add(2)
    await settle()
    expect(items()).toEqual([[1, 2]])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('goes when there are enough of them; the next ones have their own time', async () => {
    const { batcher, items, batches } = rig({ lingerMs: 25, maxBatch: 3 })
    for (const n of [1, 2, 3]) void batcher.add(n, { lingers: true })
    await settle()
    expect(items()).toEqual([[1, 2, 3]])
    void batcher.add(4, { lingers: true })
    batches[0]?.end()
    await vi.advanceTimersByTimeAsync(24)
    expect(items()).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(items()[1]).toEqual([4])
  })
})

describe('while the thread is busy', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  test('an item waits for others, but not for long', async () => {
    const { batcher, items } = rig({ busyLingerMs: 10, load: { pressure: () => 1 } })
    void batcher.add(1)
    await vi.advanceTimersByTimeAsync(9)
    void batcher.add(2)
    expect(items()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(items()).toEqual([[1, 2]])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('the less busy it is, the shorter an item waits', async () => {
    const { batcher, items } = rig({ busyLingerMs: 10, load: { pressure: () => 0.35 } })
    void batcher.add(1)
    await vi.advanceTimersByTimeAsync(2)
    expect(items()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(items()).toEqual([[1]])
  })

  test('those that wait go with the first one that is added when it is not busy any more', async () => {
    const load = { now: 1, pressure: () => load.now }
    const { batcher, items } = rig({ busyLingerMs: 10, load })
    void batcher.add(1)
    load.now = 0
    void batcher.add(2)
    await settle()
    expect(items()).toEqual([[1, 2]])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('an item that lingers anyway has its own time', async () => {
    const { batcher, items } = rig({ lingerMs: 25, busyLingerMs: 10, load: { pressure: () => 1 } })
    void batcher.add(1, { lingers: true })
    await vi.advanceTimersByTimeAsync(24)
    expect(items()).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    expect(items()).toEqual([[1]])
  })

  test('one goes at once where nothing is said of it', async () => {
    const { batcher, items } = rig({ load: { pressure: () => 1 } })
    void batcher.add(1)
    await settle()
    expect(items()).toEqual([[1]])
  })
})

test('everybody gets an answer of their own, in whatever rhythm they come', async () => {
  const rhythm = fc.array(fc.boolean(), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(rhythm, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 }), async (pauses, most, concurrency) => {
      let now = 0
      let peak = 0
      const sizes: number[] = []
      const batcher = new Batcher<number, number>({
        maxBatch: most,
        concurrency,
        run: async (items) => {
          sizes.push(items.length)
          peak = Math.max(peak, ++now)
          await settle()
          now--
          return items.map((n) => n * 2)
        },
      })
      const answers: Promise<number>[] = []
      for (const [n, pause] of pauses.entries()) {
        answers.push(batcher.add(n))
        if (pause) await settle()
      }
      expect(await Promise.all(answers)).toEqual(pauses.map((_, n) => n * 2))
      expect(peak).toBeLessThanOrEqual(concurrency)
      expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(most)
    }),
    { numRuns: 50 },
  )
})

describe('by key', () => {
  test('each key has batches of its own', async () => {
    const made: string[] = []
    const runs: [string, readonly number[]][] = []
    const keyed = new KeyedBatcher<string, number, string>((key) => {
      made.push(key)
      return {
        maxBatch: 10,
        concurrency: 1,
        run: async (items) => {
          runs.push([key, items])
          return Promise.resolve(items.map((n) => `${key}${n}`))
        },
      }
    })
    expect(await Promise.all([keyed.add('a', 1), keyed.add('b', 2), keyed.add('a', 3)])).toEqual(['a1', 'b2', 'a3'])
    expect(runs).toEqual([
      ['a', [1, 3]],
      ['b', [2]],
    ])
    expect(made).toEqual(['a', 'b'])
  })

  test('two of one key are never under way at once, however they come', async () => {
    let now = 0
    let peak = 0
    const keyed = new KeyedBatcher<string, number, number>(() => ({
      maxBatch: 3,
      concurrency: 1,
      run: async (items) => {
        peak = Math.max(peak, ++now)
        await settle()
        now--
        return items
      },
    }))
    const chain = async (from: number): Promise<void> => {
      for (let n = from; n < from + 10; n++) expect(await keyed.add('a', n)).toBe(n)
    }
    await Promise.all([chain(0), chain(100), chain(200), chain(300)])
    expect(peak).toBe(1)
  })

  test('a key that failed can be used again', async () => {
    let fails = true
    const keyed = new KeyedBatcher<string, number, number>(() => ({
      maxBatch: 1,
      concurrency: 1,
      run: async (items) => (fails ? Promise.reject(new Error('no primary')) : Promise.resolve(items)),
    }))
    await expect(keyed.add('a', 1)).rejects.toThrow('no primary')
    fails = false
    expect(await keyed.add('a', 2)).toBe(2)
  })
})
