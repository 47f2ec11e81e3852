import type { Comparison, Goal } from '../row.ts'
import { spread, type Spread } from './statistics.ts'

export interface Verdict {
  /** Ours / baseline, run by run; undefined without a baseline. */
  readonly ratio: Spread | undefined
  /** What the goal is about: a ratio, a difference or our value; the median counts. */
  readonly judged: Spread
  /** Undefined without a goal. */
  readonly isMet: boolean | undefined
  /** Missed by more than a factor of two. */
  readonly isGross: boolean
}

export function judge({ ours, theirs, goal }: Comparison): Verdict {
  const pairs = theirs.map((their, run) => [ours[run], their] as const).filter((pair): pair is [number, number] => pair[0] !== undefined)
  const ratio = pairs.length > 0 ? spread(pairs.map(([our, their]) => our / their)) : undefined
  const judged = judgedSpread(goal?.of, ours, pairs, ratio)
  if (!goal) return { ratio, judged, isMet: undefined, isGross: false }
  const { bound, limit } = goal
  const isWithin = (most: number): boolean => (bound === 'at most' ? judged.median <= most : judged.median >= most)
  return { ratio, judged, isMet: isWithin(limit), isGross: !isWithin(bound === 'at most' ? limit * 2 : limit / 2) }
}

function judgedSpread(
  of: Goal['of'] | undefined,
  ours: readonly number[],
  pairs: readonly (readonly [number, number])[],
  ratio: Spread | undefined,
): Spread {
  if (of === 'difference') return spread(pairs.map(([our, their]) => our - their))
  if (of === 'value') return spread(ours)
  return ratio ?? spread(ours)
}
