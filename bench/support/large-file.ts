import { randomBytes } from 'node:crypto'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { entry, inArray, representation } from '../../test/support/published.ts'
import type { Production } from './bench-server.ts'
import { now } from './clock.ts'
import type { MeasuredService } from './measured-service.ts'

const PIECE = 64 * 1024 * 1024

/** What some work took: of time, and of the processor's. */
export interface Cost {
  readonly seconds: number
  readonly cpuSeconds: number
}

/** A large file of the studio that can be published again and again, each time under another name. */
export class LargeFile {
  readonly bytes: number
  readonly #production: Production
  #path = 'big/0.mov'
  #times = 0

  private constructor(production: Production, bytes: number) {
    this.#production = production
    this.bytes = bytes
  }

  /** Of bytes that no file system stores as holes or twins; on the disk, and in the page cache. */
  static async write(production: Production, bytes: number): Promise<LargeFile> {
    const file = new LargeFile(production, bytes)
    await mkdir(dirname(file.path), { recursive: true })
    const piece = randomBytes(Math.min(PIECE, bytes))
    await using handle = await open(file.path, 'wx')
    for (let at = 0; at < bytes; at += piece.length) {
      for (let page = 0; page < piece.length; page += 4_096) piece.writeUInt32BE((at + page) / 4_096, page)
      await handle.write(piece, 0, Math.min(piece.length, bytes - at))
    }
    await handle.sync()
    return file
  }

  /** Where it is now. */
  get path(): string {
    return join(this.#production.studio, this.#path)
  }

  /** Below the roots. */
  get relativePath(): string {
    return this.#path
  }

  /** Publishes it under a new name, and waits until it is synced. */
  async sync(service: MeasuredService): Promise<Cost> {
    const before = this.path
    this.#path = `big/${++this.#times}.mov`
    await rename(before, this.path)
    const done = service.count('transfer.succeeded')
    const [startedAt, cpu] = [now(), service.cpuSeconds]
    const document = representation([entry(`{root[work]}/${this.#path}`, inArray('mirror'))])
    await this.#production.collection.insertOne(document, { writeConcern: { w: 'majority' } })
    await service.until('transfer.succeeded', done + 1)
    return { seconds: (now() - startedAt) / 1_000, cpuSeconds: service.cpuSeconds - cpu }
  }
}
