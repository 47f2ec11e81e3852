import { expect, test } from 'vitest'

import { causeOf } from '../../../src/model/error-cause.ts'
import { summarize } from '../../../src/model/representation-summary.ts'
import { entry, inArray, representation } from '../../support/published.ts'

const lost = (n: number) => `/mnt/work/a.${n}.exr is not at the site "studio"`
const QUOTA = 'the quota is used up'
const file = (n: number, record: object) => entry(`{root[work]}/a.${n}.exr`, inArray({ name: 'gdrive', ...record }))
const errorsOf = (...records: readonly object[]) =>
  summarize(representation(records.map((record, n) => file(n, record))), 'show', ['gdrive'], 3).sites[0]?.errors

test('files that failed are told by cause, the most first; what is given up apart from what is tried again', () => {
  expect(
    errorsOf(
      { tries: 1, error: lost(1) },
      { tries: 3, error: lost(22) },
      { error: QUOTA },
      { tries: 3, error: QUOTA },
      { tries: 1, error: QUOTA },
      { created_dt: new Date(), error: 'of before' },
      { paused: true, error: 'of before' },
      {},
    ),
  ).toEqual([
    { cause: QUOTA, error: QUOTA, failed: 2, exhausted: 1 },
    { cause: '… is not at the site …', error: lost(1), failed: 1, exhausted: 1 },
  ])
})

test('five causes at most, and none where nothing failed', () => {
  expect(errorsOf(...['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => ({ tries: 1, error: `cause ${letter}` })))).toHaveLength(5)
  expect(errorsOf({}, { created_dt: new Date() })).toBeUndefined()
})

test('a text of any length is looked at in no time', () => {
  expect(causeOf('"'.repeat(1_000_000)).length).toBeLessThanOrEqual(1_000)
})
