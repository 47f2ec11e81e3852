import { constants, lstat, open, readdir, stat, unlink } from 'node:fs/promises'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'

import { SyncError } from '../errors.ts'
import type { RootedPath, Site } from '../model/site.ts'
import { abortion, orAborted, throwIfAborted } from './local-drive/abort.ts'
import { Cloning } from './local-drive/cloning.ts'
import { copyTo } from './local-drive/copying.ts'
import { describe, regular } from './local-drive/description.ts'
import { diskFault, faultsOf, gone } from './local-drive/disk-fault.ts'
import { streamOf } from './local-drive/file-stream.ts'
import { FolderSync } from './local-drive/folder-sync.ts'
import { FreeSpace } from './local-drive/free-space.ts'
import { intoPlace } from './local-drive/into-place.ts'
import type { Place } from './local-drive/places.ts'
import { fullPath, isAscii, Places } from './local-drive/places.ts'
import { probeRoot } from './local-drive/probe-root.ts'
import { RootGuard } from './local-drive/root-guard.ts'
import { assertOwnName } from './local-drive/own-name.ts'
import { isTemporaryName, StaleFiles, temporaryName } from './local-drive/temporary-files.ts'
import type { ByteSource, CallOptions, ProbeOptions, RemoteFile, StatOptions, WriteOptions } from './provider.ts'
import { Provider } from './provider.ts'
import type { ProviderContext } from './registry.ts'

/** Files whose state is asked for at once while a folder is listed. */
const LISTED_AT_ONCE = 16

/**
 * Folders of this machine, local disks as well as mounted shares. A root is an absolute path.
 *
 * A write goes to a hidden file beside its target (`.site-sync-….part`), is read back and compared, and renamed over the target; it
 * leaves nothing behind when it fails. Leftovers of killed processes are removed a day later, when their folder is written to again.
 * Nothing is read or written while a root may be another disk than before (`RootGuard`).
 */
export class LocalDrive extends Provider {
  override readonly checksumAlgorithm = 'sha256'
  override readonly confirmsItself = true
  readonly #guard: RootGuard
  readonly #places: Places
  readonly #space = new FreeSpace()
  readonly #cloning = new Cloning()
  readonly #folders = new FolderSync()
  readonly #stale = new StaleFiles()

  constructor(site: Site, context: Pick<ProviderContext, 'mayCreateRoot' | 'rootMemory'>) {
    super(site)
    this.#guard = new RootGuard(site, context.rootMemory)
    this.#places = new Places(context.mayCreateRoot, this.#guard)
  }

  override async probe({ signal, operation = 'write' }: ProbeOptions): Promise<void> {
    const { root } = this.site
    for (const path of typeof root === 'string' ? [root] : root.values())
      await orAborted(signal, probeRoot(this.site.name, path, operation, this.#places))
  }

  override async identify(root: string, { signal }: CallOptions): Promise<string | undefined> {
    const info = await orAborted(signal, faultsOf('read', root, stat(root, { bigint: true }).catch(gone)))
    return info && `disk:${info.dev}:${info.ino}`
  }

  override async stat(path: RootedPath, { signal, exact = false }: StatOptions): Promise<RemoteFile | undefined> {
    throwIfAborted(signal)
    const full = fullPath(path)
    const file = await orAborted(signal, faultsOf('read', full, this.#stat(path, full)))
    if (file === undefined) return undefined
    await orAborted(signal, this.#guard.assert(path.root))
    if (exact) await assertOwnName(path, full)
    return file
  }

  override async read(path: RootedPath, { signal, fromByte = 0 }: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    throwIfAborted(signal)
    const full = fullPath(path)
    return await faultsOf('read', full, this.#read(path, full, fromByte, signal)).catch((error: unknown) => {
      // Who may not read one file may read the next: not the site's trouble.
      const denied = error instanceof SyncError && error.code === 'PERMISSION'
      throw denied ? new SyncError('SOURCE_UNREADABLE', error.message, { cause: error.cause, certain: false }) : error
    })
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    throwIfAborted(options.signal)
    const full = fullPath(path)
    try {
      return await this.#write(path, full, source, options)
    } catch (error) {
      throw options.signal.aborted ? abortion(options.signal) : diskFault(error, 'write', full)
    }
  }

  override async remove(path: RootedPath, { signal }: CallOptions): Promise<void> {
    throwIfAborted(signal)
    const full = fullPath(path)
    await faultsOf('write', full, this.#remove(path, full))
  }

  override async *list(folder: RootedPath, { signal }: CallOptions): AsyncGenerator<RemoteFile & { readonly name: string }> {
    throwIfAborted(signal)
    const full = fullPath(folder)
    const place = await faultsOf('read', full, this.#places.find(folder))
    await this.#places.assertRoot(folder.root)
    if (place === undefined) return
    const entries = await faultsOf('read', full, readdir(place.real, { withFileTypes: true }).catch(gone))
    const names = (entries ?? [])
      .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && !isTemporaryName(entry.name))
      .map(({ name }) => name)
    for (let at = 0; at < names.length; at += LISTED_AT_ONCE) {
      throwIfAborted(signal)
      const files = await Promise.all(names.slice(at, at + LISTED_AT_ONCE).map(async (name) => await this.#entry(folder.root, place, name)))
      yield* files.filter((file) => file !== undefined)
    }
  }

  async #stat(path: RootedPath, full: string): Promise<RemoteFile | undefined> {
    const direct = this.#places.direct(path)
    const known = direct && (await lstat(direct.real, { bigint: true }).catch(() => undefined))
    if (direct && known?.isFile() === true) return describe(direct, known)
    const place = await this.#places.find(path)
    if (place === undefined) {
      await this.#places.assertRoot(path.root)
      return undefined
    }
    const info = await stat(place.real, { bigint: true }).catch(gone)
    return info === undefined ? undefined : describe(place, regular(info, full))
  }

  async #read(path: RootedPath, full: string, fromByte: number, signal: AbortSignal): Promise<Readable> {
    const file = await this.#open(path, full)
    try {
      const { size } = regular(await file.stat({ bigint: true }), full)
      throwIfAborted(signal)
      const stream = await streamOf(file, Number(size), fromByte, full, signal)
      void this.#guard.confirm(path.root)
      return stream
    } catch (error) {
      await file.close()
      throw error
    }
  }

  async #open(path: RootedPath, full: string): Promise<FileHandle> {
    const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants
    // Not blocking: opening a FIFO must not wait for its writer. (What a platform does not have is undefined, and counts as 0.)
    const flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW
    const direct = this.#places.direct(path)
    const known = direct && (await open(direct.real, flags).catch(() => undefined))
    if (known) return known
    const place = await this.#places.find(path)
    if (place !== undefined) return await open(place.real, flags)
    await this.#guard.assert(path.root)
    throw new SyncError('SOURCE_MISSING', `${full} is not there`)
  }

  async #write(path: RootedPath, full: string, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const { folder, name } = split(path)
    const place = await this.#places.makeFolder(folder)
    const present = await lstat(join(place.real, name)).catch(gone)
    if (present?.isDirectory() === true) throw new SyncError('TARGET_CONFLICT', `${full} is a folder: a file can't take its place`)
    if (present !== undefined) await assertOwnName(path, full)
    await this.#guard.assert(path.root)
    await this.#space.assertFits(place.real, source.size, full)
    if (!place.created.includes(place.real)) await this.#stale.removeFrom(place.real)
    const temporary = join(place.real, temporaryName())
    try {
      const copied = await copyTo(temporary, source, this.checksumAlgorithm, this.#cloning, { where: full, ...options })
      await source.assertUnchanged()
      await options.confirmed
      throwIfAborted(options.signal)
      const kept = await this.#rename(temporary, place.real, name, copied.info, options.signal)
      await this.#assertArrived(path.root, join(place.real, kept), copied.info)
      for (const created of place.created) await this.#folders.sync(dirname(created))
      await this.#folders.sync(place.real)
      void this.#guard.confirm(path.root)
      const target = { real: join(place.real, kept), path: joined(place.path, kept) }
      return describe(target, copied.info, copied.checksum === undefined ? undefined : { algorithm: 'sha256', value: copied.checksum })
    } catch (error) {
      await unlink(temporary).catch(() => {})
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

  async #remove(path: RootedPath, full: string): Promise<void> {
    const { folder, name } = split(path)
    const place = await this.#places.find(folder)
    if (place === undefined) return await this.#places.assertRoot(path.root)
    const target = join(place.real, isAscii(name) ? name : await this.#places.nameIn(place.real, name))
    const present = await lstat(target).catch(gone)
    if (present?.isDirectory() === true) throw new SyncError('NOT_A_FILE', `${full} is a folder: only files are removed`)
    if (present !== undefined) await unlink(target).catch(gone)
  }

  async #entry(root: string, folder: Place, name: string): Promise<(RemoteFile & { readonly name: string }) | undefined> {
    const path = joined(folder.path, name)
    const full = join(root, path)
    try {
      const place = await this.#places.find({ root, path })
      const info = place === undefined ? undefined : await stat(place.real, { bigint: true })
      return place === undefined || info?.isFile() !== true ? undefined : { ...describe(place, info), name }
    } catch (error) {
      const fault = diskFault(error, 'read', full)
      if (fault.code === 'BAD_PATH' || fault.code === 'SOURCE_MISSING') return undefined
      throw fault
    }
  }
}

/** Connects a site of provider `local_drive`: there is nothing to connect to, so this never fails. */
export async function openLocalDrive(site: Site, context: ProviderContext): Promise<Provider> {
  return await Promise.resolve(new LocalDrive(site, context))
}

function split({ root, path }: RootedPath): { folder: RootedPath; name: string } {
  const slash = path.lastIndexOf('/')
  return { folder: { root, path: path.slice(0, Math.max(0, slash)) }, name: path.slice(slash + 1) }
}

function joined(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
