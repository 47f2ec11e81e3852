import { chmod, constants, copyFile, open, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

import { isErrno } from './errno.ts'

const UNSUPPORTED = ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOSYS', 'ENOTTY', 'EINVAL']

/** Copies files by sharing their blocks, where the file system can (Btrfs, XFS, ZFS, APFS, ReFS): no bytes are moved. */
export class Cloning {
  /** Pairs of devices between which it was refused; asking again for each file would be waste. */
  readonly #refused = new Set<string>()
  readonly #copyFile: typeof copyFile

  constructor(copy: typeof copyFile = copyFile) {
    this.#copyFile = copy
  }

  /** Creates `to` as a clone of `from`; false, with nothing created, when it can't be done this way. */
  async clone(from: string, to: string): Promise<boolean> {
    const [source, folder] = await Promise.all([stat(from).catch(() => undefined), stat(dirname(to))])
    if (source === undefined || !source.isFile()) return false
    const devices = `${source.dev}:${folder.dev}`
    if (this.#refused.has(devices)) return false
    // Cloning copies the source's mode; the file is to have that of a new one.
    const mode = await createEmpty(to)
    try {
      await this.#copyFile(from, to, constants.COPYFILE_FICLONE_FORCE)
      // A mode is no bytes.
      await chmod(to, mode).catch(() => {})
      return true
    } catch (error) {
      if (isErrno(error, ...UNSUPPORTED)) this.#refused.add(devices)
      await rm(to, { force: true })
      return false
    }
  }
}

async function createEmpty(path: string): Promise<number> {
  const file = await open(path, 'wx')
  const { mode } = await file.stat().finally(async () => await file.close())
  return mode & 0o777
}
