import { expect, test } from 'vitest'

import type { Comparison, Goal } from '../../../bench/row.ts'
import { isRegression } from '../../../bench/support/regression.ts'

const figure = (ours: number, goal: Goal | undefined): Comparison => ({
  what: 'files',
  unit: 'files/s',
  ours: [ours],
  baseline: 'theirs',
  theirs: [100],
  ...(goal && { goal }),
})
const AT_LEAST = { of: 'ratio', bound: 'at least', limit: 1 } as const
const AT_MOST = { of: 'ratio', bound: 'at most', limit: 1.5 } as const

test.each<[string, number, Goal | undefined, number | undefined, boolean]>([
  ['nobody asks for it', 1, undefined, undefined, false],
  ['the goal is met', 120, AT_LEAST, undefined, false],
  ['half of the goal is met', 55, AT_LEAST, 120, false],
  ['half of the goal is missed, which was met', 45, AT_LEAST, 120, true],
  ['half of the goal is missed, and nobody knows how it was', 45, AT_LEAST, undefined, true],
  ['it was missed before, by less than a factor of four', 11, AT_LEAST, 40, false],
  ['it was missed before, by more than a factor of four', 9, AT_LEAST, 40, true],
  ['twice as much as is allowed', 290, AT_MOST, 140, false],
  ['more than twice as much as is allowed', 310, AT_MOST, 140, true],
  ['more than is allowed, as before', 790, AT_MOST, 200, false],
  ['more than is allowed, and four times as much as before', 810, AT_MOST, 200, true],
])('%s', (_what, ours, goal, known, expected) => {
  expect(isRegression(figure(ours, goal), known === undefined ? undefined : figure(known, goal))).toBe(expected)
})
