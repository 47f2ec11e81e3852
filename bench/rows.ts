import { readdir } from 'node:fs/promises'

import type { Row } from './row.ts'

const FOLDER = new URL('rows/', import.meta.url)

/** The rows of these numbers, in that order; all there are when no number is given. */
export async function loadRows(numbers?: readonly number[]): Promise<readonly Row[]> {
  const names = (await readdir(FOLDER)).filter((name) => /^\d+-.*\.ts$/.test(name))
  const files = new Map(names.toSorted().map((name) => [Number.parseInt(name, 10), name]))
  const wanted = (numbers ?? [...files.keys()]).map((number) => {
    const name = files.get(number)
    if (name === undefined) throw new Error(`there is no row ${number}; there are ${[...files.keys()].join(', ')}`)
    return name
  })
  const modules = await Promise.all(wanted.map(async (name) => (await import(new URL(name, FOLDER).href)) as { readonly row: Row }))
  return modules.map(({ row }) => row)
}
