import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { constants } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

import { SyncError, toSyncError } from '../../errors.ts'
import { CHUNK_BYTES } from '../chunk-pool.ts'
import type { ByteSource, WriteOptions, WritePermit } from '../provider.ts'
import type { Anchor } from './anchor.ts'
import { diskFault } from './disk-fault.ts'
import { isErrno } from './errno.ts'
import { hashFirst } from './file-hash.ts'
import type { KeptPart } from './kept-part.ts'
import { findKept, sessionOf } from './kept-part.ts'
import { temporaryName } from './temporary-files.ts'

/** What a killed process loses at most. Shorter copies are not remembered at all unless they are interrupted, and cost no request. */
const REMEMBERED_EVERY_MS = 2_000
/** Whoever stops a write does not wait longer for the database. */
const FAREWELL_MS = 1_000

type PartOptions = Pick<WriteOptions, 'signal' | 'permit'>

/** So much of the source is in the file; never changed, so that it is true at any moment. */
interface Stored {
  readonly bytes: number
  readonly hash: Hash
}

/**
 * The hidden file beside its target that one write fills. It is kept for the next write where that can go on with it, and removed
 * otherwise. Whoever goes on with one gives it a new name first: a writer that has lost its lease and does not know it can neither
 * remove it nor put it in the target's place. What such a writer adds to it is found by the checksum at the end.
 */
export class PartFile {
  readonly folder: Anchor
  readonly #source: ByteSource
  readonly #options: PartOptions
  #name = temporaryName()
  #kept: KeptPart | undefined
  #stored: Stored | undefined
  /** Where this write began. */
  #from = 0
  /** Of the file as it is called now: so many bytes are known to the next write. */
  #remembered = 0
  #rememberedAt = performance.now()
  #saving: Promise<unknown> = Promise.resolve()

  private constructor(folder: Anchor, source: ByteSource, options: PartOptions, kept: KeptPart | undefined) {
    this.folder = folder
    this.#source = source
    this.#options = options
    this.#kept = kept
  }

  static async in(folder: Anchor, source: ByteSource, options: PartOptions): Promise<PartFile> {
    // A small one begins at once: there is nothing of it to go on with.
    const session = source.size > CHUNK_BYTES ? await options.permit.session : undefined
    const kept = session && (await findKept(folder, session, source))
    return new PartFile(folder, source, options, kept)
  }

  get name(): string {
    return this.#name
  }

  /** Bytes of an earlier write that take up space already. */
  get keptBytes(): number {
    return this.#kept?.length ?? 0
  }

  get isResumed(): boolean {
    return this.#from > 0
  }

  /** Opened for what is missing. What was kept is read, and has to be what was sent. */
  async begin(): Promise<{ readonly file: FileHandle; readonly stored: Stored }> {
    const resumed = this.#kept && (await this.#takeOver(this.#kept))
    if (resumed) return resumed
    await this.discardKept()
    const file = await this.create()
    return { file, stored: (this.#stored = { bytes: 0, hash: createHash('sha256') }) }
  }

  /** Nobody else may read it before it is whole. Some network file systems (`rclone mount` without a write cache) take a file for writing only. */
  async create(): Promise<FileHandle> {
    const { O_CREAT, O_EXCL, O_RDWR, O_WRONLY } = constants
    try {
      return await this.folder.openIn(this.#name, O_CREAT | O_EXCL | O_RDWR, 0o600)
    } catch (error) {
      if (!isErrno(error, 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error
      return await this.folder.openIn(this.#name, O_CREAT | O_EXCL | O_WRONLY, 0o600)
    }
  }

  /** What this write has made, by a new handle. */
  async reopen(): Promise<FileHandle> {
    return await this.folder.openIn(this.#name, constants.O_RDONLY)
  }

  async remove(): Promise<void> {
    await this.folder.unlink(this.#name).catch(() => {})
  }

  /** More is stored. What lasts is remembered now and then, in case this process is killed; nothing waits for that. */
  reached(stored: Stored): void {
    this.#stored = stored
    if (performance.now() - this.#rememberedAt < REMEMBERED_EVERY_MS) return
    this.#rememberedAt = performance.now()
    void this.#remember()
  }

  /** What was kept was of no use after all. */
  async startOver(): Promise<void> {
    await this.remove()
    this.#name = temporaryName()
    this.#stored = undefined
    this.#from = this.#remembered = 0
  }

  /** Removes what an interrupted write left, which is of no use to a file of this size. */
  async discardOf(session: WritePermit['session']): Promise<void> {
    const saved = await session
    this.#kept ??= saved && (await findKept(this.folder, saved, this.#source))
    await this.discardKept()
  }

  async discardKept(): Promise<void> {
    if (this.#kept) await this.folder.unlink(this.#kept.name).catch(() => {})
    this.#kept = undefined
  }

  /** The write failed with this. */
  async giveUp(fault: unknown): Promise<void> {
    if (this.#isOfUse(fault) && (await this.#isRemembered())) return
    await this.discardKept()
    await this.remove()
  }

  async #takeOver(kept: KeptPart): Promise<{ file: FileHandle; stored: Stored } | undefined> {
    const file = await this.folder.openIn(kept.name, constants.O_RDWR).catch(() => undefined)
    if (!file) return undefined
    try {
      const info = await file.stat()
      // A file that has another name, too, is somebody else's.
      if (!info.isFile() || info.nlink > 1) return await file.close().then(() => undefined)
      const [hash] = await hashFirst(file, kept.bytes, this.#options.signal, ['sha256'] as const)
      const isTaken = hash.copy().digest('hex') === kept.sha256 && (await this.#rename(kept))
      if (!isTaken) return await file.close().then(() => undefined)
      this.#kept = undefined
      this.#from = this.#remembered = kept.bytes
      return { file, stored: (this.#stored = { bytes: kept.bytes, hash }) }
    } catch (error) {
      await file.close().catch(() => {})
      if (error instanceof SyncError) throw error
      return undefined
    }
  }

  /** Both names are stored first, so that it is found wherever this process ends. */
  async #rename({ name: previous, bytes, sha256 }: KeptPart): Promise<boolean> {
    try {
      await this.#options.permit.saveSession(sessionOf({ name: this.#name, previous, bytes, sha256 }, this.#source))
    } catch (error) {
      throw toSyncError(error)
    }
    return await this.folder.rename(previous, this.#name).then(
      () => true,
      () => false,
    )
  }

  #isOfUse(error: unknown): boolean {
    const { signal, permit } = this.#options
    if (signal.aborted) return !permit.isAbandoned()
    const { kind, code } = diskFault(error, 'write', this.folder.real)
    if (kind === 'file' || code === 'DISK_FULL' || code === 'PERMISSION') return false
    // Where the disk itself failed and nothing was gained, this very file may lie on its bad spot.
    const isOwnFault = !(error instanceof SyncError) && code === 'INTERRUPTED'
    return !isOwnFault || (this.#stored?.bytes ?? 0) > this.#from
  }

  async #isRemembered(): Promise<boolean> {
    if (this.#stored === undefined) return this.#kept !== undefined
    if (this.#stored.bytes > this.#remembered) await Promise.race([this.#remember(), delay(FAREWELL_MS, undefined, { ref: false })])
    return this.#remembered > 0
  }

  /** One after the other: what is stored last is what counts. A failure is no reason to end: whether the lease is ours is watched elsewhere. */
  async #remember(): Promise<void> {
    this.#saving = this.#saveAfter(this.#saving, this.#name)
    await this.#saving
  }

  async #saveAfter(former: Promise<unknown>, name: string): Promise<void> {
    await former
    if (name !== this.#name || !this.#stored) return
    const { bytes, hash } = this.#stored
    try {
      await this.#options.permit.saveSession(sessionOf({ name, bytes, sha256: hash.copy().digest('hex') }, this.#source))
      this.#remembered = bytes
    } catch {
      // What was saved before still holds.
    }
  }
}
