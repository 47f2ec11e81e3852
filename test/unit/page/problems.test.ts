import { expect, test } from 'vitest'

import { causeOf } from '../../../src/model/error-cause.ts'
// @ts-expect-error The page is written in JavaScript.
import { commonPart, groupErrors } from '../../../src/http/page/problems.js'
// @ts-expect-error The page is written in JavaScript.
import { remedyOf } from '../../../src/http/page/remedy.js'

const lost = (n: number) => `/mnt/work/a/sh${n}.exr is not at the site "studio${n}"`
const QUOTA = 'quota exceeded'
const says = (error: string, failed: number, exhausted = 0) => ({ cause: causeOf(error), error, failed, exhausted })
const at = (site: string, ...errors: object[]) => ({ site, errors })
const item = (...sites: object[]) => ({ sites })

test('a file that is missing at two sites is one problem, and counts once; others of the same cause at these sites are with it', () => {
  const groups = groupErrors([
    item(at('nas', says(lost(1), 0, 1))),
    item(at('nas', says(lost(22), 0, 2)), at('gdrive', says(lost(22), 0, 2))),
    item(at('gdrive', says(lost(3), 1))),
    item(at('client', says(lost(4), 0, 1))),
  ])
  expect(groups).toEqual([
    expect.objectContaining({
      sites: ['gdrive', 'nas'],
      files: 4,
      failed: 1,
      exhausted: 5,
      representations: 3,
      part: 'is not at the site',
    }),
    expect.objectContaining({ sites: ['client'], files: 1 }),
  ])
})

test('several errors of one representation are a problem each, the largest first', () => {
  const groups = groupErrors([item(at('gdrive', says(lost(1), 0, 3), says(QUOTA, 9)), at('nas')), item(at('gdrive', says(QUOTA, 1)))])
  expect(groups).toEqual([
    expect.objectContaining({ sites: ['gdrive'], error: QUOTA, files: 10, failed: 10, representations: 2, part: QUOTA }),
    expect.objectContaining({ sites: ['gdrive'], files: 3, exhausted: 3, representations: 1 }),
  ])
})

test('the same trouble of two sites is a problem of each', () => {
  const groups = groupErrors([item(at('nas', says('site "nas" is unreachable', 1)), at('gdrive', says('site "gdrive" is unreachable', 1)))])
  expect(groups).toHaveLength(2)
})

test.each([
  ['connect ECONNREFUSED 10.4.0.17:22', 'connect ECONNREFUSED'],
  ['the folder C:\\a\\b of 12 files', 'the folder'],
  ['E 12', undefined],
])('what all errors like %j have in common', (error, part) => {
  expect(commonPart(causeOf(error))).toBe(part)
})

const site = (name: string, state = 'ok', more = {}) => ({ site: name, instances: [{ site: name, state, ...more }] })
const status = {
  instances: [{}],
  pauses: [{ site: 'held', who: 'mira' }],
  closed: [{ site: 'night', until: '2026-11-27T19:00:00.000Z' }],
  sites: [
    site('nas'),
    site('hot', 'cooling', { until: '2026-11-27T19:00:00.000Z' }),
    site('held'),
    site('night'),
    site('odd', 'misconfigured'),
  ],
}

test.each([
  [['nas'], 1, 'retry', ['nas'], /mend the cause, then retry/],
  [['nas'], 0, 'retry', ['nas'], /next scan/],
  [['hot'], 0, 'wait', ['hot'], /goes on by itself about .*no tries are spent/],
  [['hot'], 2, 'wait', ['hot'], /wait for hot/],
  [['hot', 'nas'], 2, 'retry', ['nas'], /retry/],
  [['held'], 2, 'resume', ['held'], /held is paused/],
  [['night'], 0, 'wait', ['night'], /when night opens/],
  [['odd'], 0, 'mend', ['odd'], /mend the site odd/],
])('what helps at %j with %s given up: %s', (sites, exhausted, kind, of, text) => {
  const remedy = remedyOf({ sites, exhausted }, status)
  expect([remedy.kind, remedy.sites]).toEqual([kind, of])
  expect(remedy.text).toMatch(text)
})

test('a pause of everything is not ended for one problem', () => {
  expect(remedyOf({ sites: ['nas'], exhausted: 1 }, { ...status, pauses: [{ who: 'mira' }] }).kind).toBe('wait')
})
