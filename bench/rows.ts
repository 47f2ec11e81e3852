import { readdir } from 'node:fs/promises'

import type { Row } from './row.ts'

const FOLDER = new URL('rows/', import.meta.url)

/** Every row there is, by number. */
export async function allRows(): Promise<readonly Row[]> {
  const names = (await readdir(FOLDER)).filter((name) => /^\d+-.*\.ts$/.test(name))
  const modules = await Promise.all(names.map(async (name) => (await import(new URL(name, FOLDER).href)) as { readonly row: Row }))
  return modules.map(({ row }) => row).toSorted((one, other) => one.number - other.number)
}
