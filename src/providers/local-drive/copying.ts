import { createHash, hash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { open } from 'node:fs/promises'

import { SyncError } from '../../errors.ts'
import type { ByteSource, ChecksumAlgorithm } from '../provider.ts'
import { CHUNK_BYTES, chunkPool } from '../chunk-pool.ts'
import { chunksOf, orAborted, throwIfAborted } from './abort.ts'
import type { Cloning } from './cloning.ts'
import { isErrno } from './errno.ts'
import { readUpTo } from './file-stream.ts'

export interface CopyOptions {
  /** The target's absolute path, for messages. */
  readonly where: string
  readonly signal: AbortSignal
  onProgress(bytes: number): void
}

/** A temporary file that holds the whole source, durably. */
export interface Copied {
  readonly info: BigIntStats
  /** Of the bytes as they were read back; absent for a clone. */
  readonly checksum?: string
}

type StoredCopy = Required<Copied>

/**
 * Copies a source to a new file, which is then read back and compared with the source. A clone is not read back: it consists of the
 * source's own blocks, so nothing was copied that could differ. Who calls removes the file when this fails.
 */
export async function copyTo(
  temporary: string,
  source: ByteSource,
  algorithm: ChecksumAlgorithm,
  cloning: Cloning,
  options: CopyOptions,
): Promise<Copied> {
  if (source.size <= CHUNK_BYTES) return await copySmall(temporary, source, algorithm, options)
  if (source.localPath !== undefined && (await cloning.clone(source.localPath, temporary))) {
    return await withFile(await open(temporary, 'r+'), async (file) => {
      await finish(file, source)
      const info = await file.stat({ bigint: true })
      if (info.size !== BigInt(source.size)) throw wrongSize(info.size, source, options)
      options.onProgress(source.size)
      return { info }
    })
  }
  return await withFile(await created(temporary), async (file) => {
    await copyChunks(file, source, options)
    await finish(file, source)
    const stored = await readBack(temporary, source.size, file, async (from) => await hashOf(from, algorithm, options.signal))
    return { ...stored, checksum: await verified(stored.checksum, source, algorithm, options) }
  })
}

/** One write and one read: most files of a publish are small, and each call to the system costs. */
async function copySmall(temporary: string, source: ByteSource, algorithm: ChecksumAlgorithm, options: CopyOptions): Promise<Copied> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of chunksOf(await opened(source, options.signal), options.signal)) {
    chunks.push(chunk)
    size += chunk.length
    if (size > source.size) break
  }
  if (size !== source.size) throw wrongSize(size, source, options)
  throwIfAborted(options.signal)
  return await withFile(await created(temporary), async (file) => {
    for (const chunk of chunks) await file.appendFile(chunk)
    await finish(file, source)
    options.onProgress(size)
    const stored = await readBack(temporary, size, file, async (from) => hash(algorithm, await readUpTo(from, size, 0), 'hex'))
    return { ...stored, checksum: await verified(stored.checksum, source, algorithm, options) }
  })
}

async function copyChunks(file: FileHandle, source: ByteSource, options: CopyOptions): Promise<void> {
  let position = 0
  for await (const chunk of chunksOf(await opened(source, options.signal), options.signal)) {
    if (position + chunk.length > source.size) throw wrongSize(position + chunk.length, source, options)
    for (let written = 0; written < chunk.length;) {
      written += (await file.write(chunk, written, chunk.length - written, position + written)).bytesWritten
    }
    position += chunk.length
    chunkPool.giveBack(chunk)
    options.onProgress(position)
  }
  if (position !== source.size) throw wrongSize(position, source, options)
}

async function opened(source: ByteSource, signal: AbortSignal): ReturnType<ByteSource['open']> {
  throwIfAborted(signal)
  return await orAborted(signal, source.open(0, signal))
}

/** Gives the file its time and makes it durable, as far as the file system can. */
async function finish(file: FileHandle, source: ByteSource): Promise<void> {
  // Times are no bytes: whatever the file system, or the time itself, makes of it, the file is whole.
  await file.utimes(new Date(), source.modified).catch(() => {})
  await file.sync().catch(ignoring('EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'))
}

async function hashOf(file: FileHandle, algorithm: ChecksumAlgorithm, signal: AbortSignal): Promise<string> {
  const sum = createHash(algorithm)
  let position = 0
  let other = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let reading = file.read(Buffer.allocUnsafeSlow(CHUNK_BYTES), 0, CHUNK_BYTES, position)
  for (;;) {
    const { bytesRead, buffer } = await reading
    throwIfAborted(signal)
    if (bytesRead === 0) return sum.digest('hex')
    position += bytesRead
    // The next is read while this one is hashed.
    reading = file.read(other, 0, CHUNK_BYTES, position)
    sum.update(buffer.subarray(0, bytesRead))
    other = buffer
  }
}

async function verified(stored: string, source: ByteSource, algorithm: ChecksumAlgorithm, { where, signal }: CopyOptions): Promise<string> {
  const sent = await orAborted(signal, source.checksum(algorithm, signal))
  if (stored === sent) return stored
  throw new SyncError(
    'VERIFY_FAILED',
    `${where} was read back with other bytes than its source has: ${algorithm} ${stored} instead of ${sent}`,
  )
}

/** Some network file systems (`rclone mount` without a write cache) take a file for writing only. */
async function created(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx+', 0o666)
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error
    return await open(path, 'wx', 0o666)
  }
}

/**
 * Of what was stored, read back by the handle that wrote it; where the file system does not allow that, or knows the file's size only
 * once it is closed, by a new one.
 */
async function readBack(path: string, size: number, file: FileHandle, read: (from: FileHandle) => Promise<string>): Promise<StoredCopy> {
  const info = await file.stat({ bigint: true })
  if (info.size === BigInt(size)) {
    try {
      return { info, checksum: await read(file) }
    } catch (error) {
      if (error instanceof SyncError) throw error
    }
  }
  await file.close()
  return await withFile(await open(path, 'r'), async (again) => ({ info: await again.stat({ bigint: true }), checksum: await read(again) }))
}

/** Some file systems tell only at the end that they did not keep what they were given. */
async function withFile<T>(file: FileHandle, work: (file: FileHandle) => Promise<T>): Promise<T> {
  let result
  try {
    result = await work(file)
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
  await file.close()
  return result
}

function wrongSize(size: number | bigint, source: ByteSource, { where }: CopyOptions): SyncError {
  return new SyncError(
    'SOURCE_CHANGED',
    `the source of ${where} gave ${size} bytes instead of ${source.size}: it was changed while it was being read`,
  )
}

function ignoring(...codes: readonly string[]): (error: unknown) => void {
  return (error) => {
    if (!isErrno(error, ...codes)) throw error
  }
}
