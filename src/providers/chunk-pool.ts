/** Free buffers that are kept for the next file. */
const MAX_FREE = 16

/**
 * Buffers for the bytes of large files, used again and again: a fresh one for each read keeps the garbage collector busier than the
 * bytes themselves. Whoever knows that a chunk is of no use to anybody any more gives it back; one that nobody gives back is
 * garbage like any other.
 */
export class ChunkPool {
  readonly #bytes: number
  readonly #free: Buffer[] = []
  /** Of buffers that are in use: where their content ends. */
  readonly #ends = new WeakMap<ArrayBufferLike, number>()

  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** To be filled from its start. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes)
  }

  /** What is handed on of a buffer that was taken. */
  filled(buffer: Buffer, length: number): Buffer {
    this.#ends.set(buffer.buffer, length)
    return buffer.subarray(0, length)
  }

  /** Was the last use of these bytes and of all before them in their chunk. Anything else but a chunk of this pool is left alone. */
  giveBack(piece: Buffer): void {
    const { buffer, byteOffset, length } = piece
    if (this.#ends.get(buffer) !== byteOffset + length) return
    this.#ends.delete(buffer)
    if (this.#free.length < MAX_FREE) this.#free.push(Buffer.from(buffer))
  }
}

/** Bytes a read of a large file: large enough for network mounts, small enough for many transfers at once. */
export const CHUNK_BYTES = 1024 * 1024

/** Of all transfers. */
export const chunkPool = new ChunkPool(CHUNK_BYTES)
