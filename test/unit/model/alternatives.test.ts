import { expect, test } from 'vitest'

import { alternativesOf } from '../../../src/model/alternatives.ts'
import { siteOf, sitesOf } from '../../support/model-samples.ts'

const among = (lists: Readonly<Record<string, readonly string[]>>, site: string): readonly string[] =>
  alternativesOf(
    { sites: sitesOf(...Object.entries(lists).map(([name, names]) => siteOf(name, { alternativeSites: names }))) },
    site,
  ).toSorted()

test.each([
  ['none', { A: [], B: [] }, { A: [], B: [], unknown: [] }],
  ['in both directions', { A: ['B'], B: [] }, { A: ['B'], B: ['A'] }],
  ['a ring', { A: ['C'], C: ['D'], D: ['A'], E: [] }, { A: ['C', 'D'], C: ['A', 'D'], D: ['A', 'C'], E: [] }],
  ['a chain joined last', { A: ['B'], C: ['D'], E: ['B', 'D'] }, { A: ['B', 'C', 'D', 'E'], D: ['A', 'B', 'C', 'E'] }],
  ['through a name that is not declared', { A: ['studio'], B: ['studio'] }, { A: ['B', 'studio'], studio: ['A', 'B'] }],
  ['odd names', { 'a.b': ['$x'], __proto: ['constructor'] }, { $x: ['a.b'], constructor: ['__proto'] }],
  ['itself', { A: ['A'] }, { A: [] }],
] as const)('%s', (_what, lists, expected) => {
  for (const [site, names] of Object.entries(expected)) expect([site, among(lists, site)]).toEqual([site, names])
})
