import { createHash } from 'node:crypto'

/** Stored bytes with their checksums; above a size only the checksums are kept, so that large files cost no memory. */
export interface Content {
  readonly size: number
  readonly md5: string
  readonly sha256: string
  /** Undefined when there were too many. */
  readonly bytes: Buffer | undefined
}

/** Collects content piece by piece. */
export class ContentWriter {
  readonly #keepBelow: number
  readonly #md5 = createHash('md5')
  readonly #sha256 = createHash('sha256')
  #pieces: Buffer[] | undefined = []
  #size = 0

  constructor(keepBelow: number) {
    this.#keepBelow = keepBelow
  }

  get size(): number {
    return this.#size
  }

  write(piece: Buffer): void {
    this.#md5.update(piece)
    this.#sha256.update(piece)
    this.#size += piece.length
    if (this.#size > this.#keepBelow) this.#pieces = undefined
    else this.#pieces?.push(Buffer.from(piece))
  }

  end(): Content {
    const bytes = this.#pieces === undefined ? undefined : Buffer.concat(this.#pieces)
    return { size: this.#size, md5: this.#md5.digest('hex'), sha256: this.#sha256.digest('hex'), bytes }
  }
}

export function contentOf(bytes: Buffer, keepBelow = Infinity): Content {
  const writer = new ContentWriter(keepBelow)
  writer.write(bytes)
  return writer.end()
}

/** The same with its first bit flipped; without bytes, with checksums that nothing has. */
export function corrupted(content: Content): Content {
  if (content.bytes === undefined || content.size === 0) return { ...content, md5: '0'.repeat(32), sha256: '0'.repeat(64) }
  const bytes = Buffer.from(content.bytes)
  bytes[0] = (bytes[0] as number) ^ 1
  return contentOf(bytes)
}
