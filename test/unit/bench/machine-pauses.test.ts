import { expect, test } from 'vitest'

import { pausesOf } from '../../../bench/support/machine-pauses.ts'

test('laps that take several times as long as usual are pauses, and those that follow on one another are one', () => {
  expect(pausesOf([1, 1, 4, 6, 1, 5, 1, 1])).toEqual({ share: 15 / 20, longestMs: 10 })
})

test('what takes twice as long is no pause', () => {
  expect(pausesOf([1, 2, 1, 1.1, 2.4])).toEqual({ share: 0, longestMs: 0 })
})
