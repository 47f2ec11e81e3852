import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'

import { SyncError } from '../../errors.ts'
import type { RootedPath } from '../../model/site.ts'
import type { RemoteFile, Removed } from '../provider.ts'
import { assertSameFile } from '../same-file.ts'
import { describe } from './description.ts'
import { gone } from './disk-fault.ts'
import { FolderSync } from './folder-sync.ts'
import type { OwnFiles } from './own-files.ts'
import { joined, split } from './paths.ts'
import type { PathResolver } from './path-resolver.ts'
import type { RootGuard } from './root-guard.ts'

/**
 * Removes files of one site. The folder of a file is held while it is looked at and unlinked, so that no link that is put in its place
 * leads out of the root; of a file that is a link itself the link goes, and not what it leads to.
 */
export class Removing {
  readonly #guard: RootGuard
  readonly #paths: PathResolver
  readonly #own: OwnFiles
  readonly #folders = new FolderSync()

  constructor(guard: RootGuard, paths: PathResolver, own: OwnFiles) {
    this.#guard = guard
    this.#paths = paths
    this.#own = own
  }

  /** `full` is the absolute path, for messages. */
  async remove(path: RootedPath, full: string, only: RemoteFile | undefined): Promise<Removed | undefined> {
    const { folder, name } = split(path)
    using place = await this.#paths.find(folder, 'folder')
    if (place === undefined) {
      await this.#paths.assertRoot(path.root)
      return undefined
    }
    await this.#guard.assert(path.root)
    const there = await this.#paths.nameIn(place.anchor, name)
    const present = await lstat(place.anchor.at(there), { bigint: true }).catch(gone)
    if (present === undefined) return undefined
    if (present.isDirectory()) throw new SyncError('NOT_A_FILE', `${full} is a folder: only files are removed`)
    await this.#own.assertNone(present, full)
    if (only !== undefined) assertSameFile(await this.#described(path, joined(place.path, there), present), only, full)
    await this.#paths.assertStillInside(path.root, place, full)
    await place.anchor.unlink(there).catch(gone)
    // Otherwise it might be back after a power cut, when nobody knows of it any more.
    await this.#folders.sync(place.anchor)
    return 'nowhere'
  }

  /** As `stat` tells of it, which follows links that stay within the root. */
  async #described(path: RootedPath, id: string, present: BigIntStats): Promise<RemoteFile> {
    if (!present.isSymbolicLink()) return describe(id, present)
    using file = await this.#paths.find(path)
    return describe(id, file === undefined ? present : await file.anchor.stat())
  }
}
