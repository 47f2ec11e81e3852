// `npm run bench [-- --rows 1,2 --runs 3 --quick]`: see docs/performance.md.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { requireNode } from '../src/require-node.ts'
import { loadRows } from './rows.ts'
import type { Row, RowResult } from './row.ts'
import { describeMachine, type Machine } from './support/machine.ts'
import { loadMeasured, saveMeasured } from './support/measured.ts'
import { profileServices } from './support/node-options.ts'
import { updatePage } from './support/performance-page.ts'
import { reportRow } from './support/report-row.ts'
import { isRegression } from './support/regression.ts'

requireNode()

const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    runs: { type: 'string', default: '5' },
    /** Small sizes and one run; writes nothing; exits with 1 when a figure is far worse than its goal, and than it was. */
    quick: { type: 'boolean', default: false },
    /** A folder: each service leaves a profile of its processor's time there. Slows it down; writes nothing else. */
    profile: { type: 'string' },
    /** Measures nothing: writes the tables of docs/performance.md anew from bench/results. */
    tables: { type: 'boolean', default: false },
  },
})
const { quick, profile } = values
if (profile !== undefined) profileServices(resolve(profile))
const runs = quick ? 1 : Number(values.runs)
if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs ${values.runs}: a whole number from 1`)

const say = (line: string): void => void process.stdout.write(`${line}\n`)
// Ends in good order: what was started ends with the process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

if (values.tables) await updatePage(await loadMeasured())
else process.exitCode = (await measure(await loadRows(values.rows?.split(',').map(Number)))) ? 0 : 1

/** Whether all of it could be measured and (`quick`) no goal was missed grossly. A row that fails does not keep the others. */
async function measure(rows: readonly Row[]): Promise<boolean> {
  const machine = await describeMachine()
  let isGood = true
  for (const row of rows) {
    try {
      const result = await row.run({ quick, runs, say })
      say(`\n${reportRow(row, result)}\n`)
      if (quick) isGood &&= await isSound(row, result)
      else if (profile === undefined) await keep(row, result, machine)
    } catch (error) {
      say(`\nRow ${row.number}: could not be measured: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
      isGood = false
    }
  }
  return isGood
}

/** Says which figures are so bad that something must have broken. */
async function isSound(row: Row, { comparisons }: RowResult): Promise<boolean> {
  const known = (await loadMeasured()).find((measured) => measured.row === row.number)
  const bad = comparisons.filter((comparison, n) => isRegression(comparison, known?.comparisons[n]))
  for (const { what } of bad) say(`Row ${row.number}: ${what}: far worse than it was`)
  return bad.length === 0
}

async function keep(row: Row, result: RowResult, machine: Machine): Promise<void> {
  await saveMeasured({ row: row.number, title: row.title, date: new Date().toISOString(), runs, machine, ...result })
  await updatePage(await loadMeasured())
}
