import type { FileHandle } from 'node:fs/promises'

import { SyncError } from '../../errors.ts'
import { chunkPool } from '../chunk-pool.ts'
import type { ByteSource } from '../provider.ts'
import { chunksOf, orAborted } from './abort.ts'
import { hashFirst } from './file-hash.ts'
import { HashBehind } from './hash-behind.ts'
import type { PartFile } from './part-file.ts'
import type { CopyOptions, StoredCopy } from './stored-copy.ts'
import { finish, openedSource, readBack, withFile, wrongSize } from './stored-copy.ts'

/** Copies chunk by chunk, from where an earlier write was interrupted; the whole is read back and compared with the source. */
export async function copyLarge(part: PartFile, source: ByteSource, options: CopyOptions): Promise<StoredCopy> {
  try {
    return await copy(part, source, options)
  } catch (error) {
    if (!part.isResumed || !(error instanceof SyncError && error.code === 'VERIFY_FAILED')) throw error
    // The earlier writer may not have been at its end, or the disk has lost something: once, from the start.
    await part.startOver()
    return await copy(part, source, options)
  }
}

async function copy(part: PartFile, source: ByteSource, options: CopyOptions): Promise<StoredCopy> {
  const begun = await part.begin()
  return await withFile(begun.file, async (file) => {
    let { bytes, hash } = begun.stored
    options.onProgress(bytes)
    using behind = needsOther(part, source) ? undefined : HashBehind.of(file, source.size)
    behind?.stored(bytes)
    for await (const chunk of chunksOf(await openedSource(source, bytes, options.signal, { unhashed: true }), options.signal)) {
      if (bytes + chunk.length > source.size) throw wrongSize(bytes + chunk.length, source, options)
      const writing = writeAt(file, chunk, bytes)
      // Of its own: should the chunk not be written, what is stored is what it was.
      hash = hash.copy().update(chunk)
      await writing
      bytes += chunk.length
      part.reached({ bytes, hash })
      behind?.stored(bytes)
      chunkPool.giveBack(chunk)
      options.onProgress(bytes)
    }
    if (bytes !== source.size) throw wrongSize(bytes, source, options)
    source.learn?.('sha256', hash.copy().digest('hex'))
    await finish(file, source, options)
    const read = async (from: FileHandle): Promise<string> => {
      const digest = from === file && behind ? await orAborted(options.signal, behind.digest()) : undefined
      return digest ?? (await hashAll(from, part, source, options))
    }
    return await readBack(part, file, read, source, options)
  })
}

/** What came in several goes was never seen as a whole: it is held against what the source's own site knows of it. */
function needsOther(part: PartFile, { ownChecksum = 'sha256' }: ByteSource): boolean {
  return part.isResumed && ownChecksum !== 'sha256'
}

async function hashAll(file: FileHandle, part: PartFile, source: ByteSource, { signal }: CopyOptions): Promise<string> {
  const { ownChecksum = 'sha256' } = source
  const [hash, own] = await hashFirst(file, Infinity, signal, needsOther(part, source) ? ['sha256', ownChecksum] : ['sha256'])
  if (own) source.learn?.(ownChecksum, own.digest('hex'))
  return hash?.digest('hex') ?? ''
}

async function writeAt(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    written += (await file.write(chunk, written, chunk.length - written, position + written)).bytesWritten
  }
}
