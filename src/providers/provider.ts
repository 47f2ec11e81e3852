import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'

import type { RootedPath, Site } from '../model/site.ts'

export type ChecksumAlgorithm = 'md5' | 'sha256'

/** A file as its site describes it. */
export interface RemoteFile {
  /** The provider's own id; for sites on disk the path below the root. Written to the record's `id`. */
  readonly id: string
  /** Bytes. */
  readonly size: number
  readonly modified?: Date
  /** Of the bytes that are stored there, as the site itself says; absent when only reading them would tell. */
  readonly checksum?: Checksum
  /** Opaque; changes whenever the content may have changed. */
  readonly version?: string
  /** Read, write and execute permissions (`0o777` at most), where the storage has them. */
  readonly mode?: number
  /** Equal for one stored file, by whatever names, roots and sites it is reached; absent where the storage does not tell. */
  readonly identity?: string
  /** Other files of the same name in the same folder, where the storage allows them; this one counts. Told by `stat`. */
  readonly twins?: number
}

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm
  /** Lower-case hex. */
  readonly value: string
}

/** What is to be written: bytes that can be read again from any offset. */
export interface ByteSource {
  readonly size: number
  readonly modified: Date
  /** As of `RemoteFile`. */
  readonly version?: string
  /** As of `RemoteFile`. */
  readonly mode?: number
  /** By which its site knows the content. What is read in one go is held against it; who reads in several goes does it by `learn`. */
  readonly ownChecksum?: ChecksumAlgorithm
  /**
   * A fresh stream each call: a stream that was started is never handed to a retry. `unhashed`: the caller computes the checksum of the
   * bytes himself, and tells it by `learn`.
   */
  open(fromByte: number, signal: AbortSignal, options?: { readonly unhashed?: boolean }): Promise<Readable>
  /** As of `Provider`. */
  openFile?(signal: AbortSignal): Promise<FileHandle | undefined>
  /** Of the whole source. Costs nothing more when the bytes were read once from the start to the end; reads them otherwise. */
  checksum(algorithm: ChecksumAlgorithm, signal: AbortSignal): Promise<string>
  /** Of the whole source, from one who had all its bytes, be it in several goes. Throws when it is known to be another one. */
  learn?(algorithm: ChecksumAlgorithm, value: string): void
  /** Rejects with `SOURCE_CHANGED` when size, time or identity are not what they were at the start. */
  assertUnchanged(): Promise<void>
}

/** What a provider wants to find again after a crash (a reserved id, an upload session). Plain data; kept for this target path. */
export type WriteSession = Readonly<Record<string, string | number | boolean>>

export interface CallOptions {
  readonly signal: AbortSignal
}

export interface RemoveOptions extends CallOptions {
  /** As `stat` told of the file. Should another one, or several, stand there now, nothing is removed: `SOURCE_CHANGED`. */
  readonly only?: RemoteFile
}

/** Where a removed file is: in the storage's trash, from which a person can take it back, or nowhere. */
export type Removed = 'trash' | 'nowhere'

/** What a site is used for: bytes come from it, or go to it. */
export type Operation = 'read' | 'write'

export interface ProbeOptions extends CallOptions {
  /** The use that is to be tried. @defaultValue `write` */
  readonly operation?: Operation
  /** Only these roots. @defaultValue all of the site */
  readonly roots?: readonly string[]
}

/** To find a file. */
export interface FindOptions extends CallOptions {
  /**
   * The file's `id`, as its record says. A storage that finds a file by its id sooner, or more surely, than by its path may look for it so
   * first. It is believed only where the file of that id is the one of this path; otherwise the path counts.
   */
  readonly id?: string
}

export interface ReadOptions extends FindOptions {
  /** @defaultValue 0 */
  readonly fromByte?: number
}

export interface StatOptions extends FindOptions {
  /**
   * A file that stands there under another name, which the storage can't tell from this one (upper and lower case), rejects with
   * `TARGET_CONFLICT`, as a write to it does. @defaultValue `false`
   */
  readonly exact?: boolean
  /** What was remembered of the folder does not count: it is asked for as it is now. @defaultValue `false` */
  readonly fresh?: boolean
}

/**
 * The right to make one file visible. Until it is granted, a write may read, hash, and send to where nobody sees it: a temporary file, an
 * upload session without its last bytes. Everything that others can see, folders among it, comes after `await permit.granted`.
 */
export interface WritePermit {
  /**
   * Resolves when the place is ours for as long as the write takes, and the file is still wanted. Rejects with `ABORTED` when it is not,
   * or when the write was told to end. May take long: MongoDB may be unavailable.
   */
  readonly granted: Promise<void>
  /** What an unfinished attempt at this path saved last, this one or an earlier one, also of another process. Known before `granted`. */
  readonly session: Promise<WriteSession | undefined>
  /**
   * What `Provider.reserve` gave for this write, once: it is stored durably, and from now on it is the session. Undefined when it gave
   * nothing, when there is a session already, and the second time.
   */
  takeReserved(): Promise<WriteSession | undefined>
  /** Resolves when the session is stored durably. Await it before anything that must not happen twice. */
  saveSession(session: WriteSession): Promise<void>
  /**
   * Asked when the write was aborted: will nobody go on with it, because the file is not wanted any more? What was kept for the next
   * attempt can be removed then. Otherwise (pause, shutdown, a lost lease) the next one goes on.
   */
  isAbandoned(): boolean
}

export interface WriteOptions extends CallOptions {
  readonly permit: WritePermit
  /** Bytes that are stored at the target so far; a write that goes on from an earlier one says first from where. */
  onProgress(bytes: number): void
}

/**
 * One connected site. Every method may be called many times at once.
 *
 * Faults are `SyncError`s: kind `transient` for what a retry in a moment may mend (the caller retries, and calls again with the
 * session saved last), `site` for what hits every file, `file` for what hits this one. An aborted signal rejects with `ABORTED`
 * or the signal's reason.
 */
export abstract class Provider implements AsyncDisposable {
  readonly site: Site

  constructor(site: Site) {
    this.site = site
  }

  /** The checksum by which this site's files are compared with their source. */
  abstract readonly checksumAlgorithm: ChecksumAlgorithm

  /**
   * Is the site usable: credentials, every root, and at each root the operation itself? `write` puts a small hidden file there, renames
   * it, reads it back and removes it; `read` changes nothing. Rejects with a `site` fault that says what to do. Creates no root.
   */
  abstract probe(options: ProbeOptions): Promise<void>

  /**
   * What the storage itself calls a root, so that two sites that are one place can be told. Equal for equal places, whatever the sites
   * are called; undefined when it can't be known. Rejects as `probe` does.
   */
  async identify(_root: string, _options: CallOptions): Promise<string | undefined> {
    return Promise.resolve(undefined)
  }

  /** Missing is `undefined`; rejects when that can't be known. */
  abstract stat(path: RootedPath, options: StatOptions): Promise<RemoteFile | undefined>

  /** Rejects with `SOURCE_MISSING` when the file is not there. */
  abstract read(path: RootedPath, options: ReadOptions): Promise<Readable>

  /** Where the bytes are a file of this machine: that file, for reading, so that the file system can clone it. Who calls closes it. */
  async openFile(_path: RootedPath, _options: CallOptions): Promise<FileHandle | undefined> {
    return Promise.resolve(undefined)
  }

  /**
   * Creates or replaces the file, and the folders above it (never the root itself). Afterwards the path holds the old file or
   * the new one, never a part. What does not fit is refused before its first byte. Resumes
   * `permit.session` when there is one and it still fits the source.
   */
  abstract write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile>

  /**
   * What a write of a new file would save first, where it is at hand now: it is stored with the right to write, which saves a request for
   * each file. It may be used or not.
   */
  reserve(): WriteSession | undefined {
    return undefined
  }

  /**
   * Moves the file to the storage's trash where it has one, and unlinks it otherwise; folders stay, empty ones too. Removing what is
   * missing succeeds, and gives `undefined`.
   */
  abstract remove(path: RootedPath, options: RemoveOptions): Promise<Removed | undefined>

  /** Files (not folders) directly in a folder; `path` may be empty for the root. A missing folder lists nothing. */
  abstract list(folder: RootedPath, options: CallOptions): AsyncIterable<RemoteFile & { readonly name: string }>

  /** The checksum of the stored bytes: asked from the site where it knows, read otherwise. */
  async checksum(path: RootedPath, file: RemoteFile, options: CallOptions): Promise<string> {
    if (file.checksum?.algorithm === this.checksumAlgorithm) return file.checksum.value
    const hash = createHash(this.checksumAlgorithm)
    for await (const chunk of await this.read(path, options)) hash.update(chunk as Buffer)
    return hash.digest('hex')
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
