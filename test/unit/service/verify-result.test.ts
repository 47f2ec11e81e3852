import { expect, test } from 'vitest'

import { noAdoptCounts } from '../../../src/service/verify/adopt-files.ts'
import { isAdopted, isFine } from '../../../src/service/verify/verify-result.ts'
import { noVerifyCounts } from '../../../src/service/verify/verify-sites.ts'

test.each(['missing', 'changed', 'truncated', 'duplicated', 'not_looked', 'skipped', 'refused'] as const)(
  'a verify with something %s is not fine',
  (key) => {
    expect(isFine(noVerifyCounts())).toBe(true)
    expect(isFine({ ...noVerifyCounts(), [key]: 1 })).toBe(false)
  },
)

test('a verify of files that nothing could be compared with is fine', () => {
  expect(isFine({ ...noVerifyCounts(), records: 2, representations: 1, alone: 2 })).toBe(true)
})

test.each(['different', 'alone', 'unreachable', 'skipped', 'refused'] as const)('an adopt with something %s is not fine', (key) => {
  expect(isAdopted({ ...noAdoptCounts(), adopted: 2, missing: 3 })).toBe(true)
  expect(isAdopted({ ...noAdoptCounts(), [key]: 1 })).toBe(false)
})
