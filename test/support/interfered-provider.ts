import { Readable } from 'node:stream'

import type { RootedPath } from '../../src/model/site.ts'
import { ForwardingProvider } from '../../src/pipeline/forwarding-provider.ts'
import type { ByteSource, CallOptions, Operation, ProbeOptions, Provider, RemoteFile, WriteOptions } from '../../src/providers/provider.ts'

type Hook = (path: RootedPath) => Promise<void> | void

/** What happens at certain moments of a provider's work; what a hook throws is what the call fails with. */
export interface Interference {
  readonly beforeProbe?: (operation: Operation) => Promise<void> | void
  readonly beforeStat?: Hook
  readonly beforeRead?: Hook
  /** When the first bytes have come. */
  readonly duringRead?: Hook
  /** Each time bytes have come; `at` is the offset behind them. */
  readonly afterChunk?: (path: RootedPath, at: number, bytes: number) => Promise<void> | void
  readonly beforeWrite?: Hook
}

/** A provider that works as another one does, while something else happens. Its files can't be cloned, so their bytes are read. */
export class InterferedProvider extends ForwardingProvider {
  readonly #hooks: Interference

  constructor(inner: Provider, hooks: Interference) {
    super(inner)
    this.#hooks = hooks
  }

  override async probe(options: ProbeOptions): Promise<void> {
    await this.#hooks.beforeProbe?.(options.operation ?? 'write')
    await this.inner.probe(options)
  }

  override async stat(path: RootedPath, options: CallOptions): Promise<RemoteFile | undefined> {
    await this.#hooks.beforeStat?.(path)
    return await this.inner.stat(path, options)
  }

  override async read(path: RootedPath, options: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    await this.#hooks.beforeRead?.(path)
    const stream = await this.inner.read(path, options)
    const { duringRead, afterChunk } = this.#hooks
    if (duringRead === undefined && afterChunk === undefined) return stream
    const hook = async (at: number, bytes: number, isFirst: boolean): Promise<void> => {
      if (isFirst) await duringRead?.(path)
      await afterChunk?.(path, at, bytes)
    }
    return Readable.from(interrupted(stream, options.fromByte ?? 0, hook), { objectMode: false })
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    await this.#hooks.beforeWrite?.(path)
    return await this.inner.write(path, source, options)
  }
}

async function* interrupted(
  stream: Readable,
  fromByte: number,
  hook: (at: number, bytes: number, isFirst: boolean) => Promise<void>,
): AsyncGenerator<Buffer> {
  let at = fromByte
  let isFirst = true
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    yield chunk
    at += chunk.length
    await hook(at, chunk.length, isFirst)
    isFirst = false
  }
}
