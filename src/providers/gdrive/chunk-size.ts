const MEBIBYTE = 1024 * 1024

/** Bytes. */
export interface UploadSizes {
  /** The first chunk of the first upload; a multiple of 256 KiB, as `largestChunk`. */
  readonly firstChunk: number
  readonly largestChunk: number
  /** Beyond this an upload is worth the extra round trip that lets it be resumed. */
  readonly maxMultipartBytes: number
}

export const UPLOAD_SIZES: UploadSizes = { firstChunk: 16 * MEBIBYTE, largestChunk: 64 * MEBIBYTE, maxMultipartBytes: 5 * MEBIBYTE }

/** All chunks but the last are a multiple of this. */
const CHUNK_UNIT = 262_144
const QUICK_MS = 5000

/** How much to send at a time to one account: more while it is quick, less after a failure. Chunks are streamed, not held. */
export class ChunkSize {
  readonly #largest: number
  #bytes: number

  constructor({ firstChunk, largestChunk }: UploadSizes) {
    this.#bytes = firstChunk
    this.#largest = largestChunk
  }

  get bytes(): number {
    return this.#bytes
  }

  stored(milliseconds: number): void {
    if (milliseconds < QUICK_MS) this.#bytes = Math.min(this.#bytes * 2, this.#largest)
  }

  failed(): void {
    this.#bytes = Math.max(Math.floor(this.#bytes / 2 / CHUNK_UNIT) * CHUNK_UNIT, CHUNK_UNIT)
  }
}
