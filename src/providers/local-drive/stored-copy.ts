import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

import { SyncError } from '../../errors.ts'
import type { ByteSource } from '../provider.ts'
import { orAborted, throwIfAborted } from './abort.ts'
import { isErrno } from './errno.ts'
import { modeOfCopy } from './modes.ts'
import type { PartFile } from './part-file.ts'

export interface CopyOptions {
  /** The target's absolute path, for messages. */
  readonly where: string
  readonly signal: AbortSignal
  /** Of all files, whatever their sources have. */
  readonly fileMode?: number | undefined
  onProgress(bytes: number): void
}

export interface StoredCopy {
  readonly info: BigIntStats
  /** SHA-256 of the bytes as they were read back. */
  readonly checksum: string
}

export async function openedSource(
  source: ByteSource,
  fromByte: number,
  signal: AbortSignal,
  options: { readonly unhashed?: boolean } = {},
): ReturnType<ByteSource['open']> {
  throwIfAborted(signal)
  return await orAborted(signal, source.open(fromByte, signal, options))
}

/** Gives the file its mode and time and makes it durable, as far as the file system can. */
export async function finish(file: FileHandle, source: ByteSource, { fileMode }: CopyOptions): Promise<void> {
  // Modes and times are no bytes: whatever the file system, or the time itself, makes of them, the file is whole.
  await Promise.allSettled([
    ...(process.platform === 'win32' ? [] : [file.chmod(fileMode ?? modeOfCopy(source))]),
    file.utimes(new Date(), source.modified),
  ])
  await file.sync().catch(ignoring('EINVAL', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'))
}

/**
 * What was stored, read back by the handle that wrote it (where the file system does not allow that, or knows the file's size only once
 * it is closed, by a new one) and compared with the source.
 */
export async function readBack(
  part: PartFile,
  file: FileHandle,
  read: (from: FileHandle) => Promise<string>,
  source: ByteSource,
  options: CopyOptions,
): Promise<StoredCopy> {
  const stored = await readBy(part, source.size, file, read)
  const sent = await orAborted(options.signal, source.checksum('sha256', options.signal))
  if (stored.checksum === sent) return stored
  throw new SyncError(
    'VERIFY_FAILED',
    `${options.where} was read back with other bytes than its source has: sha256 ${stored.checksum} instead of ${sent}`,
  )
}

async function readBy(part: PartFile, size: number, file: FileHandle, read: (from: FileHandle) => Promise<string>): Promise<StoredCopy> {
  const info = await file.stat({ bigint: true })
  if (info.size === BigInt(size)) {
    try {
      return { info, checksum: await read(file) }
    } catch (error) {
      if (error instanceof SyncError) throw error
    }
  }
  await file.close()
  return await withFile(await part.reopen(), async (again) => ({ info: await again.stat({ bigint: true }), checksum: await read(again) }))
}

/** Some file systems tell only at the end that they did not keep what they were given. */
export async function withFile<T>(file: FileHandle, work: (file: FileHandle) => Promise<T>): Promise<T> {
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

export function wrongSize(size: number | bigint, source: ByteSource, { where }: Pick<CopyOptions, 'where'>): SyncError {
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
