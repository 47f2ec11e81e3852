import { Readable } from 'node:stream'

import { SyncError } from '../errors.ts'
import type { RootedPath } from '../model/site.ts'
import type { ByteSource, CallOptions, Provider, RemoteFile, WriteOptions } from '../providers/provider.ts'
import { ForwardingProvider } from './forwarding-provider.ts'
import type { Line } from './line.ts'

/** Any site, with all bytes that go there or come from there held to what its line bears. Small questions are free. */
export class ThrottledProvider extends ForwardingProvider {
  readonly #line: Line

  constructor(inner: Provider, line: Line) {
    super(inner)
    this.#line = line
  }

  override async identify(root: string, options: CallOptions): Promise<string | undefined> {
    return this.inner.identify(root, options)
  }

  override async read(path: RootedPath, options: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    return held(await this.inner.read(path, options), this.#line, options.signal)
  }

  // No `openFile`: what the file system copies by itself goes at its own pace.

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    return this.inner.write(path, heldSource(source, this.#line), options)
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
