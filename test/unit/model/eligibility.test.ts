import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { isDue, mergeOccasions, type Occasion } from '../../../src/model/eligibility.ts'

const BEFORE = new Date(1_000)
const NOW = new Date(2_000)

describe('is it due', () => {
  const never = { tries: 0, lastFailed: undefined }
  const failed = { tries: 1, lastFailed: BEFORE }

  test.each<[string, Parameters<typeof isDue>[0], Occasion, boolean]>([
    ['a fresh one by a change', never, {}, true],
    ['a fresh one by a scan', never, { retryFailedBefore: NOW }, true],
    ['one whose tries were deleted, its last failure still told', { tries: 0, lastFailed: NOW }, {}, true],
    ['a failed one by a change', failed, {}, false],
    ['a failed one by a regular scan', failed, { retryFailedBefore: NOW }, true],
    ['one that failed since the scan began', { tries: 1, lastFailed: NOW }, { retryFailedBefore: BEFORE }, false],
    ['one that failed the moment the scan began', { tries: 1, lastFailed: NOW }, { retryFailedBefore: NOW }, false],
    ['a failed one without a date by a change', { tries: 1, lastFailed: undefined }, {}, false],
    ['a failed one without a date by a regular scan', { tries: 1, lastFailed: undefined }, { retryFailedBefore: NOW }, true],
    ['a failed one that was unpaused', failed, { unpaused: true }, true],
    ['one that just failed and was unpaused', { tries: 2, lastFailed: NOW }, { unpaused: true, retryFailedBefore: BEFORE }, true],
  ])('%s', (_title, record, occasion, due) => {
    expect(isDue(record, occasion)).toBe(due)
  })
})

const time = fc.date({ min: BEFORE, max: NOW, noInvalidDate: true })
const occasion: fc.Arbitrary<Occasion> = fc.record({ retryFailedBefore: time, unpaused: fc.constant(true) }, { requiredKeys: [] })
const record = fc.record({ tries: fc.nat(3), lastFailed: fc.option(time, { nil: undefined }) })

test('two occasions put together make due what either of them makes due', () => {
  fc.assert(
    fc.property(record, occasion, occasion, (failed, a, b) => {
      expect(isDue(failed, mergeOccasions(a, b))).toBe(isDue(failed, a) || isDue(failed, b))
    }),
    { numRuns: 1_000 },
  )
})
