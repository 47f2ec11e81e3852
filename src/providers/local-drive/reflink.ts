import { constants, copyFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

import { pathOf } from './descriptor-anchor.ts'
import { isErrno } from './errno.ts'
import type { PartFile } from './part-file.ts'

const UNSUPPORTED = ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'ENOSYS', 'ENOTTY', 'EINVAL']

/** Copies files by sharing their blocks, where the file system can (Btrfs, XFS, ZFS): no bytes are moved. */
export class Reflink {
  /** Pairs of devices between which it was refused; asking again for each file would be waste. */
  readonly #refused = new Set<string>()
  readonly #copyFile: typeof copyFile

  constructor(copy: typeof copyFile = copyFile) {
    this.#copyFile = copy
  }

  /**
   * Creates the temporary file as a clone of an open one; undefined, with nothing created, when it can't be done this way. Both ends are
   * the open files themselves: where the system has no paths for them their names might lead elsewhere by then, and nothing is cloned.
   */
  async clone(source: FileHandle, part: PartFile): Promise<FileHandle | undefined> {
    const from = pathOf(source)
    if (from === undefined) return undefined
    const [info, folder] = await Promise.all([source.stat({ bigint: true }), part.folder.stat()])
    const devices = `${info.dev}:${folder.dev}`
    if (this.#refused.has(devices)) return undefined
    const file = await part.create()
    try {
      await this.#copyFile(from, pathOf(file) ?? '', constants.COPYFILE_FICLONE_FORCE)
      // The source's mode was cloned, too: a set-user-ID bit would make its author's program one of the service's user. As long as
      // this handle is open for writing, nobody can run the file.
      await file.chmod(0o600).catch(() => {})
      const { mode } = await file.stat()
      if ((mode & 0o7000) === 0) return file
      throw new Error('the file system does not take a mode back')
    } catch (error) {
      if (isErrno(error, ...UNSUPPORTED)) this.#refused.add(devices)
      await file.close().catch(() => {})
      await part.remove()
      return undefined
    }
  }
}
