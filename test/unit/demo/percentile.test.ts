import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { percentile } from '../../../replica-set-dev/demo/percentile.ts'

test('nearest rank', () => {
  const values = [50, 10, 40, 20, 30]
  expect([0, 0.2, 0.21, 0.5, 0.95, 1].map((share) => percentile(values, share))).toEqual([10, 10, 20, 30, 50, 50])
  expect(values).toEqual([50, 10, 40, 20, 30])
  expect(percentile([], 0.95)).toBeUndefined()
})

test('it is one of the values, and at least that share of all is not above it', () => {
  const values = fc.array(fc.double({ noNaN: true }), { minLength: 1 })
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (some, share) => {
      const found = percentile(some, share)
      expect(some).toContain(found)
      expect(some.filter((value) => value <= (found ?? 0)).length).toBeGreaterThanOrEqual(Math.ceil(share * some.length))
    }),
  )
})
