import type { SyncError } from '../../src/errors.ts'
import type { Site } from '../../src/model/site.ts'
import type { Provider } from '../../src/providers/provider.ts'
import { ChaosProvider, type Fault } from './chaos-provider.ts'
import { MemoryProvider, MemoryStore, type MemoryCall, type MemoryVerb } from './memory-provider.ts'

/** A site in memory that outlives its providers: it counts what it is asked for, and holds back or spoils it. */
export class SpiedSite {
  readonly store = new MemoryStore()
  /** Paths of all writes, in the order of their beginning. */
  readonly uploads: string[] = []
  /** Calls that no planned fault stopped. */
  readonly calls: Record<MemoryVerb, number> = { probe: 0, stat: 0, read: 0, write: 0, chunk: 0, remove: 0, list: 0 }
  /** Writes under way now, and the most there were at once. */
  readonly writes = { now: 0, peak: 0 }
  /** Bytes a piece of a write. */
  chunkBytes = 262_144
  /** Awaited before each call and each piece of a write. */
  gate: ((call: MemoryCall) => Promise<void> | void) | undefined
  readonly #faults: Fault[] = []
  readonly #providers: SpiedProvider[] = []
  readonly #inner: MemoryProvider[] = []
  #held: PromiseWithResolvers<void> | undefined

  open(site: Site): Provider {
    const gate = async (call: MemoryCall): Promise<void> => await this.#enter(call)
    const inner = new MemoryProvider(site, { store: this.store, chunkBytes: this.chunkBytes, gate })
    const provider = new SpiedProvider(inner, this.#faults, this)
    this.#inner.push(inner)
    this.#providers.push(provider)
    return provider
  }

  get bytesWritten(): number {
    return this.#inner.reduce((sum, { bytes }) => sum + bytes.written, 0)
  }

  /** Goes wrong so from now on, for the providers that are open as well. */
  fail(...faults: readonly Fault[]): void {
    this.#faults.push(...faults)
    for (const provider of this.#providers) provider.add(...faults)
  }

  /** Every write fails so; with `path`, only those whose path ends so. */
  failWrites(error: SyncError, path = ''): void {
    this.fail({ verb: 'write', with: error, path })
  }

  calm(): void {
    this.#faults.length = 0
    for (const provider of this.#providers) provider.calm()
  }

  /** Writes wait (after the file was announced, before its first byte) until `release()`. */
  hold(): void {
    this.#held ??= Promise.withResolvers<void>()
  }

  release(): void {
    this.#held?.resolve()
    this.#held = undefined
  }

  async #enter(call: MemoryCall): Promise<void> {
    this.calls[call.verb]++
    if (call.verb === 'write') await this.#held?.promise
    await this.gate?.(call)
  }
}

class SpiedProvider extends ChaosProvider {
  readonly #spy: SpiedSite

  constructor(inner: Provider, plan: readonly Fault[], spy: SpiedSite) {
    super(inner, plan)
    this.#spy = spy
  }

  override async write(...args: Parameters<Provider['write']>): ReturnType<Provider['write']> {
    const [{ root, path }] = args
    const { writes, uploads } = this.#spy
    uploads.push(`${root}/${path}`)
    writes.peak = Math.max(writes.peak, ++writes.now)
    try {
      return await super.write(...args)
    } finally {
      writes.now--
    }
  }
}
