import { once } from 'node:events'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

import { SyncError } from '../../src/errors.ts'
import type { RootedPath } from '../../src/model/site.ts'
import { ForwardingProvider } from '../../src/pipeline/forwarding-provider.ts'
import type { ByteSource, CallOptions, ChecksumAlgorithm, Provider, RemoteFile, WriteOptions } from '../../src/providers/provider.ts'
import type { CrashPoint, InstancePlan, PointReached, SourceOpened } from './crash-point.ts'

let reached = 0
const go = once(process, 'message')

/** Any provider, in a process that dies, waits or dawdles by plan while a file is written to it. */
export class CrashingProvider extends ForwardingProvider {
  readonly #plan: InstancePlan
  readonly #written = new Set<string>()

  constructor(inner: Provider, plan: InstancePlan) {
    super(inner)
    this.#plan = plan
  }

  override async write(path: RootedPath, source: ByteSource, options: WriteOptions): Promise<RemoteFile> {
    const { signal } = options
    await this.#come('before-upload', path, signal)
    let last: Promise<void> | undefined
    const onProgress = (bytes: number): void => {
      options.onProgress(bytes)
      if (bytes !== source.size || last) return
      last = this.#come('after-last-byte', path, signal)
      last.catch(() => undefined)
    }
    const open: ByteSource['open'] = async (fromByte, during, how) => {
      process.send?.({ path: path.path, fromByte } satisfies SourceOpened)
      return Readable.from(this.#pieces(path, fromByte, await source.open(fromByte, during, how), during), { objectMode: false })
    }
    const assertUnchanged = async (): Promise<void> => {
      await last
      await source.assertUnchanged()
    }
    const checksum = async (algorithm: ChecksumAlgorithm, during: AbortSignal): Promise<string> => {
      await last
      return await source.checksum(algorithm, during)
    }
    const { size, modified, version } = source
    const learn: ByteSource['learn'] = (algorithm, value) => source.learn?.(algorithm, value)
    const watched = { size, modified, ...(version !== undefined && { version }), open, learn, assertUnchanged, checksum }
    const file = await this.inner.write(path, watched, { ...options, onProgress })
    await this.#come('after-upload', path, signal)
    this.#written.add(path.path)
    return file
  }

  override async checksum(path: RootedPath, file: RemoteFile, options: CallOptions): Promise<string> {
    const value = await this.inner.checksum(path, file, options)
    if (this.#written.has(path.path)) await this.#come('before-write-back', path, options.signal)
    return value
  }

  async *#pieces(path: RootedPath, fromByte: number, stream: Readable, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { crash, bytesPerSecond } = this.#plan
    let at = fromByte
    let isPassed = false
    for await (const piece of stream as AsyncIterable<Buffer>) {
      at += piece.length
      yield piece
      if (bytesPerSecond !== undefined) await delay((piece.length / bytesPerSecond) * 1_000, undefined, { signal })
      if (isPassed || at < (crash?.bytes ?? 0)) continue
      isPassed = true
      await this.#come('mid-upload', path, signal)
    }
  }

  /** A transfer comes by a point of the plan. */
  async #come(point: CrashPoint, { path }: RootedPath, signal: AbortSignal): Promise<void> {
    const { crash } = this.#plan
    if (crash?.at !== point || !path.includes(crash.path ?? '')) return
    process.send?.({ point, path } satisfies PointReached)
    if (crash.action === 'kill' && ++reached >= (crash.transfers ?? 1)) process.kill(process.pid, 'SIGKILL')
    // Between its last look at the signal and its write nothing stops a transfer but the server.
    if (point === 'before-write-back') return void (await go)
    const aborted = Promise.withResolvers<never>()
    signal.addEventListener('abort', () => aborted.reject(new SyncError('ABORTED', 'stopped')), { once: true })
    aborted.promise.catch(() => undefined)
    await Promise.race([go, aborted.promise])
  }
}
