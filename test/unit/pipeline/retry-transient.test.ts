import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { retryTransient } from '../../../src/pipeline/retry-transient.ts'

const POLICY = { retries: 3, minTimeout: 100, maxTimeout: 1_000 }
const broken = new SyncError('INTERRUPTED', 'connection reset')

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

const at = (bytes: number): object => ({ at: bytes, error: broken })

/** Runs `attempts` one after the other: an error is thrown, after so many bytes; a text is the result. */
function rig(attempts: readonly unknown[], abort = new AbortController()) {
  const times: number[] = []
  const pauses: number[] = []
  let bytes = 0
  const started = Date.now()
  const work = async (): Promise<unknown> => {
    const attempt = attempts[Math.min(times.length, attempts.length - 1)]
    times.push(Date.now() - started)
    await Promise.resolve()
    if (typeof attempt === 'string') return attempt
    if (typeof attempt === 'object' && attempt !== null && 'at' in attempt && 'error' in attempt) {
      bytes = attempt.at as number
      throw attempt.error
    }
    throw attempt
  }
  const result = retryTransient(work, {
    policy: POLICY,
    signal: abort.signal,
    progress: () => bytes,
    onRetry: (_error, delayMs) => pauses.push(delayMs),
  }).then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  return { result, times, pauses, abort }
}

test('what works is not repeated', async () => {
  const { result, times } = rig(['done'])
  expect(await result).toEqual({ value: 'done' })
  expect(times).toEqual([0])
})

test('a fault that passes is tried again, after a growing pause that is told', async () => {
  const { result, times, pauses } = rig([broken, broken, 'done'])
  await vi.runAllTimersAsync()
  expect(await result).toEqual({ value: 'done' })
  expect(times).toEqual([0, 100, 300])
  expect(pauses).toEqual([100, 200])
})

test('the last fault is thrown as it is', async () => {
  const last = new SyncError('BUSY', 'locked')
  const { result, times, pauses } = rig([broken, broken, broken, last])
  await vi.runAllTimersAsync()
  expect(await result).toEqual({ error: last })
  expect(times).toEqual([0, 100, 300, 700])
  expect(pauses).toHaveLength(3)
})

test.each([
  ['of the file', new SyncError('SOURCE_MISSING', 'gone')],
  ['of the site', new SyncError('QUOTA', 'full')],
  ['an abortion', new SyncError('ABORTED', 'stopped')],
])('a fault %s is thrown at once', async (_title, error) => {
  const { result, times, pauses } = rig([error])
  expect(await result).toEqual({ error })
  expect(times).toHaveLength(1)
  expect(pauses).toEqual([])
})

test('whatever else is thrown is the fault of the file', async () => {
  const { result } = rig([new TypeError('x is undefined')])
  expect(await result).toMatchObject({ error: { code: 'UNEXPECTED', message: 'x is undefined' } })
})

test.each([
  [0, [0]],
  [1, [0, 100]],
  [2, [0, 100, 300]],
])('a fault that allows for %i retries has no more', async (retries, expected) => {
  const few = new SyncError('INTERRUPTED', 'input/output error', { retries })
  const { result, times } = rig([few, few, few, few])
  await vi.runAllTimersAsync()
  expect(await result).toEqual({ error: few })
  expect(times).toEqual(expected)
})

describe('work that gets on', () => {
  test('has all its retries again', async () => {
    const { result, times } = rig([at(0), at(0), at(0), at(10), at(10), at(10), at(20), 'done'])
    await vi.runAllTimersAsync()
    expect(await result).toEqual({ value: 'done' })
    expect(times).toHaveLength(8)
  })

  test('pauses all the same, for as long as at first', async () => {
    const { result, times } = rig([...[10, 20, 30, 40, 50].map(at), 'done'])
    await vi.runAllTimersAsync()
    expect(await result).toEqual({ value: 'done' })
    expect(times).toEqual([0, 100, 200, 300, 400, 500])
  })

  test('that starts again from nothing does not get on', async () => {
    const up = [10, 5, 10, 5, 10, 5, 10].map(at)
    const { result, times } = rig(up)
    await vi.runAllTimersAsync()
    expect(await result).toEqual({ error: broken })
    expect(times).toHaveLength(5)
  })
})

test('a longer pause that the other side asked for is kept to', async () => {
  const { result, times, pauses } = rig([new SyncError('BUSY', 'later', { retryAfterMs: 5_000 }), 'done'])
  await vi.runAllTimersAsync()
  expect(await result).toEqual({ value: 'done' })
  expect(times).toEqual([0, 5_000])
  expect(pauses).toEqual([5_000])
})

test.each([30_001, 86_400_000, 2 ** 31, Infinity])(
  'a pause of %d ms is not waited for: the fault is thrown at once',
  async (retryAfterMs) => {
    const error = new SyncError('INTERRUPTED', 'status 503', { retryAfterMs })
    const waiting = rig([error, 'done'])
    expect(await waiting.result).toEqual({ error })
    expect(waiting.times).toEqual([0])
    expect(waiting.pauses).toEqual([])
    // Neither does what got on since the last fault.
    const further = rig([{ at: 10, error }, 'done'])
    expect(await further.result).toEqual({ error })
    expect(vi.getTimerCount()).toBe(0)
  },
)

test.each([
  ['its own pause', broken, 50],
  ['a pause that was asked for', new SyncError('BUSY', 'later', { retryAfterMs: 20_000 }), 10_000],
])('an abortion ends %s at once, with its reason', async (_title, error, ms) => {
  const { result, times, abort } = rig([error, 'done'])
  await vi.advanceTimersByTimeAsync(ms)
  const reason = { kind: 'released', reason: 'paused' }
  abort.abort(reason)
  await vi.advanceTimersByTimeAsync(0)
  expect(await result).toEqual({ error: reason })
  expect(times).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
})
