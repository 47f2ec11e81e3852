import { createHash, randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'

import { SyncError } from '../../src/errors.ts'
import type { RootedPath, Site } from '../../src/model/site.ts'
import type {
  ByteSource,
  CallOptions,
  ChecksumAlgorithm,
  ProbeOptions,
  RemoteFile,
  Removed,
  RemoveOptions,
  WriteOptions,
  WriteSession,
} from '../../src/providers/provider.ts'
import { Provider } from '../../src/providers/provider.ts'
import { assertSameFile } from '../../src/providers/same-file.ts'

export type MemoryVerb = 'probe' | 'stat' | 'read' | 'write' | 'chunk' | 'remove' | 'list'

/** One call that is about to happen; `chunk` is each piece of a write, with the bytes that are stored before it. */
export interface MemoryCall {
  readonly verb: MemoryVerb
  /** Root and path, joined with a slash. */
  readonly path: string
  readonly bytes: number
}

interface StoredFile {
  readonly folder: string
  readonly name: string
  readonly id: string
  readonly bytes: Buffer
  readonly modified: Date
  readonly version: number
}

interface Upload {
  readonly path: string
  readonly size: number
  readonly modified: number
  bytes: Buffer
}

/** What outlives a provider, as a storage outlives the processes that talk to it. Several providers may share one. */
export class MemoryStore {
  /** No two stores have the same. */
  readonly key = randomUUID()
  readonly files = new Map<string, StoredFile>()
  readonly uploads = new Map<string, Upload>()
  #next = 1

  next(): number {
    return this.#next++
  }

  /** Puts a file there as if somebody else had. */
  put(path: string, content: Buffer | string, modified = new Date('2024-01-02T03:04:05.678Z')): void {
    const key = keyOf(path)
    const present = this.files.get(key)
    const actual = present === undefined ? path : `${present.folder}/${present.name}`
    const slash = actual.lastIndexOf('/')
    const version = this.next()
    this.files.set(key, {
      folder: actual.slice(0, slash),
      name: actual.slice(slash + 1),
      id: present?.id ?? `memory-${version}`,
      bytes: Buffer.from(content),
      modified,
      version,
    })
  }

  get(path: string): Buffer | undefined {
    return this.files.get(keyOf(path))?.bytes
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.files.values()].map(({ folder, name }) => `${folder}/${name}`).toSorted()
  }
}

export interface MemoryProviderOptions {
  readonly store?: MemoryStore
  readonly checksumAlgorithm?: ChecksumAlgorithm
  /** Bytes a piece of a write; a resumed write starts at the end of the last whole piece. */
  readonly chunkBytes?: number
  /** Called once a write, before anything of it happens. */
  readonly onWrite?: (path: string) => void
  /** Awaited before each call and each piece of a write: hold it back, delay it by a clock of the test's own, or throw. */
  readonly gate?: (call: MemoryCall) => Promise<void> | void
}

/** A site in memory, with uploads that can be resumed, and counters. */
export class MemoryProvider extends Provider {
  override readonly checksumAlgorithm: ChecksumAlgorithm
  readonly store: MemoryStore
  readonly calls: Record<MemoryVerb, number> = { probe: 0, stat: 0, read: 0, write: 0, chunk: 0, remove: 0, list: 0 }
  readonly bytes = { read: 0, written: 0 }
  /** Writes under way now, and the most there were at once. */
  readonly writes = { now: 0, peak: 0 }
  readonly #options: MemoryProviderOptions

  constructor(site: Site, options: MemoryProviderOptions = {}) {
    super(site)
    this.#options = options
    this.store = options.store ?? new MemoryStore()
    this.checksumAlgorithm = options.checksumAlgorithm ?? 'md5'
  }

  /** Tries what the operation is, at the root; the counters know of one call only. */
  override async probe({ signal, operation = 'write' }: ProbeOptions): Promise<void> {
    await this.#enter({ verb: 'probe', path: '', bytes: 0 }, signal)
    const { gate } = this.#options
    if (gate !== undefined) await orAborted(signal, async () => await gate({ verb: operation, path: '', bytes: 0 }))
  }

  override async stat(path: RootedPath, { signal }: CallOptions): Promise<RemoteFile | undefined> {
    const full = fullPath(path)
    await this.#enter({ verb: 'stat', path: full, bytes: 0 }, signal)
    const file = this.store.files.get(keyOf(full))
    return file === undefined ? undefined : this.#describe(file)
  }

  override async read(path: RootedPath, { signal, fromByte = 0 }: CallOptions & { fromByte?: number }): Promise<Readable> {
    const full = fullPath(path)
    await this.#enter({ verb: 'read', path: full, bytes: 0 }, signal)
    const file = this.store.files.get(keyOf(full))
    if (file === undefined) throw new SyncError('SOURCE_MISSING', `${full} is not there`)
    const { chunkBytes = 262_144 } = this.#options
    const bytes = this.bytes
    function* pieces(): Generator<Buffer> {
      for (let at = fromByte; at < (file as StoredFile).bytes.length; at += chunkBytes) {
        const piece = (file as StoredFile).bytes.subarray(at, at + chunkBytes)
        bytes.read += piece.length
        yield piece
      }
    }
    return Readable.from(pieces(), { objectMode: false, signal })
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const full = fullPath(path)
    this.#options.onWrite?.(full)
    this.writes.now++
    this.writes.peak = Math.max(this.writes.peak, this.writes.now)
    try {
      await this.#enter({ verb: 'write', path: full, bytes: 0 }, options.signal)
      return await this.#upload(full, source, options)
    } finally {
      this.writes.now--
    }
  }

  override async remove(path: RootedPath, { signal, only }: RemoveOptions): Promise<Removed | undefined> {
    const full = fullPath(path)
    await this.#enter({ verb: 'remove', path: full, bytes: 0 }, signal)
    const present = this.store.files.get(keyOf(full))
    if (present === undefined) return undefined
    if (only) assertSameFile(this.#describe(present), only, full)
    this.store.files.delete(keyOf(full))
    return 'nowhere'
  }

  override async *list(folder: RootedPath, { signal }: CallOptions): AsyncGenerator<RemoteFile & { readonly name: string }> {
    const full = fullPath(folder)
    await this.#enter({ verb: 'list', path: full, bytes: 0 }, signal)
    for (const file of this.store.files.values()) {
      if (file.folder.normalize('NFC') === full.normalize('NFC')) yield { ...this.#describe(file), name: file.name }
    }
  }

  async #upload(full: string, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const [id, upload] = this.#resumable(full, source, await options.permit.session) ?? (await this.#begin(full, source, options))
    const { chunkBytes = 262_144 } = this.#options
    options.onProgress(upload.bytes.length)
    let waiting = Buffer.alloc(0)
    const store = async (piece: Buffer): Promise<void> => {
      await this.#enter({ verb: 'chunk', path: full, bytes: upload.bytes.length }, options.signal)
      upload.bytes = Buffer.concat([upload.bytes, piece])
      this.bytes.written += piece.length
      options.onProgress(upload.bytes.length)
    }
    const stream = await source.open(upload.bytes.length, options.signal)
    await orAborted(options.signal, async () => {
      for await (const chunk of stream) {
        waiting = Buffer.concat([waiting, chunk as Buffer])
        for (; waiting.length >= chunkBytes; waiting = waiting.subarray(chunkBytes)) await store(waiting.subarray(0, chunkBytes))
      }
    }).finally(() => stream.destroy())
    if (waiting.length > 0) await store(waiting)
    if (upload.bytes.length !== source.size)
      throw new SyncError('SOURCE_CHANGED', `${full}: ${upload.bytes.length} of ${source.size} bytes`)
    if (digest(upload.bytes, this.checksumAlgorithm) !== (await source.checksum(this.checksumAlgorithm, options.signal))) {
      this.store.uploads.delete(id)
      throw new SyncError('VERIFY_FAILED', `${full} arrived with other bytes than were sent`)
    }
    await source.assertUnchanged()
    await orAborted(options.signal, async () => await options.permit.granted)
    throwIfAborted(options.signal)
    this.store.uploads.delete(id)
    this.store.put(full, upload.bytes, source.modified)
    return this.#describe(this.store.files.get(keyOf(full)) as StoredFile)
  }

  #resumable(full: string, source: ByteSource, session: WriteSession | undefined): [string, Upload] | undefined {
    const id = String(session?.['upload'])
    const upload = this.store.uploads.get(id)
    const fits = upload?.path === full && upload.size === source.size && upload.modified === source.modified.getTime()
    return fits ? [id, upload] : undefined
  }

  async #begin(full: string, source: ByteSource, options: WriteOptions): Promise<[string, Upload]> {
    const id = `upload-${this.store.next()}`
    await options.permit.saveSession({ upload: id })
    const upload = { path: full, size: source.size, modified: source.modified.getTime(), bytes: Buffer.alloc(0) }
    this.store.uploads.set(id, upload)
    return [id, upload]
  }

  async #enter(call: MemoryCall, signal: AbortSignal): Promise<void> {
    this.calls[call.verb]++
    throwIfAborted(signal)
    if (call.path.split('/').includes('..')) throw new SyncError('BAD_PATH', `${call.path} leaves its root`)
    if (this.#options.gate !== undefined) await orAborted(signal, async () => await this.#options.gate?.(call))
    throwIfAborted(signal)
  }

  #describe(file: StoredFile): RemoteFile {
    const checksum = { algorithm: this.checksumAlgorithm, value: digest(file.bytes, this.checksumAlgorithm) }
    const identity = `${this.store.key}:${file.id}`
    return { id: file.id, identity, size: file.bytes.length, modified: file.modified, checksum, version: String(file.version) }
  }
}

function fullPath({ root, path }: RootedPath): string {
  return path === '' ? root : `${root}/${path}`
}

function keyOf(path: string): string {
  return path.normalize('NFC')
}

function digest(bytes: Buffer, algorithm: ChecksumAlgorithm): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortion(signal)
}

function abortion({ reason }: AbortSignal): SyncError {
  return reason instanceof SyncError ? reason : new SyncError('ABORTED', 'stopped', { cause: reason })
}

/** What `work` gives, or the abortion, whichever comes first. */
async function orAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = (): void => reject(abortion(signal))
  signal.addEventListener('abort', stop, { once: true })
  try {
    await Promise.race([work(), promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
