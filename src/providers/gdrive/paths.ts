import { SyncError } from '../../errors.ts'
import type { RootedPath } from '../../model/site.ts'

/** The folders on the way to a file, and its name. */
export function split(path: RootedPath): { readonly dirs: string[]; readonly name: string } {
  const names = namesOf(path)
  return { dirs: names.slice(0, -1), name: names.at(-1) ?? '' }
}

/** Rejects with `BAD_PATH` what leads out of the root; Drive itself would take such names. */
export function namesOf({ root, path }: RootedPath): string[] {
  const names = path.split('/')
  if (!names.some((name) => name === '' || name === '.' || name === '..')) return names
  throw new SyncError('BAD_PATH', `the path ${JSON.stringify(path)} can't be used below the root ${root}`)
}
