import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

import type { RootedPath, Site } from '../../src/model/site.ts'
import { Provider, type ByteSource, type CallOptions, type RemoteFile, type WriteOptions } from '../../src/providers/provider.ts'

/** What every file of these sites holds. */
const CONTENT = Buffer.alloc(1024, 'x')
const CHECKSUM = { algorithm: 'sha256', value: createHash('sha256').update(CONTENT).digest('hex') } as const

/** How a site bears writing: at once, slowly, or never. */
export type Pace = 'source' | 'fast' | 'slow' | 'stuck'

const SLOW_MS = 200

/** A site that keeps nothing, so that what a process holds is the service's own. */
export class BacklogSite extends Provider {
  override readonly checksumAlgorithm = 'sha256'
  readonly #pace: Pace

  constructor(site: Site, pace: Pace) {
    super(site)
    this.#pace = pace
  }

  override async probe(): Promise<void> {}

  override async stat({ path }: RootedPath): Promise<RemoteFile | undefined> {
    return this.#pace === 'source' ? { id: path, size: CONTENT.length, modified: new Date(0), checksum: CHECKSUM } : undefined
  }

  override async read(_path: RootedPath, { fromByte = 0 }: CallOptions & { readonly fromByte?: number }): Promise<Readable> {
    return Readable.from([CONTENT.subarray(fromByte)])
  }

  override async write({ path }: RootedPath, source: ByteSource, { signal }: WriteOptions): Promise<RemoteFile> {
    if (this.#pace === 'slow') await delay(SLOW_MS, undefined, { signal })
    if (this.#pace === 'stuck') {
      await once(signal, 'abort')
      throw signal.reason
    }
    for await (const chunk of await source.open(0, signal)) void chunk
    return { id: path, size: CONTENT.length, checksum: CHECKSUM }
  }

  override async remove(): Promise<undefined> {}

  override async *list(): AsyncGenerator<RemoteFile & { readonly name: string }> {}
}
