import type { Comparison, Goal } from '../row.ts'
import type { Spread } from './statistics.ts'
import { judge } from './verdict.ts'

/** Three digits that count. */
function figure(value: number): string {
  if (value !== 0 && Math.abs(value) < 100) return Number(value.toPrecision(3)).toString()
  return Math.round(value).toLocaleString('en-US')
}

/** Such as `3.1 ms (2.9–3.4)`: the median, and the range of all runs. */
export function spreadText({ min, median, max }: Spread, unit = ''): string {
  const range = figure(min) === figure(max) ? '' : ` (${figure(min)}–${figure(max)})`
  return `${figure(median)}${unit === '' ? '' : ` ${unit}`}${range}`
}

export function goalText({ of, bound, limit }: Goal, unit: Comparison['unit']): string {
  const sign = bound === 'at most' ? '≤' : '≥'
  if (of === 'ratio') return `${sign} ${figure(limit)} ×`
  return `${sign} ${of === 'difference' ? '+ ' : ''}${figure(limit)} ${unit}`
}

/** What the goal is about, as it came out. */
export function judgedText(comparison: Comparison): string {
  const { goal, unit } = comparison
  const { judged, ratio } = judge(comparison)
  if (goal?.of === 'value') return spreadText(judged, unit)
  if (goal?.of === 'difference') return `+ ${spreadText(judged, unit)}`
  return ratio ? `${spreadText(ratio)} ×` : ''
}

export function metText(comparison: Comparison): string {
  const { isMet } = judge(comparison)
  if (isMet === undefined) return ''
  return isMet ? 'met' : 'missed'
}
