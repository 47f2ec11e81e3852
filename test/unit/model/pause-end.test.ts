import { expect, test } from 'vitest'

import { endOf } from '../../../src/model/pause-end.ts'

const NOW = new Date('2024-01-02T03:04:05.678Z')

test.each([
  ['90s', 90_000],
  ['30m', 1_800_000],
  ['2h', 7_200_000],
  ['1.5 h', 5_400_000],
  ['3d', 259_200_000],
  ['1w', 604_800_000],
])('--for %s', (text, ms) => {
  expect(endOf({ for: text }, NOW)).toEqual(new Date(NOW.getTime() + ms))
})

test.each(['', '2', 'h', '0h', '-1h', '2 hours', '1e9d', '99999999999999999999d', 'Infinityh'])('--for %j is wrong usage', (text) => {
  expect(() => endOf({ for: text }, NOW)).toThrow(/--for is .* such as "2h"/)
})

test('--until takes a time with an offset, one of here, or a day', () => {
  expect(endOf({ until: '2024-05-04T18:00Z' }, NOW)).toEqual(new Date('2024-05-04T18:00:00Z'))
  expect(endOf({ until: '2024-05-04T18:00:00+02:00' }, NOW)).toEqual(new Date('2024-05-04T16:00:00Z'))
  expect(endOf({ until: '2024-05-04 18:00' }, NOW)).toEqual(new Date(2024, 4, 4, 18))
  expect(endOf({ until: '2024-05-04' }, NOW)).toEqual(new Date(2024, 4, 4))
})

test.each(['', 'tomorrow', '5', '2024-13-01', '2024-05-04T25:00', '4.5.2024'])('--until %j is wrong usage', (text) => {
  expect(() => endOf({ until: text }, NOW)).toThrow(/--until is/)
})

test('what is over, and both at once, are wrong usage; neither has no end', () => {
  expect(() => endOf({ until: '2024-01-02T03:04:05Z' }, NOW)).toThrow('which is over')
  expect(() => endOf({ until: '2025-01-01', for: '2h' }, NOW)).toThrow('either')
  expect(endOf({}, NOW)).toBeUndefined()
})
