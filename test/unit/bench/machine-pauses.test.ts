import { expect, test } from 'vitest'

import { pausesOf } from '../../../bench/support/machine-pauses.ts'

const laps = (...took: readonly number[]): { at: number; took: number }[] => took.map((each, n) => ({ at: n, took: each }))

test('laps that take several times as long as usual are pauses, and those that follow on one another are one', () => {
  expect(pausesOf(laps(1, 1, 4, 6, 1, 5, 1, 1))).toEqual({ share: 15 / 20, longestMs: 10 })
})

test('what takes twice as long is no pause', () => {
  expect(pausesOf(laps(1, 2, 1, 1.1, 2.4))).toEqual({ share: 0, longestMs: 0 })
})
