import { readFile, writeFile } from 'node:fs/promises'

import type { Comparison } from '../row.ts'
import type { Measured } from './measured.ts'
import { spread } from './statistics.ts'
import { goalText, judgedText, metText, spreadText } from './wording.ts'

const PAGE = new URL('../../docs/performance.md', import.meta.url)

/** Writes the generated parts of the page anew: the summary, and the block of each row that was measured. */
export async function updatePage(rows: readonly Measured[]): Promise<void> {
  let page = await readFile(PAGE, 'utf8')
  page = replaced(page, 'summary', summary(rows))
  for (const row of rows) page = replaced(page, `row ${row.row}`, block(row))
  await writeFile(PAGE, page)
}

/** What stands between `<!-- measured: NAME -->` and the next `<!-- end -->`. */
function replaced(page: string, name: string, text: string): string {
  const open = `<!-- measured: ${name} -->`
  const from = page.indexOf(open)
  const to = page.indexOf('<!-- end -->', from)
  if (from < 0 || to < 0) throw new Error(`docs/performance.md has no place for it: ${open} … <!-- end -->`)
  return `${page.slice(0, from + open.length)}\n${text}\n${page.slice(to)}`
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
    return cells(what, spreadText(spread(ours), unit), their, judgedText(one), goal ? goalText(goal, unit) : '', metText(one))
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
  return [cells(...heads), cells(...heads.map(() => '---')), ...rows].join('\n')
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`
}
