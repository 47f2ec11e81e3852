import { MongoNetworkError, MongoServerError } from 'mongodb'
import { expect, onTestFinished, test, vi } from 'vitest'

import { isPassing, Outage } from '../../../src/streams/outage.ts'

const gone = new MongoNetworkError('no primary')

/** An outage of so many requests, and what was told of it. */
function rig(options: { readonly patienceMs?: number } = {}) {
  const told: string[] = []
  const outage = new Outage({ lost: () => told.push('lost'), recovered: () => told.push('recovered'), ...options })
  let failing = Infinity
  let asked = 0
  const ask = async (): Promise<number> => {
    const number = ++asked
    await Promise.resolve()
    if (failing-- > 0) throw gone
    return number
  }
  return { outage, told, ask, asked: () => asked, failFor: (requests: number) => (failing = requests) }
}

test('what works is not waited for, and not told', async () => {
  const { outage, told, ask, failFor } = rig()
  failFor(0)
  expect(await outage.through(ask)).toBe(1)
  expect(told).toEqual([])
})

test('a hundred wait for one that asks; two lines, and all get their answer', async () => {
  const { outage, told, ask, asked, failFor } = rig()
  failFor(103)
  const all = await Promise.all(Array.from({ length: 100 }, async () => await outage.through(ask)))
  expect(new Set(all).size).toBe(100)
  // All were asking when it began; then one after the other until one was answered.
  expect(asked()).toBe(203)
  expect(told).toEqual(['lost', 'recovered'])
})

test('an answer to what was asked before does not end it', async () => {
  const { outage, told, ask, failFor } = rig()
  const early = Promise.withResolvers<string>()
  const before = outage.through(async () => await early.promise)
  failFor(2)
  const during = outage.through(ask)
  await vi.waitFor(() => expect(told).toEqual(['lost']))
  early.resolve('asked before')
  expect(await before).toBe('asked before')
  expect(told).toEqual(['lost'])
  await during
  expect(told).toEqual(['lost', 'recovered'])
})

test('an outage that lasts is told again every half an hour', async () => {
  const now = vi.spyOn(performance, 'now')
  onTestFinished(() => now.mockRestore())
  const { outage, told, ask, asked, failFor } = rig()
  const passed = async (ms: number): Promise<void> => {
    now.mockReturnValue(ms)
    const before = asked()
    await vi.waitFor(() => expect(asked()).toBeGreaterThan(before + 1), 20_000)
  }
  now.mockReturnValue(0)
  const waiting = outage.through(ask)
  await passed(0)
  await passed(1_700_000)
  expect(told).toEqual(['lost'])
  await passed(1_900_000)
  expect(told).toEqual(['lost', 'lost'])
  failFor(0)
  await waiting
  expect(told).toEqual(['lost', 'lost', 'recovered'])
})

test('an outage that begins soon after another is told when it lasts', async () => {
  const now = vi.spyOn(performance, 'now')
  onTestFinished(() => now.mockRestore())
  const { outage, told, ask, asked, failFor } = rig()
  now.mockReturnValue(0)
  failFor(1)
  await outage.through(ask)
  expect(told).toEqual(['lost', 'recovered'])
  failFor(Infinity)
  const waiting = outage.through(ask)
  await vi.waitFor(() => expect(asked()).toBeGreaterThan(3), 20_000)
  expect(told).toEqual(['lost', 'recovered'])
  now.mockReturnValue(11_000)
  await vi.waitFor(() => expect(told).toEqual(['lost', 'recovered', 'lost']), 20_000)
  failFor(0)
  await waiting
  expect(told).toEqual(['lost', 'recovered', 'lost', 'recovered'])
})

test('what does not pass by itself is thrown at once', async () => {
  const { outage, told } = rig()
  const refusal = new MongoServerError({ code: 13, errmsg: 'not authorized' })
  await expect(outage.through(async () => await Promise.reject(refusal))).rejects.toBe(refusal)
  expect(told).toEqual([])
})

test('a stop ends all waiting, and the next fault is not waited for', async () => {
  const { outage, ask } = rig()
  const waiting = Array.from({ length: 5 }, async () => await outage.through(ask))
  const ends = Promise.allSettled(waiting)
  await vi.waitUntil(() => true)
  outage.close()
  for (const end of await ends) expect(end).toMatchObject({ status: 'rejected', reason: { code: 'ABORTED', kind: 'stop' } })
  await expect(outage.through(ask)).rejects.toMatchObject({ code: 'ABORTED' })
})

test('patience, and a deadline, end', async () => {
  const { outage, ask } = rig({ patienceMs: 150 })
  await expect(outage.through(ask)).rejects.toMatchObject({ code: 'ABORTED', message: 'MongoDB is unavailable: no primary' })
  await expect(outage.through(ask, { until: performance.now() })).rejects.toMatchObject({ code: 'ABORTED' })
})

test.each([
  [new MongoNetworkError('reset'), true],
  [new MongoServerError({ code: 189, errmsg: 'stepped down' }), true],
  [new MongoServerError({ code: 99_999, errmsg: 'new', errorLabels: ['RetryableWriteError'] }), true],
  [new MongoServerError({ code: 13, errmsg: 'not authorized' }), false],
  [new Error('the lease is not ours any more'), false],
  ['text', false],
])('%s passes by itself: %s', (error, passes) => {
  expect(isPassing(error)).toBe(passes)
})
