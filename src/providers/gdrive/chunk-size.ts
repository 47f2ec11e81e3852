const MEBIBYTE = 1024 * 1024
/** All chunks but the last are a multiple of this. */
export const CHUNK_UNIT = 262_144
const SMALLEST = 4 * CHUNK_UNIT
const START = 16 * MEBIBYTE
const LARGEST = 64 * MEBIBYTE
const QUICK_MS = 5000

/** How much to send at a time to one account: more while it is quick, less after a failure. Chunks are streamed, not held. */
export class ChunkSize {
  #bytes: number

  constructor(bytes = START) {
    this.#bytes = bytes
  }

  get bytes(): number {
    return this.#bytes
  }

  stored(milliseconds: number): void {
    if (milliseconds < QUICK_MS) this.#bytes = Math.min(this.#bytes * 2, LARGEST)
  }

  failed(): void {
    this.#bytes = Math.max(Math.floor(this.#bytes / 2 / CHUNK_UNIT) * CHUNK_UNIT, SMALLEST)
  }
}
