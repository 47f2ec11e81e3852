import { hash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

import { CHUNK_BYTES } from '../chunk-pool.ts'
import type { ByteSource } from '../provider.ts'
import { chunksOf, orAborted, throwIfAborted } from './abort.ts'
import type { Reflink } from './reflink.ts'
import { readUpTo } from './file-stream.ts'
import { copyLarge } from './large-copy.ts'
import type { PartFile } from './part-file.ts'
import type { CopyOptions, StoredCopy } from './stored-copy.ts'
import { finish, openedSource, readBack, withFile, wrongSize } from './stored-copy.ts'

/** A temporary file that holds the whole source, durably. */
export interface Copied {
  readonly info: BigIntStats
  /** SHA-256 of the bytes as they were read back; absent for a clone. */
  readonly checksum?: string
}

/** The bytes of a source that fits into one chunk, read while its folder is looked at. Without them, a source is read chunk by chunk. */
export interface SmallSource {
  readonly small?: Promise<readonly Buffer[]> | undefined
}

type ReadOptions = Pick<CopyOptions, 'where' | 'signal'>

/** Begins to read a source, if it is small. A fault is told to whoever awaits it; perhaps nobody does. */
export function readSmall(source: ByteSource, options: ReadOptions): SmallSource['small'] {
  if (source.size > CHUNK_BYTES) return undefined
  const reading = readWhole(source, options)
  reading.catch(() => {})
  return reading
}

async function readWhole(source: ByteSource, options: ReadOptions): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of chunksOf(await openedSource(source, 0, options.signal), options.signal)) {
    chunks.push(chunk)
    size += chunk.length
    if (size > source.size) break
  }
  if (size !== source.size) throw wrongSize(size, source, options)
  return chunks
}

/**
 * Copies a source to a new file, which is then read back and compared with the source; the source must not have changed meanwhile. A clone
 * is not read back: it consists of the source's own blocks, so nothing was copied that could differ. Who calls gives the file up when this
 * fails.
 */
export async function copyTo(
  part: PartFile,
  source: ByteSource,
  cloning: Reflink,
  { small, ...options }: CopyOptions & SmallSource,
): Promise<Copied> {
  if (small) return await copySmall(part, source, small, options)
  const copied = await cloneOrCopy(part, source, cloning, options)
  await source.assertUnchanged()
  return copied
}

async function cloneOrCopy(part: PartFile, source: ByteSource, cloning: Reflink, options: CopyOptions): Promise<Copied> {
  const cloned = await clonedFrom(source, part, cloning, options)
  if (cloned === undefined) return await copyLarge(part, source, options)
  return await withFile(cloned, async (file) => {
    await part.discardKept()
    await finish(file, source, options)
    const info = await file.stat({ bigint: true })
    if (info.size !== BigInt(source.size)) throw wrongSize(info.size, source, options)
    options.onProgress(source.size)
    return { info }
  })
}

async function clonedFrom(source: ByteSource, part: PartFile, cloning: Reflink, { signal }: CopyOptions): Promise<FileHandle | undefined> {
  throwIfAborted(signal)
  const opening = Promise.resolve(source.openFile?.(signal))
  const file = await orAborted(signal, opening).catch((error: unknown) => {
    // One that is opened after all is nobody's.
    void opening.then(async (late) => await late?.close()).catch(() => {})
    throw error
  })
  if (file === undefined) return undefined
  try {
    return await cloning.clone(file, part)
  } finally {
    await file.close().catch(() => {})
  }
}

/**
 * One write and one read: most files of a publish are small, and each call to the system costs, on a share a round trip. Calls that do not
 * need each other's answers are made at the same time.
 */
async function copySmall(part: PartFile, source: ByteSource, small: Promise<readonly Buffer[]>, options: CopyOptions): Promise<StoredCopy> {
  const { size } = source
  let unchanged: Promise<void> | undefined
  const stored = await withFile(await part.create(), async (file) => {
    const chunks = await small
    throwIfAborted(options.signal)
    for (const chunk of chunks) await file.appendFile(chunk)
    await finish(file, source, options)
    options.onProgress(size)
    unchanged = source.assertUnchanged()
    const reading = readUpTo(file, size, 0)
    for (const each of [unchanged, reading]) each.catch(() => {})
    const read = async (from: FileHandle): Promise<string> =>
      hash('sha256', await (from === file ? reading : readUpTo(from, size, 0)), 'hex')
    return await readBack(part, file, read, source, options)
  })
  // With the copy closed: a source that does not answer keeps no file open here.
  await unchanged
  return stored
}
