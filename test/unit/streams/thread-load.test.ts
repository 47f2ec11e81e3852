import { expect, test } from 'vitest'

import { ThreadLoad } from '../../../src/streams/thread-load.ts'

function rig() {
  const at = { now: 5_000, active: 400 }
  const load = new ThreadLoad({ now: () => at.now, activeMs: () => at.active })
  /** So many milliseconds pass, of which it works for so many. */
  const pass = (ms: number, working: number): boolean => {
    at.now += ms
    at.active += working
    return load.isBusy()
  }
  return { load, pass }
}

test('a thread is busy when it worked for more than seven tenths of the time since it was looked at', () => {
  const { load, pass } = rig()
  expect(load.isBusy()).toBe(false)
  expect(pass(100, 71)).toBe(true)
  expect(pass(100, 70)).toBe(false)
  expect(pass(4_000, 2_900)).toBe(true)
})

test('what it did within the last tenth of a second counts when that is over', () => {
  const { pass } = rig()
  expect(pass(100, 90)).toBe(true)
  expect(pass(50, 0)).toBe(true)
  expect(pass(49, 0)).toBe(true)
  expect(pass(1, 0)).toBe(false)
})

test('a thread that works is busy by its own count', () => {
  const load = new ThreadLoad()
  const until = performance.now() + 150
  while (performance.now() < until);
  expect(load.isBusy()).toBe(true)
})
