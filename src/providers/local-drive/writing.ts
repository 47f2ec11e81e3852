import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'

import { SyncError } from '../../errors.ts'
import type { RootedPath, Site } from '../../model/site.ts'
import type { ByteSource, RemoteFile, WriteOptions } from '../provider.ts'
import { throwIfAborted } from './abort.ts'
import type { Anchor } from './anchor.ts'
import { Reflink } from './reflink.ts'
import { copyTo, readSmall, type Copied, type SmallSource } from './copying.ts'
import { describe } from './description.ts'
import { gone } from './disk-fault.ts'
import { isErrno } from './errno.ts'
import { FolderSync } from './folder-sync.ts'
import { FreeSpace } from './free-space.ts'
import { intoPlace } from './into-place.ts'
import type { OwnFiles } from './own-files.ts'
import { assertOwnName } from './own-name.ts'
import { PartFile } from './part-file.ts'
import { isAscii, joined, split } from './paths.ts'
import type { OpenFolder, Place, PathResolver } from './path-resolver.ts'
import type { RootGuard } from './root-guard.ts'
import type { CopyOptions } from './stored-copy.ts'
import { StaleFiles } from './temporary-files.ts'
import { together } from './together.ts'

/** Linux takes paths of up to 4,095 bytes, at most three for each of these. */
const SURELY_NAMEABLE = 1_000

/** Writes files of one site: beside their target first, and in its place when they are whole. */
export class Writing {
  readonly #site: Site
  readonly #guard: RootGuard
  readonly #paths: PathResolver
  readonly #own: OwnFiles
  readonly #space = new FreeSpace()
  readonly #cloning = new Reflink()
  readonly #folders = new FolderSync()
  readonly #stale = new StaleFiles()

  constructor(site: Site, guard: RootGuard, places: PathResolver, own: OwnFiles) {
    this.#site = site
    this.#guard = guard
    this.#paths = places
    this.#own = own
  }

  /** `full` is the absolute path, for messages. The folder is held from here on, so nothing that is swapped meanwhile leads elsewhere. */
  async write(path: RootedPath, full: string, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const { folder, name } = split(path)
    const small = readSmall(source, { where: full, ...options })
    await assertNameable(full)
    using place = await this.#paths.openFolder(folder, options.permit.granted, this.#site.folderMode)
    const { anchor } = place
    const [present] = await together(lstat(anchor.at(name), { bigint: true }).catch(gone), this.#guard.assert(path.root))
    if (present?.isDirectory() === true) throw new SyncError('TARGET_CONFLICT', `${full} is a folder: a file can't take its place`)
    if (present !== undefined) {
      await this.#own.assertNone(present, full)
      await assertOwnName(path, full)
    }
    if (place.created === 0) await this.#stale.removeFrom(anchor)
    const { kept, copied } = await this.#copy(path, place, full, source, { small, ...options })
    await together(this.#assertArrived(path.root, anchor, kept, copied.info), this.#makeDurable(path.root, place))
    void this.#guard.confirm(path.root)
    const checksum = copied.checksum === undefined ? undefined : ({ algorithm: 'sha256', value: copied.checksum } as const)
    return describe(joined(place.path, kept), copied.info, checksum)
  }

  async #copy(
    path: RootedPath,
    place: Place,
    where: string,
    source: ByteSource,
    options: WriteOptions & SmallSource,
  ): Promise<{ readonly kept: string; readonly copied: Copied }> {
    const { anchor } = place
    const part = await PartFile.in(anchor, source, options)
    try {
      await this.#space.assertFits(anchor, source.size, where, part.keptBytes)
      const copied = await copyTo(part, source, this.#cloning, { where, fileMode: this.#site.fileMode, ...options })
      await options.permit.granted
      if (options.small) await part.discardOf(options.permit.session)
      throwIfAborted(options.signal)
      await this.#paths.assertStillInside(path.root, place, where)
      return { kept: await this.#rename(part.name, anchor, split(path).name, copied.info, { where, ...options }), copied }
    } catch (error) {
      await part.giveUp(error)
      throw error
    }
  }

  /** Puts the file in its place, under the name it has there already. */
  async #rename(temporary: string, folder: Anchor, name: string, written: BigIntStats, options: CopyOptions): Promise<string> {
    if (isAscii(name)) {
      await intoPlace(folder, temporary, name, written, options)
      return name
    }
    return await this.#paths.alone(async () => {
      const kept = await this.#paths.nameIn(folder, name)
      await intoPlace(folder, temporary, kept, written, options)
      return kept
    })
  }

  /** The name of the file, and those of the folders that were made for it. */
  async #makeDurable(root: string, place: OpenFolder): Promise<void> {
    for (let levels = place.created; levels > 0; levels--) {
      using parent = await this.#paths.above(root, place, levels)
      if (parent !== undefined) await this.#folders.sync(parent)
    }
    await this.#folders.sync(place.anchor)
  }

  /** Should the disk have been unmounted meanwhile, the file is in its place on another one. */
  async #assertArrived(root: string, folder: Anchor, name: string, written: BigIntStats): Promise<void> {
    try {
      await this.#guard.assert(root)
    } catch (error) {
      const there = await lstat(folder.at(name), { bigint: true }).catch(() => undefined)
      if (there?.ino === written.ino && there.dev === written.dev) await folder.unlink(name).catch(() => {})
      throw error
    }
  }
}

/** By way of its folder a file can be made that nobody could open by its path. */
async function assertNameable(full: string): Promise<void> {
  if (full.length < SURELY_NAMEABLE) return
  await lstat(full).catch((error: unknown) => {
    if (isErrno(error, 'ENAMETOOLONG')) throw error
  })
}
