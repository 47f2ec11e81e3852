import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'

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

export async function saveMeasured(measured: Measured): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  const name = `row-${String(measured.row).padStart(2, '0')}.json`
  await writeFile(new URL(name, FOLDER), `${JSON.stringify(measured, undefined, 2)}\n`)
}

/** Of all rows that were ever measured, in order. */
export async function loadMeasured(): Promise<readonly Measured[]> {
  const names = (await readdir(FOLDER)).filter((name) => /^row-\d+\.json$/.test(name)).toSorted()
  return await Promise.all(names.map(async (name) => JSON.parse(await readFile(new URL(name, FOLDER), 'utf8')) as Measured))
}
