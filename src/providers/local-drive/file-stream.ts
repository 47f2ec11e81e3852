import type { FileHandle } from 'node:fs/promises'
import { addAbortSignal, Readable } from 'node:stream'

import { CHUNK_BYTES, chunkPool } from '../chunk-pool.ts'
import { diskFault } from './disk-fault.ts'

/**
 * What is left of an open file from a byte on; owns the handle and closes it. A small rest is read at once, so that the handle is
 * closed whether or not the stream is looked at. Fails with `SyncError`s that name `where`.
 */
export async function streamOf(file: FileHandle, size: number, fromByte: number, where: string, signal: AbortSignal): Promise<Readable> {
  if (size - fromByte <= CHUNK_BYTES) {
    const bytes = await readUpTo(file, Math.max(0, size - fromByte), fromByte)
    // What was read is read, whatever becomes of the handle.
    void file.close().catch(() => {})
    return inOnePiece(bytes)
  }
  let position = fromByte
  const pull = async (stream: Readable): Promise<void> => {
    try {
      const { bytesRead, buffer } = await file.read(chunkPool.take(), 0, CHUNK_BYTES, position)
      position += bytesRead
      const chunk = chunkPool.filled(buffer, bytesRead)
      if (bytesRead === 0) chunkPool.giveBack(chunk)
      stream.push(bytesRead === 0 ? null : chunk)
    } catch (error) {
      stream.destroy(diskFault(error, 'read', where))
    }
  }
  const close = async (then: () => void): Promise<void> => {
    await file.close().catch(() => {})
    then()
  }
  const stream = new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      void pull(this)
    },
    destroy(error, done) {
      void close(() => done(error))
    },
  })
  return addAbortSignal(signal, stream)
}

function inOnePiece(bytes: Buffer): Readable {
  return new Readable({
    read() {
      if (bytes.length > 0) this.push(bytes)
      this.push(null)
    },
  })
}

/** `length` bytes from `position` on; fewer where the file ends. */
export async function readUpTo(file: FileHandle, length: number, position: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}
