import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { NoAnswer, TimeLimit } from '../../../src/streams/waiting.ts'

const never = new Promise<never>(() => undefined)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** What it is rejected with. */
const faultOf = async (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => undefined,
    (error: unknown) => error,
  )

function rig() {
  const abort = new AbortController()
  const limit = new TimeLimit(abort.signal)
  return { abort, limit }
}

test('an answer in time is given, and so is a fault', async () => {
  const { limit } = rig()
  expect(await limit.within(100, Promise.resolve('one'))).toBe('one')
  expect(await limit.within(100, Promise.resolve('two'))).toBe('two')
  await expect(limit.within(100, Promise.reject(new Error('no primary')))).rejects.toThrow('no primary')
})

test('each answer has its own time', async () => {
  const { limit } = rig()
  for (let n = 0; n < 3; n++) {
    const { promise, resolve } = Promise.withResolvers<number>()
    const answer = limit.within(100, promise)
    await vi.advanceTimersByTimeAsync(99)
    resolve(n)
    expect(await answer).toBe(n)
  }
  const silent = faultOf(limit.within(50, never))
  await vi.advanceTimersByTimeAsync(50)
  expect(await silent).toBeInstanceOf(NoAnswer)
})

test('the next is waited for also after a pause that was longer than the time for an answer', async () => {
  const { limit } = rig()
  await limit.within(100, Promise.resolve('one'))
  await vi.advanceTimersByTimeAsync(1_000)
  const silent = faultOf(limit.within(100, never))
  await vi.advanceTimersByTimeAsync(99)
  expect(vi.getTimerCount()).toBe(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(await silent).toBeInstanceOf(NoAnswer)
})

test('a fault that comes too late is ignored', async () => {
  const { limit } = rig()
  const late = Promise.withResolvers<never>()
  const silent = faultOf(limit.within(100, late.promise))
  await vi.advanceTimersByTimeAsync(100)
  expect(await silent).toBeInstanceOf(NoAnswer)
  late.reject(new Error('connection closed'))
  expect(await limit.within(100, Promise.resolve('next'))).toBe('next')
})

test('nobody waits when the signal says so', async () => {
  const { abort, limit } = rig()
  const answer = limit.within(100, never)
  abort.abort()
  expect(await answer).toBeNull()
  expect(await limit.within(100, never)).toBeNull()
})

test('nothing is left of it', async () => {
  const { abort, limit } = rig()
  const remove = vi.spyOn(abort.signal, 'removeEventListener')
  await limit.within(100, Promise.resolve('one'))
  limit[Symbol.dispose]()
  expect(vi.getTimerCount()).toBe(0)
  expect(remove).toHaveBeenCalledOnce()
})
