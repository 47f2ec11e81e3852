import { describe, expect, test } from 'vitest'

import { objectIndex, pendingQueries, unreadableQuery } from '../../../src/streams/pending-query.ts'
import { isPathName } from '../../../src/model/site-record.ts'
import { SITE_NAMES } from '../../support/model-samples.ts'

test.each([
  ['gdrive', true],
  ['local_0', true],
  ['žluťoučký kůň', true],
  ['__proto__', true],
  [`it's "q"`, true],
  ['0', true],
  ['a$b', true],
  ['a.b', false],
  ['.', false],
  ['$x', false],
  ['', false],
  ['a\0b', false],
])('%j can be a part of a path: %s', (site, expected) => {
  expect(isPathName(site)).toBe(expected)
  expect(objectIndex(site) === undefined).toBe(!expected)
})

describe.each([...SITE_NAMES])('the queries of %j', (site) => {
  const queries = pendingQueries(site, 3)

  test('urgent ones come first, and then all in both shapes', () => {
    const urgent = queries.map((query) => query.urgent)
    expect(urgent).toEqual(urgent.toSorted((a, b) => Number(b) - Number(a)))
    expect(urgent.filter((is) => !is)).toHaveLength(2)
  })

  test('ask for representations alone', () => {
    for (const { filter } of queries) expect(filter.type).toBe('representation')
  })

  test('ask for missing and null alike: created_dt is never compared by existence', () => {
    for (const { filter } of queries) expect(JSON.stringify(filter)).not.toMatch(/created_dt":\{"\$exists/)
  })

  test('name the site as a value, or as a part of a path that can spell it', () => {
    const paths: string[] = []
    JSON.stringify(queries, (key, value: unknown) => {
      paths.push(key)
      return value
    })
    const known = new Set(['created_dt', 'name', 'priority', 'tries', 'sites', 'files', ...(isPathName(site) ? [site] : [])])
    const strangers = paths.filter((path) => path.startsWith('files.')).filter((path) => path.split('.').some((part) => !known.has(part)))
    expect(strangers).toEqual([])
  })
})

test('an index of a site names the site, so that two never meet', () => {
  expect(objectIndex('gdrive')?.name).toBe('site_sync_pending.gdrive')
  expect(Object.keys(objectIndex('gdrive')?.key ?? {})).toEqual([
    'files.sites.gdrive.created_dt',
    'files.sites.gdrive.priority',
    'files.sites.gdrive.tries',
  ])
})

test('what nobody can read is found by type alone', () => {
  expect(unreadableQuery).toMatchObject({ type: 'representation', 'files.sites': { $type: expect.arrayContaining(['string']) } })
})
