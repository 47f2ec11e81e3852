// `npm run bench [-- --rows 1,2 --runs 3 --quick]`: see docs/performance.md.
import { parseArgs } from 'node:util'

import { requireNode } from '../src/require-node.ts'
import { allRows } from './rows.ts'
import type { Row, RowResult } from './row.ts'
import { describeMachine, type Machine } from './support/machine.ts'
import { loadMeasured, saveMeasured } from './support/measured.ts'
import { updatePage } from './support/performance-page.ts'
import { reportRow } from './support/report-row.ts'
import { judge } from './support/verdict.ts'

requireNode()

const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    runs: { type: 'string', default: '5' },
    /** Small sizes and one run; writes nothing; exits with 1 when a goal is missed by more than a factor of two. */
    quick: { type: 'boolean', default: false },
    /** Measures nothing: writes the tables of docs/performance.md anew from bench/results. */
    tables: { type: 'boolean', default: false },
  },
})
const { quick } = values
const runs = quick ? 1 : Number(values.runs)
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: a whole number from 1`)

const say = (line: string): void => void process.stdout.write(`${line}\n`)
// Ends in good order: what was started ends with the process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

if (values.tables) await updatePage(await loadMeasured())
else process.exitCode = (await measure(await chosenRows(values.rows))) ? 0 : 1

async function chosenRows(list: string | undefined): Promise<readonly Row[]> {
  const rows = await allRows()
  if (list === undefined) return rows
  return list.split(',').map((number) => {
    const row = rows.find((one) => one.number === Number(number))
    if (!row) throw new Error(`--rows ${list}: there is no row ${number}; there are ${rows.map((one) => one.number).join(', ')}`)
    return row
  })
}

/** Whether all of it could be measured and (`quick`) no goal was missed grossly. A row that fails does not keep the others. */
async function measure(rows: readonly Row[]): Promise<boolean> {
  const machine = await describeMachine()
  let isGood = true
  for (const row of rows) {
    try {
      const result = await row.run({ quick, runs, say })
      say(`\n${reportRow(row, result)}\n`)
      if (quick) isGood &&= !result.comparisons.some((comparison) => judge(comparison).isGross)
      else await keep(row, result, machine)
    } catch (error) {
      say(`\nRow ${row.number}: could not be measured: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
      isGood = false
    }
  }
  return isGood
}

async function keep(row: Row, result: RowResult, machine: Machine): Promise<void> {
  await saveMeasured({ row: row.number, title: row.title, date: new Date().toISOString(), runs, machine, ...result })
  await updatePage(await loadMeasured())
}
