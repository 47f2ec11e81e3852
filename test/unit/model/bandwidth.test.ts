import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { closedAt, limitAt, type Bandwidth, type BandwidthWindow } from '../../../src/model/bandwidth.ts'

const own = process.env['TZ']
beforeAll(() => {
  process.env['TZ'] = 'Europe/Berlin'
})
afterAll(() => {
  if (own === undefined) delete process.env['TZ']
  else process.env['TZ'] = own
})

/** `08:30` in minutes. */
const minutes = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3))
const window = (from: string, to: string, limit: number, days?: readonly number[]): BandwidthWindow => ({
  from: minutes(from),
  to: minutes(to),
  limit,
  ...(days && { days: new Set(days) }),
})
const rateAt = (bandwidth: Bandwidth, time: string): number | undefined => limitAt(bandwidth, new Date(time)).rate

const closedThen = (bandwidth: Bandwidth, time: string): ReturnType<typeof closedAt> => closedAt(bandwidth, new Date(time))

const WORK = [1, 2, 3, 4, 5]

test('a number holds always, nothing at all limits nothing', () => {
  expect(limitAt(undefined, new Date())).toEqual({ rate: undefined })
  expect(limitAt(5, new Date())).toEqual({ rate: 5 })
  expect(closedAt(5, new Date())).toBeUndefined()
  expect(closedAt([], new Date())).toBeUndefined()
})

// 2026-05-04 is a Monday; in May it is two hours later in Berlin than by UTC.
test.each<[string, Bandwidth, string, number | undefined]>([
  ['before', [window('08:00', '19:00', 7)], '2026-05-04T07:59:59.999+02:00', undefined],
  ['at its beginning', [window('08:00', '19:00', 7)], '2026-05-04T08:00:00+02:00', 7],
  ['just before its end', [window('08:00', '19:00', 7)], '2026-05-04T18:59:59.999+02:00', 7],
  ['at its end', [window('08:00', '19:00', 7)], '2026-05-04T19:00:00+02:00', undefined],
  ['on a day that it has not', [window('08:00', '19:00', 7, WORK)], '2026-05-03T12:00:00+02:00', undefined],
  ['of a night, in the evening', [window('22:00', '06:00', 7, WORK)], '2026-05-04T23:00:00+02:00', 7],
  ['of a night, after midnight', [window('22:00', '06:00', 7, WORK)], '2026-05-05T05:59:00+02:00', 7],
  ['of the night to Monday, which began on Sunday', [window('22:00', '06:00', 7, WORK)], '2026-05-04T03:00:00+02:00', undefined],
  ['of the night to Saturday, which began on Friday', [window('22:00', '06:00', 7, WORK)], '2026-05-09T03:00:00+02:00', 7],
  ['of a whole day', [window('00:00', '24:00', 7, [1])], '2026-05-04T23:59:59+02:00', 7],
  ['of a day that begins and ends at the same time', [window('09:00', '09:00', 7, [1])], '2026-05-05T08:59:00+02:00', 7],
  ['of two, the first', [window('08:00', '12:00', 0), window('00:00', '24:00', 7)], '2026-05-04T09:00:00+02:00', 0],
  ['of two, the second', [window('08:00', '12:00', 0), window('00:00', '24:00', 7)], '2026-05-04T13:00:00+02:00', 7],
])('a window, %s', (_, bandwidth, time, expected) => {
  expect(rateAt(bandwidth, time)).toBe(expected)
})

describe('when clocks are moved', () => {
  // 2026-03-29 01:00Z: 02:00 becomes 03:00. 2026-10-25 01:00Z: 03:00 becomes 02:00.
  test.each<[string, Bandwidth, string, number | undefined]>([
    ['a time that no clock shows begins when clocks are moved', [window('02:30', '05:00', 7)], '2026-03-29T00:59:59Z', undefined],
    ['a time that no clock shows begins when clocks are moved', [window('02:30', '05:00', 7)], '2026-03-29T01:00:00Z', 7],
    ['a time that no clock shows ends when clocks are moved', [window('01:00', '02:30', 7)], '2026-03-29T00:59:59Z', 7],
    ['a time that no clock shows ends when clocks are moved', [window('01:00', '02:30', 7)], '2026-03-29T01:00:00Z', undefined],
    ['a window within the hour that is left out is none', [window('02:15', '02:45', 7)], '2026-03-29T01:00:00Z', undefined],
    ['a night is an hour shorter', [window('22:00', '06:00', 7)], '2026-03-29T03:59:59Z', 7],
    ['a night is an hour shorter', [window('22:00', '06:00', 7)], '2026-03-29T04:00:00Z', undefined],
    ['a night is an hour longer', [window('22:00', '06:00', 7)], '2026-10-25T04:59:59Z', 7],
    ['a night is an hour longer', [window('22:00', '06:00', 7)], '2026-10-25T05:00:00Z', undefined],
    ['what begins in the hour that comes twice begins once', [window('02:30', '04:00', 7)], '2026-10-25T00:29:59Z', undefined],
    ['what begins in the hour that comes twice begins once', [window('02:30', '04:00', 7)], '2026-10-25T00:30:00Z', 7],
    ['what begins in the hour that comes twice begins once', [window('02:30', '04:00', 7)], '2026-10-25T01:10:00Z', 7],
    ['what ends in the hour that comes twice ends once', [window('01:00', '02:30', 7)], '2026-10-25T00:30:00Z', undefined],
    ['what ends in the hour that comes twice ends once', [window('01:00', '02:30', 7)], '2026-10-25T01:10:00Z', undefined],
  ])('%s: %j at %s', (_, bandwidth, time, expected) => {
    expect(rateAt(bandwidth, time)).toBe(expected)
  })
})

test('how long it is closed, also by several windows without a gap; what is closed always has no end', () => {
  const night = [window('19:00', '24:00', 0), window('00:00', '08:00', 0, WORK), window('08:00', '19:00', 9)]
  expect(closedThen(night, '2026-05-04T20:00:00+02:00')).toEqual({
    since: new Date('2026-05-04T19:00:00+02:00'),
    until: new Date('2026-05-05T08:00:00+02:00'),
  })
  // No window from Friday's midnight on.
  expect(closedThen(night, '2026-05-08T20:00:00+02:00')?.until).toEqual(new Date('2026-05-09T00:00:00+02:00'))
  expect(closedThen(night, '2026-05-04T12:00:00+02:00')).toBeUndefined()
  expect(closedThen([window('00:00', '24:00', 0)], '2026-05-04T12:00:00+02:00')).toEqual({ since: new Date('2026-05-04T00:00:00+02:00') })
})

test('what holds until then holds until then, and not a moment longer', () => {
  const time = fc.integer({ min: 0, max: 24 * 60 - 1 })
  const days = fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 }), { nil: undefined })
  const windows = fc.array(
    fc
      .record({ from: time, to: time, limit: fc.integer({ min: 0, max: 3 }), days })
      .map(({ days: some, ...rest }) => ({ ...rest, ...(some && { days: new Set(some) }) })),
    { minLength: 1, maxLength: 4 },
  )
  const around = fc.date({ min: new Date('2026-03-20T00:00:00Z'), max: new Date('2026-11-05T00:00:00Z'), noInvalidDate: true })
  fc.assert(
    fc.property(windows, around, fc.nat({ max: 1_000 }), (bandwidth, now, part) => {
      const { rate, since, until } = limitAt(bandwidth, now)
      if (!since || !until) return
      expect([since <= now, now < until]).toEqual([true, true])
      const between = new Date(since.getTime() + ((until.getTime() - since.getTime() - 1) * part) / 1_000)
      expect(limitAt(bandwidth, between)).toEqual({ rate, since, until })
      expect(limitAt(bandwidth, until).since).toEqual(until)
    }),
    { numRuns: 300 },
  )
})
