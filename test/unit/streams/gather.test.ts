import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { Gather } from '../../../src/streams/gather.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Who went, in which order. */
function watched(options = { ms: 25, most: 3 }) {
  const gather = new Gather(options)
  const gone: string[] = []
  const join = (name: string, hurry = false): void => void gather.join({ hurry }).then(() => gone.push(name))
  return { gone, join }
}

test('who is patient waits for others, but not for long', async () => {
  const { gone, join } = watched()
  join('a')
  await vi.advanceTimersByTimeAsync(20)
  join('b')
  await vi.advanceTimersByTimeAsync(4)
  expect(gone).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(gone).toEqual(['a', 'b'])
  expect(vi.getTimerCount()).toBe(0)
})

test('who is in a hurry goes at once, and takes along who waits', async () => {
  const { gone, join } = watched()
  join('a')
  join('b', true)
  await vi.advanceTimersByTimeAsync(0)
  expect(gone).toEqual(['a', 'b'])
  expect(vi.getTimerCount()).toBe(0)
})

test('when there are enough of them, they go; the next ones wait for their own time', async () => {
  const { gone, join } = watched()
  for (const name of ['a', 'b', 'c', 'd']) join(name)
  await vi.advanceTimersByTimeAsync(24)
  expect(gone).toEqual(['a', 'b', 'c'])
  await vi.advanceTimersByTimeAsync(1)
  expect(gone).toEqual(['a', 'b', 'c', 'd'])
})
