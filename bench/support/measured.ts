import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import type { RowResult } from '../row.ts'
import type { Machine } from './machine.ts'

/** What a row's file in `bench/results` holds: every single value that was measured. */
export interface Measured extends RowResult {
  readonly row: number
  readonly title: string
  /** ISO, UTC. */
  readonly date: string
  readonly runs: number
  readonly machine: Machine
}

const FOLDER = new URL('../results/', import.meta.url)
const FORMATTER = fileURLToPath(new URL('../../node_modules/oxfmt/bin/oxfmt', import.meta.url))

export async function saveMeasured(measured: Measured): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  const name = `row-${String(measured.row).padStart(2, '0')}.json`
  const file = fileURLToPath(new URL(name, FOLDER))
  await writeFile(file, `${JSON.stringify(measured, undefined, 2)}\n`)
  // As everything in the repository is.
  await promisify(execFile)(process.execPath, [FORMATTER, file])
}

/** Of all rows that were ever measured, in order. */
export async function loadMeasured(): Promise<readonly Measured[]> {
  const names = (await readdir(FOLDER)).filter((name) => /^row-\d+\.json$/.test(name)).toSorted()
  return await Promise.all(names.map(async (name) => JSON.parse(await readFile(new URL(name, FOLDER), 'utf8')) as Measured))
}
