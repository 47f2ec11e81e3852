import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'

import { SyncError } from '../../src/errors.ts'
import type { RootedPath } from '../../src/model/site.ts'
import type {
  ByteSource,
  CallOptions,
  ChecksumAlgorithm,
  ProbeOptions,
  RemoteFile,
  Removed,
  RemoveOptions,
  WriteOptions,
} from '../../src/providers/provider.ts'
import { Provider } from '../../src/providers/provider.ts'

export type ChaosVerb = 'probe' | 'stat' | 'read' | 'write' | 'remove' | 'list'

/** One thing that goes wrong. */
export interface Fault {
  readonly verb: ChaosVerb
  /** Which call of the verb (that the path fits), from 1; all of them when left out. */
  readonly nth?: number
  /** Only calls whose path below the root ends so. */
  readonly path?: string
  /**
   * - an error: the call rejects with it; with `afterBytes`, its stream does, after so many bytes
   * - `corrupt`: the last byte that goes through is another; the site stands by it, as a broken disk does
   * - `truncate`: the last byte is lost
   * - `hang`: nothing happens until `release()` or the abortion
   * - `hang-deaf`: nothing happens until `release()`
   */
  readonly with: SyncError | 'corrupt' | 'truncate' | 'hang' | 'hang-deaf'
  readonly afterBytes?: number
}

/** Any provider, with faults by plan. */
export class ChaosProvider extends Provider {
  override readonly checksumAlgorithm: ChecksumAlgorithm
  readonly #inner: Provider
  readonly #plan: Fault[]
  readonly #met = new Map<Fault, number>()
  #held = Promise.withResolvers<void>()
  #hanging = 0

  constructor(inner: Provider, plan: readonly Fault[] = []) {
    super(inner.site)
    this.#inner = inner
    this.#plan = [...plan]
    this.checksumAlgorithm = inner.checksumAlgorithm
  }

  add(...faults: readonly Fault[]): void {
    this.#plan.push(...faults)
  }

  /** Nothing goes wrong from now on. What hangs goes on hanging. */
  calm(): void {
    this.#plan.length = 0
  }

  /** Lets every call go on that hangs now. */
  release(): void {
    this.#held.resolve()
    this.#held = Promise.withResolvers<void>()
  }

  /** Calls that hang now. */
  get hanging(): number {
    return this.#hanging
  }

  /** What fails for every file fails for the probe, too. */
  override async probe(options: ProbeOptions): Promise<void> {
    await this.#strike('probe', '', options.signal)
    const { operation = 'write' } = options
    const always = this.#plan.find(({ verb, path = '', nth }) => verb === operation && path === '' && nth === undefined)
    if (always?.with instanceof SyncError) throw always.with
    await this.#inner.probe(options)
  }

  override async identify(root: string, options: CallOptions): Promise<string | undefined> {
    return await this.#inner.identify(root, options)
  }

  override async stat(path: RootedPath, options: CallOptions): Promise<RemoteFile | undefined> {
    await this.#strike('stat', path.path, options.signal)
    return await this.#inner.stat(path, options)
  }

  override async read(path: RootedPath, options: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    const fault = await this.#strike('read', path.path, options.signal)
    const stream = await this.#inner.read(path, options)
    return fault === undefined ? stream : spoiled(stream, fault)
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const fault = await this.#strike('write', path.path, options.signal)
    return await this.#inner.write(path, fault === undefined ? source : await spoiledSource(source, fault, options.signal), options)
  }

  override async remove(path: RootedPath, options: RemoveOptions): Promise<Removed | undefined> {
    await this.#strike('remove', path.path, options.signal)
    return await this.#inner.remove(path, options)
  }

  override async *list(folder: RootedPath, options: CallOptions): AsyncGenerator<RemoteFile & { readonly name: string }> {
    await this.#strike('list', folder.path, options.signal)
    yield* this.#inner.list(folder, options)
  }

  override async checksum(path: RootedPath, file: RemoteFile, options: CallOptions): Promise<string> {
    return await this.#inner.checksum(path, file, options)
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.release()
    await this.#inner[Symbol.asyncDispose]()
  }

  /** Fails or hangs as planned; gives back the fault when it concerns the bytes. */
  async #strike(verb: ChaosVerb, path: string, signal: AbortSignal): Promise<Fault | undefined> {
    const fault = this.#due(verb, path)
    if (fault === undefined) return undefined
    if (fault.with === 'hang' || fault.with === 'hang-deaf') await this.#hang(fault.with === 'hang' ? signal : undefined)
    else if (fault.with === 'corrupt' || fault.with === 'truncate' || fault.afterBytes !== undefined) return fault
    else throw fault.with
    return undefined
  }

  #due(verb: ChaosVerb, path: string): Fault | undefined {
    const fitting = this.#plan.filter((fault) => fault.verb === verb && path.endsWith(fault.path ?? ''))
    for (const fault of fitting) this.#met.set(fault, (this.#met.get(fault) ?? 0) + 1)
    return fitting.find((fault) => fault.nth === undefined || fault.nth === this.#met.get(fault))
  }

  async #hang(signal: AbortSignal | undefined): Promise<void> {
    const aborted = Promise.withResolvers<never>()
    const stop = (): void => aborted.reject(new SyncError('ABORTED', 'stopped', { cause: signal?.reason }))
    if (signal?.aborted === true) stop()
    signal?.addEventListener('abort', stop, { once: true })
    this.#hanging++
    try {
      await Promise.race([this.#held.promise, aborted.promise])
    } finally {
      this.#hanging--
      signal?.removeEventListener('abort', stop)
    }
  }
}

/** The same bytes but for the fault; one chunk is held back, as the last byte is known only at the end. */
function spoiled(stream: Readable, fault: Fault): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    let bytes = 0
    let last: Buffer = Buffer.alloc(0)
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (fault.with instanceof SyncError && bytes + last.length + chunk.length > (fault.afterBytes ?? 0)) {
        yield Buffer.concat([last, chunk]).subarray(0, (fault.afterBytes ?? 0) - bytes)
        throw fault.with
      }
      yield last
      bytes += last.length
      last = chunk
    }
    yield fault.with === 'truncate' ? last.subarray(0, -1) : fault.with === 'corrupt' ? flipped(last) : last
  }
  return Readable.from(nonEmpty(chunks()), { objectMode: false })
}

async function* nonEmpty(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) if (chunk.length > 0) yield chunk
}

function flipped(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk)
  const last = copy.at(-1)
  if (last !== undefined) copy[copy.length - 1] = last ^ 1
  return copy
}

/** A source whose size and checksums are those of the spoiled bytes: the inner provider must not notice. */
async function spoiledSource(source: ByteSource, fault: Fault, signal: AbortSignal): Promise<ByteSource> {
  const open = async (fromByte: number, during: AbortSignal): Promise<Readable> => {
    const left = fault.afterBytes === undefined ? fault : { ...fault, afterBytes: Math.max(0, fault.afterBytes - fromByte) }
    return spoiled(await source.open(fromByte, during), left)
  }
  const described = { modified: source.modified, open, assertUnchanged: async () => await source.assertUnchanged() }
  if (fault.with instanceof SyncError) {
    return { ...described, size: source.size, checksum: async (algorithm, during) => await source.checksum(algorithm, during) }
  }
  const bytes = Buffer.concat((await Array.fromAsync(await open(0, signal))) as Buffer[])
  const checksum = async (algorithm: ChecksumAlgorithm): Promise<string> =>
    await Promise.resolve(createHash(algorithm).update(bytes).digest('hex'))
  return { ...described, size: bytes.length, checksum }
}
