import { readFile, writeFile } from 'node:fs/promises'

import type { Comparison } from '../row.ts'
import type { Measured } from './measured.ts'
import { spread } from './statistics.ts'
import { goalText, judgedText, metText, spreadText } from './wording.ts'

const PAGE = new URL('../../docs/performance.md', import.meta.url)
const PLACE = /(<!-- measured: ([^>]+) -->).*?(<!-- end -->)/gs

/** Writes the generated parts of the page anew: the summary, and a block for each row; of a row that was never measured it is empty. */
export async function updatePage(rows: readonly Measured[]): Promise<void> {
  const page = await readFile(PAGE, 'utf8')
  const texts = new Map([['summary', summary(rows)], ...rows.map((row) => [`row ${row.row}`, block(row)] as const)])
  const written = page.replaceAll(PLACE, (_all, open: string, name: string, close: string) => {
    const text = texts.get(name) ?? ''
    texts.delete(name)
    return `${open}\n${text}${text === '' ? '' : '\n'}${close}`
  })
  if (texts.size > 0)
    throw new Error(`docs/performance.md has no place for ${[...texts.keys()].join(', ')}: <!-- measured: row 1 --> … <!-- end -->`)
  await writeFile(PAGE, written)
}

function summary(rows: readonly Measured[]): string {
  const lines = rows.flatMap(({ row, comparisons }) =>
    comparisons
      .filter(({ goal }) => goal !== undefined)
      .map((one) =>
        cells(`[${row}](#row-${row})`, one.what, judgedText(one), against(one), one.goal ? goalText(one.goal, one.unit) : '', metText(one)),
      ),
  )
  return table(['row', 'what', 'result', 'against', 'goal', ''], lines)
}

function block({ title, comparisons, notes, leftOut, machine, date, runs }: Measured): string {
  const lines = comparisons.map((one) => {
    const { what, unit, ours, theirs, baseline, goal } = one
    const their = theirs.length > 0 ? `${baseline}: ${spreadText(spread(theirs), unit)}` : ''
    // Our own value stands there already.
    const judged = goal?.of === 'value' ? '' : judgedText(one)
    return cells(what, spreadText(spread(ours), unit), their, judged, goal ? goalText(goal, unit) : '', metText(one))
  })
  const { cpu, cores, memoryGiB, node, mongod } = machine
  const where = `${date.slice(0, 10)}, ${cpu}, ${cores} cores, ${memoryGiB} GiB, Node ${node}, mongod ${mongod}`
  return [
    `**${title}** Median (least–most) of ${runs} run${runs === 1 ? '' : 's'}; ${where}.`,
    '',
    table(['what', 'ours', 'baseline', 'ours / baseline', 'goal', ''], lines),
    '',
    ...notes.map((note) => `- ${note}`),
    ...leftOut.map((one) => `- Left out: ${one}`),
  ]
    .join('\n')
    .trimEnd()
}

function against({ theirs, baseline }: Comparison): string {
  return theirs.length > 0 ? baseline : ''
}

function table(heads: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return ''
  return [cells(...heads), cells(...heads.map(() => '---')), ...rows].join('\n')
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
}
