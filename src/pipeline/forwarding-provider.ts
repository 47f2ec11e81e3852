import type { Readable } from 'node:stream'

import type { RootedPath } from '../model/site.ts'
import {
  Provider,
  type ByteSource,
  type CallOptions,
  type ChecksumAlgorithm,
  type ProbeOptions,
  type RemoteFile,
  type Removed,
  type RemoveOptions,
  type StatOptions,
  type WriteOptions,
  type WriteSession,
} from '../providers/provider.ts'

/**
 * Another provider, as it is: whoever extends it changes one call and leaves the rest. Files are not opened directly and checksums are
 * asked for by `read`, so that all bytes come by what is changed.
 */
export abstract class ForwardingProvider extends Provider {
  override readonly checksumAlgorithm: ChecksumAlgorithm
  protected readonly inner: Provider

  constructor(inner: Provider) {
    super(inner.site)
    this.inner = inner
    this.checksumAlgorithm = inner.checksumAlgorithm
  }

  override async probe(options: ProbeOptions): Promise<void> {
    await this.inner.probe(options)
  }

  override async identify(root: string, options: CallOptions): Promise<string | undefined> {
    return await this.inner.identify(root, options)
  }

  override async stat(path: RootedPath, options: StatOptions): Promise<RemoteFile | undefined> {
    return await this.inner.stat(path, options)
  }

  override async read(path: RootedPath, options: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    return await this.inner.read(path, options)
  }

  override reserve(): WriteSession | undefined {
    return this.inner.reserve()
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    return await this.inner.write(path, source, options)
  }

  override async remove(path: RootedPath, options: RemoveOptions): Promise<Removed | undefined> {
    return await this.inner.remove(path, options)
  }

  override list(folder: RootedPath, options: CallOptions): AsyncIterable<RemoteFile & { readonly name: string }> {
    return this.inner.list(folder, options)
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.inner[Symbol.asyncDispose]()
  }
}
