import type { Readable } from 'node:stream'

import { SyncError } from '../../errors.ts'
import type { ByteSource } from '../provider.ts'
import { abortFault } from './faults.ts'

/**
 * Reads a source piece by piece through one stream for as long as the pieces follow one another, and through a fresh one otherwise.
 * Before the last bytes are handed out the source must have ended and be unchanged: an upload of torn content is never completed.
 */
export class SourceReader {
  readonly #source: ByteSource
  readonly #signal: AbortSignal
  #stream: Readable | undefined
  #pieces: AsyncIterator<Buffer> | undefined
  #rest: Buffer | undefined
  #position = 0

  constructor(source: ByteSource, signal: AbortSignal) {
    this.#source = source
    this.#signal = signal
  }

  /** Exactly `count` bytes from `from` on. Rejects with `SOURCE_CHANGED` when the source is not what it was. */
  async *take(from: number, count: number): AsyncGenerator<Buffer> {
    if (this.#pieces === undefined || this.#position !== from) await this.#seek(from)
    const last = from + count === this.#source.size
    let left = count
    while (left > 0) {
      if (this.#signal.aborted) throw abortFault(this.#signal)
      const piece = await this.#next(left)
      if (piece === undefined) throw this.#changed('ended too early')
      left -= piece.length
      if (left === 0 && last) await this.#finish()
      yield piece
    }
    if (count === 0 && last) await this.#finish()
  }

  close(): void {
    this.#stream?.destroy()
    this.#stream = undefined
    this.#pieces = undefined
  }

  async #seek(from: number): Promise<void> {
    this.close()
    const stream = await this.#source.open(from, this.#signal)
    // Its iterator tells of errors while it is read; one that comes between two pieces must not end the process.
    stream.on('error', () => {})
    this.#stream = stream
    this.#pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    this.#rest = undefined
    this.#position = from
  }

  async #next(most: number): Promise<Buffer | undefined> {
    let piece = this.#rest
    if (piece === undefined) {
      const step = await this.#pieces?.next().catch((error: unknown) => {
        this.close()
        throw error
      })
      if (step === undefined || step.done === true) return undefined
      piece = step.value
    }
    this.#rest = piece.length > most ? piece.subarray(most) : undefined
    if (this.#rest !== undefined) piece = piece.subarray(0, most)
    this.#position += piece.length
    return piece
  }

  async #finish(): Promise<void> {
    if ((await this.#next(1)) !== undefined) throw this.#changed('has more bytes than it had')
    await this.#source.assertUnchanged()
  }

  #changed(how: string): SyncError {
    return new SyncError('SOURCE_CHANGED', `the source was changed while it was read: it ${how}`)
  }
}
