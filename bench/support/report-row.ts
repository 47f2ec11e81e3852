import type { Row, RowResult } from '../row.ts'
import { spread } from './statistics.ts'
import { judge } from './verdict.ts'
import { goalText, judgedText, metText, spreadText } from './wording.ts'

/** The result of a row for a terminal; each figure as median (min–max) of all runs. */
export function reportRow({ number, title }: Row, { comparisons, notes, leftOut }: RowResult): string {
  const lines = [`Row ${number}: ${title}`]
  for (const comparison of comparisons) {
    const { what, unit, ours, theirs, baseline, goal } = comparison
    const their = theirs.length > 0 ? `; ${baseline}: ${spreadText(spread(theirs), unit)}` : ''
    lines.push(`  ${what}: ${spreadText(spread(ours), unit)}${their}`)
    const words = [judgedText(comparison), goal && `goal ${goalText(goal, unit)}`, metText(comparison)].filter(Boolean)
    if (words.length > 0) lines.push(`      ${words.join(', ')}${judge(comparison).isGross ? ' by more than a factor of two' : ''}`)
  }
  for (const note of notes) lines.push(`  - ${note}`)
  for (const one of leftOut) lines.push(`  - left out: ${one}`)
  return lines.join('\n')
}
