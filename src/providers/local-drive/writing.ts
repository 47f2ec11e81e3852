import type { BigIntStats } from 'node:fs'
import { lstat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { SyncError } from '../../errors.ts'
import type { RootedPath } from '../../model/site.ts'
import { CHUNK_BYTES } from '../chunk-pool.ts'
import type { ByteSource, RemoteFile, WriteOptions } from '../provider.ts'
import { throwIfAborted } from './abort.ts'
import { Cloning } from './cloning.ts'
import { copyTo, type Copied } from './copying.ts'
import { describe } from './description.ts'
import { gone } from './disk-fault.ts'
import { FolderSync } from './folder-sync.ts'
import { FreeSpace } from './free-space.ts'
import { intoPlace } from './into-place.ts'
import type { OwnFiles } from './own-files.ts'
import { assertOwnName } from './own-name.ts'
import { PartFile } from './part-file.ts'
import { isAscii, joined, split, type Place, type Places } from './places.ts'
import type { RootGuard } from './root-guard.ts'
import { StaleFiles } from './temporary-files.ts'

/** Writes files of one site: beside their target first, and in its place when they are whole. */
export class Writing {
  readonly #guard: RootGuard
  readonly #places: Places
  readonly #own: OwnFiles
  readonly #space = new FreeSpace()
  readonly #cloning = new Cloning()
  readonly #folders = new FolderSync()
  readonly #stale = new StaleFiles()

  constructor(guard: RootGuard, places: Places, own: OwnFiles) {
    this.#guard = guard
    this.#places = places
    this.#own = own
  }

  /** `full` is the absolute path, for messages. */
  async write(path: RootedPath, full: string, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const { folder, name } = split(path)
    const place = await this.#places.makeFolder(folder, options.permit.granted)
    const present = await lstat(join(place.real, name), { bigint: true }).catch(gone)
    if (present?.isDirectory() === true) throw new SyncError('TARGET_CONFLICT', `${full} is a folder: a file can't take its place`)
    if (present !== undefined) {
      await this.#own.assertNone(present, full)
      await assertOwnName(path, full)
    }
    await this.#guard.assert(path.root)
    if (!place.created.includes(place.real)) await this.#stale.removeFrom(place.real)
    const { kept, copied } = await this.#copy(place, name, full, source, options)
    await this.#assertArrived(path.root, join(place.real, kept), copied.info)
    for (const created of place.created) await this.#folders.sync(dirname(created))
    await this.#folders.sync(place.real)
    void this.#guard.confirm(path.root)
    const target = { real: join(place.real, kept), path: joined(place.path, kept) }
    return describe(target, copied.info, copied.checksum === undefined ? undefined : { algorithm: 'sha256', value: copied.checksum })
  }

  async #copy(
    place: Place,
    name: string,
    where: string,
    source: ByteSource,
    options: WriteOptions,
  ): Promise<{ readonly kept: string; readonly copied: Copied }> {
    const part = await PartFile.in(place.real, source, options)
    try {
      await this.#space.assertFits(place.real, source.size, where, part.keptBytes)
      const copied = await copyTo(part, source, this.#cloning, { where, ...options })
      await source.assertUnchanged()
      await options.permit.granted
      if (source.size <= CHUNK_BYTES) await part.discardOf(options.permit.session)
      throwIfAborted(options.signal)
      return { kept: await this.#rename(part.path, place.real, name, copied.info, options.signal), copied }
    } catch (error) {
      await part.giveUp(error)
      throw error
    }
  }

  /** Puts the file in its place, under the name it has there already. */
  async #rename(temporary: string, folder: string, name: string, written: BigIntStats, signal: AbortSignal): Promise<string> {
    if (isAscii(name)) {
      await intoPlace(temporary, join(folder, name), written, signal)
      return name
    }
    return await this.#places.alone(async () => {
      const kept = await this.#places.nameIn(folder, name)
      await intoPlace(temporary, join(folder, kept), written, signal)
      return kept
    })
  }

  /** Should the disk have been unmounted meanwhile, the file is in its place on another one. */
  async #assertArrived(root: string, target: string, written: BigIntStats): Promise<void> {
    try {
      await this.#guard.assert(root)
    } catch (error) {
      const there = await lstat(target, { bigint: true }).catch(() => undefined)
      if (there?.ino === written.ino && there.dev === written.dev) await unlink(target).catch(() => {})
      throw error
    }
  }
}
