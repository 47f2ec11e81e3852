import { hash } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Stands in no file that may be read. */
export const SECRET = 'nobody but its owner reads this'

/** A folder beside a root, with files that have the names of those in the root. */
export async function outsideFolder(folder: string, names: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of names) await writeFile(join(folder, name), SECRET, { mode: 0o600 })
}

/** Everything of a folder that a read of its names can't change: whoever writes, renames, removes or changes a mode or time shows in it. */
export async function stateOf(folder: string): Promise<readonly string[]> {
  const names = ['.', ...(await readdir(folder, { recursive: true })).toSorted()]
  return await Promise.all(
    names.map(async (name) => {
      const info = await lstat(join(folder, name), { bigint: true })
      const content = info.isFile() ? hash('sha256', await readFile(join(folder, name))) : ''
      return [name, info.ino, info.mode.toString(8), info.nlink, info.mtimeNs, info.ctimeNs, content].join(' ')
    }),
  )
}

/** A link takes the place of what stands at `path`, which is kept beside it. */
export async function swapped(path: string, target: string): Promise<void> {
  await rm(`${path}.away`, { recursive: true, force: true })
  await rename(path, `${path}.away`)
  await symlink(target, path)
}
