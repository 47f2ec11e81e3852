import { randomBytes } from 'node:crypto'

import { ContentWriter } from './content.ts'

/** Chunks but the last are kept in multiples of this. */
export const UNIT = 262_144

/** An upload that was started and is not (or no longer) complete. */
export class UploadSession {
  readonly id = randomBytes(24).toString('base64url')
  readonly metadata: Record<string, unknown>
  /** Of the file whose content is replaced; undefined for a new one. */
  readonly replaces: string | undefined
  readonly fields: string | null
  readonly allDrives: boolean
  readonly writer: ContentWriter
  /** What no longer is; answered with that status. */
  dead: number | undefined
  /** Id of the file, once it is complete. */
  file: string | undefined
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = Buffer.alloc(0)

  constructor(parts: {
    metadata: Record<string, unknown>
    replaces: string | undefined
    fields: string | null
    allDrives: boolean
    keepBelow: number
  }) {
    this.metadata = parts.metadata
    this.replaces = parts.replaces
    this.fields = parts.fields
    this.allDrives = parts.allDrives
    this.writer = new ContentWriter(parts.keepBelow)
  }

  get stored(): number {
    return this.writer.size
  }

  /** One request at a time. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#tail
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#tail = promise
    await before
    try {
      return await work()
    } finally {
      resolve()
    }
  }

  /** Keeps whole units; the rest waits for `flush` or `discard`. */
  append(piece: Buffer): void {
    const all = this.#waiting.length === 0 ? piece : Buffer.concat([this.#waiting, piece])
    const whole = all.length - (all.length % UNIT)
    if (whole > 0) this.writer.write(all.subarray(0, whole))
    this.#waiting = Buffer.from(all.subarray(whole))
  }

  flush(): void {
    if (this.#waiting.length > 0) this.writer.write(this.#waiting)
    this.discard()
  }

  discard(): void {
    this.#waiting = Buffer.alloc(0)
  }
}
