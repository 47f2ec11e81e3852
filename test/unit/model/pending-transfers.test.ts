import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { pendingTransfers } from '../../../src/model/pending-transfers.ts'
import { CREATED, documentOf, fileOf, projectOf } from '../../support/model-samples.ts'

const NONE = new Map<string, unknown>()
const sites = [{ name: 'studio', created_dt: CREATED }, { name: 'gdrive' }]
const named = (names: readonly string[]) => documentOf(names.map((name, n) => fileOf(sites, { _id: n, path: `{root[work]}/${name}` })))
const planned = (names: readonly string[]) =>
  pendingTransfers(named(names), 'PRJ', projectOf(), NONE).transfers.map(({ path }) => path.replace('{root[work]}/', ''))

test('frames go in the order of their numbers, whatever their padding', () => {
  expect(planned(['a.10.exr', 'a.9.exr', 'a.1001.exr', 'a.0002.exr', 'a.1.exr'])).toEqual([
    'a.1.exr',
    'a.0002.exr',
    'a.9.exr',
    'a.10.exr',
    'a.1001.exr',
  ])
})

test('a shuffled sequence is planned in frame order', () => {
  const frames = Array.from({ length: 20 }, (_, n) => `a.${String(n + 1).padStart(4, '0')}`)
  fc.assert(
    fc.property(fc.shuffledSubarray(frames, { minLength: 20 }), (shuffled) => {
      expect(planned(shuffled)).toEqual(frames)
    }),
  )
})

test('the sites of one file stay together', () => {
  const both = [...sites, { name: 'nas' }]
  const document = documentOf([2, 1].map((n) => fileOf(both, { _id: n, path: `{root[work]}/${n}` })))
  const { transfers } = pendingTransfers(document, 'PRJ', projectOf(), NONE)
  expect(transfers.map(({ path, site }) => `${path} ${site}`)).toEqual([
    '{root[work]}/1 gdrive',
    '{root[work]}/1 nas',
    '{root[work]}/2 gdrive',
    '{root[work]}/2 nas',
  ])
})
