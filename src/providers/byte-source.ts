import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { pipeline, Readable, Transform } from 'node:stream'

import { SyncError } from '../errors.ts'
import type { RootedPath } from '../model/site.ts'
import type { ByteSource, ChecksumAlgorithm, FindOptions, Provider, RemoteFile } from './provider.ts'

/** How much may wait between the reader and the writer of one transfer, in bytes. */
const BUFFER_BYTES = 1024 * 1024

export interface ByteSourceOptions extends FindOptions {
  /** The target's algorithm: computed while the bytes go by, so that `checksum()` need not read them again. */
  readonly checksumAlgorithm?: ChecksumAlgorithm
}

/**
 * A file of a site as something to write elsewhere.
 *
 * Rejects with `SOURCE_MISSING` (naming the whole path), `NOT_A_FILE`, `SOURCE_UNREADABLE`, or what the site itself is in trouble with.
 * A stream that ends with more or fewer bytes than the file had when it was opened fails with `SOURCE_CHANGED`; one whose bytes are
 * not those that the site has by its own checksum fails with `VERIFY_FAILED`. `assertUnchanged()` obeys the signal given here.
 */
export async function openByteSource(provider: Provider, path: RootedPath, options: ByteSourceOptions): Promise<ByteSource> {
  const where = `${path.root.replace(/\/+$/, '')}/${path.path}`
  const file = await stat(provider, path, where, options)
  const by = options.id === undefined ? {} : { id: options.id }
  const known = new Map<ChecksumAlgorithm, string>()
  if (file.checksum !== undefined) known.set(file.checksum.algorithm, file.checksum.value)

  const open = async (fromByte: number, signal: AbortSignal, algorithm?: ChecksumAlgorithm): Promise<Readable> => {
    const upstream = await unreadableIfDenied(provider.read(path, { ...by, fromByte, signal }), where)
    const hashed = fromByte === 0 ? [...new Set([...known.keys(), ...(algorithm === undefined ? [] : [algorithm])])] : []
    const meter = new Meter(file, fromByte, where, hashed, known)
    return file.size - fromByte <= BUFFER_BYTES ? await atOnce(upstream, meter) : throughMeter(upstream, meter)
  }

  return {
    size: file.size,
    modified: file.modified ?? new Date(),
    ...(file.version === undefined ? {} : { version: file.version }),
    ...(file.mode === undefined ? {} : { mode: file.mode }),
    ...(file.checksum === undefined ? {} : { ownChecksum: file.checksum.algorithm }),
    open: async (fromByte, signal, { unhashed = false } = {}) =>
      await open(fromByte, signal, unhashed ? undefined : options.checksumAlgorithm),
    openFile: async (signal) => await unreadableIfDenied(provider.openFile(path, { signal }), where),
    checksum: async (algorithm, signal) => {
      if (!known.has(algorithm)) for await (const chunk of await open(0, signal, algorithm)) void chunk
      return known.get(algorithm) as string
    },
    learn: (algorithm, value) => {
      if ((known.get(algorithm) ?? value) !== value) throw differs(file, algorithm, where, value)
      known.set(algorithm, value)
    },
    assertUnchanged: async () => {
      const now = await unreadableIfDenied(provider.stat(path, { ...by, signal: options.signal }), where)
      if (now === undefined) throw new SyncError('SOURCE_CHANGED', `${where} was removed while it was being read`)
      if (!sameContent(file, now)) throw new SyncError('SOURCE_CHANGED', `${where} was changed while it was being read`)
    },
  }
}

async function stat(provider: Provider, path: RootedPath, where: string, { signal, id }: FindOptions): Promise<RemoteFile> {
  const file = await unreadableIfDenied(provider.stat(path, { signal, ...(id !== undefined && { id }) }), where)
  if (file !== undefined) return file
  // Reading tells a missing file from a root that is not there at all.
  const appeared = await unreadableIfDenied(provider.read(path, { signal }), where)
  appeared.destroy()
  const now = await unreadableIfDenied(provider.stat(path, { signal }), where)
  if (now !== undefined) return now
  throw new SyncError('SOURCE_CHANGED', `${where} was created while it was being opened`)
}

/** A file system that denies one file is not in trouble as a whole; what an API denies is told by its own provider. */
async function unreadableIfDenied<T>(call: Promise<T>, where: string): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'PERMISSION') throw error
    const { code } = (error.cause ?? {}) as { code?: unknown }
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    throw new SyncError('SOURCE_UNREADABLE', `${where} can't be read: permission denied`, { cause: error, certain: false })
  }
}

/** Counts and hashes bytes that go by; `known` learns the checksums when all of them came. */
class Meter {
  readonly #file: RemoteFile
  readonly #where: string
  readonly #hashes: readonly { readonly algorithm: ChecksumAlgorithm; readonly hash: Hash }[]
  readonly #known: Map<ChecksumAlgorithm, string>
  #position: number

  constructor(
    file: RemoteFile,
    fromByte: number,
    where: string,
    algorithms: readonly ChecksumAlgorithm[],
    known: Map<ChecksumAlgorithm, string>,
  ) {
    this.#file = file
    this.#where = where
    this.#hashes = algorithms.map((algorithm) => ({ algorithm, hash: createHash(algorithm) }))
    this.#known = known
    this.#position = fromByte
  }

  add(chunk: Buffer): void {
    this.#position += chunk.length
    if (this.#position > this.#file.size) throw new SyncError('SOURCE_CHANGED', `${this.#where} grew while it was being read`)
    for (const { hash } of this.#hashes) hash.update(chunk)
  }

  end(): void {
    const { size } = this.#file
    if (this.#position < size) {
      throw new SyncError('SOURCE_CHANGED', `${this.#where} ended at byte ${this.#position} of ${size}: it shrank while it was being read`)
    }
    for (const { algorithm, hash } of this.#hashes) {
      const value = hash.digest('hex')
      if ((this.#known.get(algorithm) ?? value) !== value) throw differs(this.#file, algorithm, this.#where, value)
      this.#known.set(algorithm, value)
    }
  }
}

/** A small file is read whole: streams that are piped cost more than its bytes. */
async function atOnce(upstream: Readable, meter: Meter): Promise<Readable> {
  const chunks: Buffer[] = []
  for await (const chunk of upstream) {
    meter.add(chunk as Buffer)
    chunks.push(chunk as Buffer)
  }
  meter.end()
  return new Readable({
    read() {
      for (const chunk of chunks) this.push(chunk)
      this.push(null)
    },
  })
}

function throughMeter(upstream: Readable, meter: Meter): Readable {
  const measured = new Transform({
    highWaterMark: BUFFER_BYTES,
    transform(chunk: Buffer, _encoding, done) {
      attempt(
        () => meter.add(chunk),
        (error) => done(error, chunk),
      )
    },
    flush(done) {
      attempt(() => meter.end(), done)
    },
  })
  // Carries failure and destruction both ways; the reader of `measured` hears of it, also one who starts to listen later.
  pipeline(upstream, measured, () => {})
  return measured.on('error', () => {})
}

function attempt(work: () => void, done: (error: Error | null) => void): void {
  try {
    work()
  } catch (error) {
    done(error as Error)
    return
  }
  done(null)
}

function differs(file: RemoteFile, algorithm: ChecksumAlgorithm, where: string, value: string): SyncError {
  if (file.checksum?.algorithm !== algorithm) return new SyncError('SOURCE_CHANGED', `${where} was changed between two reads of it`)
  return new SyncError('VERIFY_FAILED', `${where} was read with ${algorithm} ${value}, but its site has ${file.checksum.value}`)
}

function sameContent(before: RemoteFile, now: RemoteFile): boolean {
  if (before.version !== undefined || now.version !== undefined) return before.version === now.version
  // A time beyond all calendars is no number, and still the same.
  const isSameTime = Object.is(before.modified?.getTime(), now.modified?.getTime())
  return before.size === now.size && isSameTime && before.checksum?.value === now.checksum?.value
}
