import { expect, test } from 'vitest'

// @ts-expect-error The page is written in JavaScript.
import { commonPart, groupErrors } from '../../../src/http/page/problems.js'

const lost = (n: number) => `/mnt/work/a/sh${n}.exr is not at the site "studio${n}"`
const at = (site: string, error: string, failed: number, exhausted = 0) => ({ sites: [{ site, error, failed, exhausted }] })

test('errors that differ in names, paths and numbers alone are one group of their site, the largest first', () => {
  const groups = groupErrors([
    at('nas', lost(1), 0, 1),
    at('nas', lost(22), 0, 2),
    at('gdrive', lost(3), 0, 1),
    at('gdrive', 'quota exceeded', 9),
    at('gdrive', 'not failed', 0),
  ])
  expect(groups).toEqual([
    expect.objectContaining({ site: 'gdrive', error: 'quota exceeded', failed: 9, representations: 1, part: 'quota exceeded' }),
    expect.objectContaining({ site: 'nas', exhausted: 3, representations: 2, part: 'is not at the site' }),
    expect.objectContaining({ site: 'gdrive', exhausted: 1 }),
  ])
})

test.each([
  ['connect ECONNREFUSED 10.4.0.17:22', 'connect ECONNREFUSED'],
  ['the folder C:\\a\\b of 12 files', 'the folder'],
  ['E 12', undefined],
])('what all errors like %j have in common', (error, part) => {
  expect(commonPart(error)).toBe(part)
})
