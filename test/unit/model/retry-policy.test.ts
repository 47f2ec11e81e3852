import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { SyncError, type ErrorCode } from '../../../src/errors.ts'
import { cooldownMs, MAX_RETRY_AFTER_MS } from '../../../src/model/retry-policy.ts'

/** The middle of the spread. */
const cooldown = (code: ErrorCode, nth: number) => cooldownMs(new SyncError(code, 'x'), nth, 0.5)

describe('a site in trouble is left alone', () => {
  test.each<[ErrorCode, readonly number[]]>([
    ['RATE_LIMITED', [1, 2, 4, 8, 16, 32, 64, 64]],
    ['UNREACHABLE', [5, 10, 20, 40, 80, 120, 120]],
    ['ROOT_MISSING', [5, 10, 20, 40, 80, 120, 120]],
    ['DISK_FULL', [5, 10, 20, 40, 80, 120, 120]],
    ['MISCONFIGURED', [5, 10, 20, 40, 80, 120, 120]],
    ['CREDENTIALS', [15, 30, 60, 120, 240, 300, 300]],
    ['PERMISSION', [15, 30, 60, 120, 240, 300, 300]],
    ['QUOTA', [60, 120, 240, 480, 900, 900]],
    ['SITE_LIMIT', [60, 120, 240, 480, 900, 900]],
  ])('%s: %j seconds', (code, seconds) => {
    expect(seconds.map((_, n) => cooldown(code, n + 1))).toEqual(seconds.map((s) => s * 1_000))
  })

  test('instances spread by a tenth each way', () => {
    const error = new SyncError('UNREACHABLE', 'x')
    expect(cooldownMs(error, 1, 0)).toBe(4_500)
    expect(cooldownMs(error, 1, 0.999_999)).toBeCloseTo(5_500, 0)
  })

  test('what the site asked for is kept to exactly, up to an hour', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: MAX_RETRY_AFTER_MS }),
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (retryAfterMs, nth, random) => {
          expect(cooldownMs(new SyncError('RATE_LIMITED', 'x', { retryAfterMs }), nth, random)).toBe(retryAfterMs)
        },
      ),
    )
  })

  test.each([MAX_RETRY_AFTER_MS + 1, 2 ** 31, 1e300, Infinity])(
    'a site that asks for %d ms is asked again after an hour',
    (retryAfterMs) => {
      expect(cooldownMs(new SyncError('UNREACHABLE', 'x', { retryAfterMs }), 1, 0.5)).toBe(3_600_000)
    },
  )

  test.each([0, -1, Number.NaN])('a site that asks for %d ms is left alone for longer and longer all the same', (retryAfterMs) => {
    const error = new SyncError('UNREACHABLE', 'x', { retryAfterMs })
    expect([1, 2, 3].map((nth) => cooldownMs(error, nth, 0.5))).toEqual([5_000, 10_000, 20_000])
  })

  test('however long the trouble lasts, the pause stays finite', () => {
    expect(cooldown('UNREACHABLE', 5_000)).toBe(120_000)
  })
})
