import type { Comparison } from '../row.ts'
import { judge } from './verdict.ts'

/** How much worse than on the machine of `bench/results` a goal that is missed there may be missed elsewhere, in one run. */
const SLACK = 4

/**
 * Is it so bad that something must have broken? Half of the goal is asked for; where the goal is missed as it is, a quarter of what was
 * measured last (`known`, the same comparison of `bench/results`).
 */
export function isRegression(comparison: Comparison, known: Comparison | undefined): boolean {
  const { goal } = comparison
  const { isGross, judged } = judge(comparison)
  if (!goal || !isGross) return false
  if (!known || judge(known).isMet !== false) return true
  const before = judge(known).judged.median
  return goal.bound === 'at most' ? judged.median > before * SLACK : judged.median < before / SLACK
}
