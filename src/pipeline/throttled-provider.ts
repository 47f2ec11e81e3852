import { Readable } from 'node:stream'

import { SyncError } from '../errors.ts'
import type { RootedPath } from '../model/site.ts'
import {
  Provider,
  type ByteSource,
  type CallOptions,
  type ChecksumAlgorithm,
  type ProbeOptions,
  type RemoteFile,
  type StatOptions,
  type WriteOptions,
} from '../providers/provider.ts'
import type { Line } from './line.ts'

/** Any site, with all bytes that go there or come from there held to what its line bears. Small questions are free. */
export class ThrottledProvider extends Provider {
  override readonly checksumAlgorithm: ChecksumAlgorithm
  readonly #inner: Provider
  readonly #line: Line

  constructor(inner: Provider, line: Line) {
    super(inner.site)
    this.#inner = inner
    this.#line = line
    this.checksumAlgorithm = inner.checksumAlgorithm
  }

  override async probe(options: ProbeOptions): Promise<void> {
    await this.#inner.probe(options)
  }

  override async identify(root: string, options: CallOptions): Promise<string | undefined> {
    return this.#inner.identify(root, options)
  }

  override async stat(path: RootedPath, options: StatOptions): Promise<RemoteFile | undefined> {
    return this.#inner.stat(path, options)
  }

  override async read(path: RootedPath, options: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    return held(await this.#inner.read(path, options), this.#line, options.signal)
  }

  // No `openFile`: what the file system copies by itself goes at its own pace.

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    return this.#inner.write(path, heldSource(source, this.#line), options)
  }

  override async remove(path: RootedPath, options: CallOptions): Promise<void> {
    await this.#inner.remove(path, options)
  }

  override list(folder: RootedPath, options: CallOptions): AsyncIterable<RemoteFile & { readonly name: string }> {
    return this.#inner.list(folder, options)
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }
}

/** The same source, whose bytes come no faster than the line of the target bears, and never past it. */
function heldSource(source: ByteSource, line: Line): ByteSource {
  return {
    ...source,
    open: async (fromByte, signal, options) => held(await source.open(fromByte, signal, options), line, signal),
    openFile: async () => Promise.resolve(undefined),
  }
}

function held(stream: Readable, line: Line, signal: AbortSignal): Readable {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  const slow = Readable.from(pieces(stream, line, either), { objectMode: false, highWaterMark: 1 })
  // Whoever destroys it waits for nothing.
  slow.once('close', () => {
    over.abort()
    stream.destroy()
  })
  return slow
}

async function* pieces(stream: Readable, line: Line, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let at = 0, size = line.piece; at < chunk.length; at += size, size = line.piece) {
      const piece = chunk.subarray(at, at + size)
      await line.take(piece.length, signal)
      if (signal.aborted) throw new SyncError('ABORTED', 'stopped', { cause: signal.reason })
      yield piece
    }
  }
}
