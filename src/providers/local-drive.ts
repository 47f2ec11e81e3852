import { readdir, stat } from 'node:fs/promises'
import type { BigIntStats, Dirent } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

import { SyncError } from '../errors.ts'
import type { RootedPath, Site } from '../model/site.ts'
import { abortion, orAborted, throwIfAborted } from './local-drive/abort.ts'
import type { TakeHold } from './local-drive/anchor.ts'
import { takeHold } from './local-drive/take-hold.ts'
import { describe, regular } from './local-drive/description.ts'
import { diskFault, faultsOf, gone } from './local-drive/disk-fault.ts'
import { streamOf } from './local-drive/file-stream.ts'
import { fullFilePath, fullPath, joined } from './local-drive/paths.ts'
import type { Place } from './local-drive/path-resolver.ts'
import { PathResolver } from './local-drive/path-resolver.ts'
import { probeRoot } from './local-drive/probe-root.ts'
import { Removing } from './local-drive/removing.ts'
import { RootGuard } from './local-drive/root-guard.ts'
import { OwnFiles } from './local-drive/own-files.ts'
import { assertOwnName } from './local-drive/own-name.ts'
import { isTemporaryName } from './local-drive/temporary-files.ts'
import { together } from './local-drive/together.ts'
import { Writing } from './local-drive/writing.ts'
import type { ByteSource, CallOptions, ProbeOptions, RemoteFile, Removed, RemoveOptions, StatOptions, WriteOptions } from './provider.ts'
import { Provider } from './provider.ts'
import type { ProviderContext } from './registry.ts'

/** Files whose state is asked for at once while a folder is listed. */
const LISTED_AT_ONCE = 16

/**
 * Folders of this machine, local disks as well as mounted shares. A root is an absolute path.
 *
 * A write goes to a hidden file beside its target (`.site-sync-….part`), is read back and compared, and renamed over the target. A large
 * one that is interrupted is kept, and the next one goes on with it; one that fails leaves nothing. Leftovers that nobody comes back to
 * are removed a day later, when their folder is written to again.
 * Nothing is read or written while a root may be another disk than before (`RootGuard`).
 */
export class LocalDrive extends Provider {
  override readonly checksumAlgorithm = 'sha256'
  readonly #guard: RootGuard
  readonly #paths: PathResolver
  readonly #own: OwnFiles
  readonly #writing: Writing
  readonly #removing: Removing

  constructor(
    site: Site,
    context: Pick<ProviderContext, 'mayCreateRoot' | 'rootMemory' | 'ownFiles' | 'assertRoot'>,
    hold: TakeHold = takeHold,
  ) {
    super(site)
    this.#guard = new RootGuard(site, context.rootMemory)
    this.#paths = new PathResolver(context.mayCreateRoot, this.#guard, hold, context.assertRoot)
    this.#own = new OwnFiles(context.ownFiles)
    this.#writing = new Writing(site, this.#guard, this.#paths, this.#own)
    this.#removing = new Removing(this.#guard, this.#paths, this.#own)
  }

  override async probe({ signal, operation = 'write', roots }: ProbeOptions): Promise<void> {
    const { root } = this.site
    for (const path of roots ?? (typeof root === 'string' ? [root] : root.values()))
      await orAborted(signal, probeRoot(this.site.name, path, operation, this.#paths))
  }

  override async identify(root: string, { signal }: CallOptions): Promise<string | undefined> {
    const info = await orAborted(signal, faultsOf('read', root, stat(root, { bigint: true }).catch(gone)))
    return info && `disk:${info.dev}:${info.ino}`
  }

  override async stat(path: RootedPath, { signal, exact = false }: StatOptions): Promise<RemoteFile | undefined> {
    throwIfAborted(signal)
    const full = fullFilePath(path)
    const file = await orAborted(signal, faultsOf('read', full, this.#stat(path, full)))
    if (exact && file !== undefined) await assertOwnName(path, full)
    return file
  }

  override async read(path: RootedPath, { signal, fromByte = 0 }: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    throwIfAborted(signal)
    const full = fullFilePath(path)
    return await faultsOf('read', full, this.#read(path, full, fromByte, signal)).catch((error: unknown) => {
      // Who may not read one file may read the next: not the site's trouble.
      const denied = error instanceof SyncError && error.code === 'PERMISSION'
      throw denied ? new SyncError('SOURCE_UNREADABLE', error.message, { cause: error.cause, certain: false }) : error
    })
  }

  override async openFile(path: RootedPath, { signal }: CallOptions): Promise<FileHandle> {
    throwIfAborted(signal)
    const full = fullFilePath(path)
    const { file } = await faultsOf('read', full, this.#open(path, full))
    void this.#guard.confirm(path.root)
    return file
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    throwIfAborted(options.signal)
    const full = fullFilePath(path)
    try {
      return await this.#writing.write(path, full, source, options)
    } catch (error) {
      throw options.signal.aborted ? abortion(options.signal) : diskFault(error, 'write', full)
    }
  }

  override async remove(path: RootedPath, { signal, only }: RemoveOptions): Promise<Removed | undefined> {
    throwIfAborted(signal)
    const full = fullFilePath(path)
    return await faultsOf('write', full, this.#removing.remove(path, full, only))
  }

  override async *list(folder: RootedPath, { signal }: CallOptions): AsyncGenerator<RemoteFile & { readonly name: string }> {
    throwIfAborted(signal)
    const full = fullPath(folder)
    const found = await faultsOf('read', full, this.#entries(folder))
    await this.#paths.assertRoot(folder.root)
    if (found === undefined) return
    const { path, entries } = found
    const names = entries
      .filter((entry) => (entry.isFile() || entry.isSymbolicLink()) && !isTemporaryName(entry.name))
      .map(({ name }) => name)
    for (let at = 0; at < names.length; at += LISTED_AT_ONCE) {
      throwIfAborted(signal)
      const files = await Promise.all(names.slice(at, at + LISTED_AT_ONCE).map(async (name) => await this.#entry(folder.root, path, name)))
      yield* files.filter((file) => file !== undefined)
    }
  }

  async #entries(folder: RootedPath): Promise<{ readonly path: string; readonly entries: readonly Dirent[] } | undefined> {
    using place = await this.#paths.find(folder, 'folder')
    const entries = place && (await readdir(place.anchor.self, { withFileTypes: true }).catch(gone))
    return entries && place && { path: place.path, entries }
  }

  async #stat(path: RootedPath, full: string): Promise<RemoteFile | undefined> {
    using place = await this.#paths.find(path)
    if (place === undefined) {
      await this.#paths.assertRoot(path.root)
      return undefined
    }
    const [info] = await together(this.#infoOf(place, full), this.#guard.assert(path.root))
    return describe(place.path, info)
  }

  /** Of a regular file that is not one of the service's own. */
  async #infoOf({ anchor }: Place, full: string): Promise<BigIntStats> {
    const info = regular(await anchor.stat(), full)
    await this.#own.assertNone(info, full)
    return info
  }

  async #read(path: RootedPath, full: string, fromByte: number, signal: AbortSignal): Promise<Readable> {
    const { file, size } = await this.#open(path, full)
    try {
      throwIfAborted(signal)
      const stream = await streamOf(file, size, fromByte, full, signal)
      void this.#guard.confirm(path.root)
      return stream
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Looked at before it is opened: to open a device, or a pipe, is felt at its other end. */
  async #open(path: RootedPath, full: string): Promise<{ readonly file: FileHandle; readonly size: number }> {
    using place = await this.#paths.find(path)
    if (place !== undefined) {
      const { size } = await this.#infoOf(place, full)
      return { size: Number(size), file: await place.anchor.open() }
    }
    await this.#guard.assert(path.root)
    throw new SyncError('SOURCE_MISSING', `${full} is not there`)
  }

  async #entry(root: string, folder: string, name: string): Promise<(RemoteFile & { readonly name: string }) | undefined> {
    const path = joined(folder, name)
    try {
      using place = await this.#paths.find({ root, path })
      const info = place && (await place.anchor.stat())
      return info?.isFile() === true ? { ...describe(path, info), name } : undefined
    } catch (error) {
      const fault = diskFault(error, 'read', join(root, path))
      if (fault.code === 'BAD_PATH' || fault.code === 'SOURCE_MISSING') return undefined
      throw fault
    }
  }
}

/** Connects a site of provider `local_drive`: there is nothing to connect to, so this never fails. */
export async function openLocalDrive(site: Site, context: ProviderContext): Promise<Provider> {
  return await Promise.resolve(new LocalDrive(site, context))
}
