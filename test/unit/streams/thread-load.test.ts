import { expect, test } from 'vitest'

import { ThreadLoad } from '../../../src/streams/thread-load.ts'

function rig() {
  const at = { now: 5_000, active: 400 }
  const load = new ThreadLoad({ now: () => at.now, activeMs: () => at.active })
  /** So many milliseconds pass, of which it works for so many. */
  const pass = (ms: number, working: number): number => {
    at.now += ms
    at.active += working
    return load.pressure()
  }
  return { load, pass }
}

test('a thread that works for four fifths of its time is under no pressure, and under all of it when it does nothing else', () => {
  const { load, pass } = rig()
  expect(load.pressure()).toBe(0)
  expect(pass(100, 80)).toBe(0)
  expect(pass(100, 90)).toBeCloseTo(0.5)
  expect(pass(4_000, 3_800)).toBeCloseTo(0.75)
  expect(pass(100, 100)).toBe(1)
  expect(pass(100, 20)).toBe(0)
})

test('what it did within the last tenth of a second counts when that is over', () => {
  const { pass } = rig()
  expect(pass(100, 100)).toBe(1)
  expect(pass(50, 0)).toBe(1)
  expect(pass(49, 0)).toBe(1)
  expect(pass(1, 0)).toBe(0)
})

test('a thread that works is under pressure by its own count', () => {
  const load = new ThreadLoad()
  const until = performance.now() + 150
  while (performance.now() < until);
  expect(load.pressure()).toBeGreaterThan(0.5)
})
