import type { RootedPath } from '../../../src/model/site.ts'
import type { ByteSource, Provider, RemoteFile, Removed, WriteOptions } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { permitOf, type Permission } from '../../support/permits.ts'

/** A provider to be tested, with an empty root of its own. */
export interface Subject {
  readonly provider: Provider
  readonly root: string
  /** The bytes at a path below the root, read past the provider; undefined when there is no file. */
  readBack(path: string): Promise<Buffer | undefined>
  /** Paths of all that is below the root, hidden files and folders among it, sorted; a folder ends with a slash. */
  everything(): Promise<readonly string[]>
  dispose(): Promise<void>
  /** From now on this folder, or the root, may only be read; left out where that can't be had. */
  closeFolder?(path: string): Promise<void> | void
}

export const KIB = 1024
export const MIB = 1024 * KIB

export type HarnessOptions = Permission & Partial<WriteOptions>

/** The subject of the test that runs, and what tests do with it, in short. */
export class Harness {
  #subject: Subject | undefined

  async begin(setup: () => Promise<Subject>): Promise<void> {
    this.#subject = await setup()
  }

  async end(): Promise<void> {
    await this.#subject?.dispose()
    this.#subject = undefined
  }

  get provider(): Provider {
    return this.#current.provider
  }

  /** False where that can't be had. */
  async closeFolder(path: string): Promise<boolean> {
    if (this.#current.closeFolder === undefined) return false
    await this.#current.closeFolder(path)
    return true
  }

  at(path: string): RootedPath {
    return { root: this.#current.root, path }
  }

  async readBack(path: string): Promise<Buffer | undefined> {
    return await this.#current.readBack(path)
  }

  async everything(): Promise<readonly string[]> {
    return await this.#current.everything()
  }

  async stat(path: string): Promise<RemoteFile | undefined> {
    return await this.provider.stat(this.at(path), { signal: never() })
  }

  async write(path: string, source: ByteSource | Buffer | string, options: HarnessOptions = {}): Promise<RemoteFile> {
    const written = typeof source === 'string' || Buffer.isBuffer(source) ? memorySource(source) : source
    const quiet = { signal: never(), onProgress: () => {} }
    return await this.provider.write(this.at(path), written, { ...quiet, permit: permitOf(options), ...options })
  }

  async read(path: string, fromByte?: number): Promise<Buffer> {
    const options = { signal: never(), ...(fromByte === undefined ? {} : { fromByte }) }
    return Buffer.concat((await Array.fromAsync(await this.provider.read(this.at(path), options))) as Buffer[])
  }

  async remove(path: string, only?: RemoteFile): Promise<Removed | undefined> {
    return await this.provider.remove(this.at(path), { signal: never(), ...(only && { only }) })
  }

  async names(folder: string): Promise<string[]> {
    const files = await Array.fromAsync(this.provider.list(this.at(folder), { signal: never() }))
    return files.map((file) => file.name).toSorted(byCode)
  }

  get #current(): Subject {
    if (this.#subject === undefined) throw new Error('used outside of a test')
    return this.#subject
  }
}

export function never(): AbortSignal {
  return new AbortController().signal
}

function byCode(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

/** Compared as one value: a failed comparison of megabytes would print them. */
export function same(actual: Buffer | undefined, expected: Buffer): boolean {
  return actual?.equals(expected) === true
}

/** Bytes that do not repeat in a way that would hide a piece out of place; the same for the same seed. */
export function noise(size: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = Math.imul(seed, 0x9e3779b1) | 1
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return Buffer.from(words.buffer, 0, size)
}
