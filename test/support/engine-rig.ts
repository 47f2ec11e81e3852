import { Subject } from 'rxjs'

import { Engine } from '../../src/service/engine.ts'
import { idText, type RepresentationDocument } from '../../src/model/document.ts'
import type { RecordResult, WriteResult } from '../../src/model/record-result.ts'
import type { Settings } from '../../src/model/settings.ts'
import type { RecordAddress } from '../../src/model/transfer.ts'
import type { Settled } from '../../src/pipeline/contracts.ts'
import type { Hint } from '../../src/pipeline/planner.ts'
import { ProviderPool } from '../../src/providers/provider-pool.ts'
import { FakeClock, settle } from './fake-clock.ts'
import { MemoryClaims } from './memory-claims.ts'
import { MemoryProvider, type MemoryCall } from './memory-provider.ts'
import { siteOf, sitesOf } from './model-samples.ts'
import { RecordingLog } from './recording-log.ts'

type ArrayFile = { readonly _id: unknown; readonly path: string; readonly sites: Record<string, unknown>[] }

/** Documents in memory, of project PRJ and array shape. */
class MemoryDocuments {
  readonly #documents = new Map<string, RepresentationDocument>()
  readonly #clock: FakeClock
  /** Rejects the writes of so many results. */
  failsWrites = 0

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  put(document: RepresentationDocument): void {
    this.#documents.set(idText(document._id), document)
  }

  all(): readonly RepresentationDocument[] {
    return structuredClone([...this.#documents.values()])
  }

  record(id: unknown, site = 'gdrive', file = 0): Record<string, unknown> | undefined {
    const files = this.#documents.get(idText(id))?.files as readonly ArrayFile[] | undefined
    return files?.[file]?.sites.find(({ name }) => name === site)
  }

  read(ids: readonly unknown[]): readonly RepresentationDocument[] {
    return structuredClone(ids.map((id) => this.#documents.get(idText(id))).filter((document) => document !== undefined))
  }

  async write({ address, result }: { readonly address: RecordAddress; readonly result: RecordResult }): Promise<WriteResult> {
    await Promise.resolve()
    if (this.failsWrites-- > 0) throw new Error('no primary')
    const record = this.#find(address)
    if (!record) return { kind: 'gone', what: 'skeleton' }
    const fields = ['created_dt', 'error', 'tries', 'last_failed_dt', 'id'] as const
    if (fields.some((field) => String(record[field]) !== String(address.snapshot[field]))) return { kind: 'rewritten' }
    if (result.kind === 'synced') {
      for (const field of ['error', 'tries', 'last_failed_dt']) delete record[field]
      Object.assign(record, { id: result.id, created_dt: this.#clock.wallTime() })
    }
    if (result.kind === 'failed' || result.kind === 'site-trouble') record['error'] = result.error
    if (result.kind === 'failed') {
      record['tries'] = Number(address.snapshot.tries ?? 0) + 1
      record['last_failed_dt'] = this.#clock.wallTime()
    }
    return { kind: 'written' }
  }

  #find({ representationId, path, site }: RecordAddress): Record<string, unknown> | undefined {
    const files = this.#documents.get(idText(representationId))?.files as readonly ArrayFile[] | undefined
    return files?.find((file) => file.path === path)?.sites.find(({ name }) => name === site)
  }
}

export interface EngineRigOptions {
  readonly limit?: number
  /** Awaited before each call of each site. */
  readonly gate?: (site: string, call: MemoryCall) => Promise<void> | void
}

/** The pipeline as the service puts it together, on documents, leases and sites in memory. */
export class EngineRig {
  readonly clock = new FakeClock()
  readonly log = new RecordingLog()
  readonly claims = new MemoryClaims(this.clock)
  readonly documents = new MemoryDocuments(this.clock)
  readonly settled: Settled[] = []
  readonly sites: Readonly<Record<'studio' | 'gdrive' | 'nas', MemoryProvider>>
  readonly engine: Engine
  isComplete = false
  error: unknown
  readonly #changes = new Subject<Hint>()

  constructor({ limit = 2, gate }: EngineRigOptions = {}) {
    const provider = (name: string): MemoryProvider =>
      new MemoryProvider(siteOf(name), { chunkBytes: 4, ...(gate && { gate: (call: MemoryCall) => gate(name, call) }) })
    this.sites = { studio: provider('studio'), gdrive: provider('gdrive'), nas: provider('nas') }
    this.engine = new Engine({
      settings: settingsOf(limit),
      log: this.log,
      clock: this.clock,
      isRepeated: false,
      retry: { retries: 1, minTimeout: 0, maxTimeout: 0 },
      claims: this.claims,
      slots: { acquire: async () => Promise.resolve(true), renew: async () => {}, release: async () => {} },
      records: this.documents,
      reader: {
        read: async (_project, ids) => Promise.resolve(this.documents.read(ids)),
        readFile: async (_project, { representationId }) => Promise.resolve(this.documents.read([representationId])[0]),
      },
      providers: new ProviderPool({
        memory: {
          wasSeen: async () => Promise.resolve(true),
          markSeen: async () => {},
          reserveFolderId: async (_key, id) => Promise.resolve(id),

          loadRoot: async () => Promise.resolve(undefined),
          saveRoot: async () => {},
        },
        isSource: () => false,
        warn: () => undefined,
        open: async ({ name }) => Promise.resolve(this.sites[name as 'gdrive']),
      }),
      misconfigured: new Map(),
      samePlaces: new Map(),
      pages: (request) => this.#pages(request.sites),
      serverTime: async () => Promise.resolve(this.clock.wallTime()),
      changes$: this.#changes,
      healthChanged: () => undefined,
      left: () => undefined,
    })
    this.engine.settled$.subscribe({
      next: (settled) => this.settled.push(settled),
      error: (error: unknown) => (this.error = error),
      complete: () => (this.isComplete = true),
    })
  }

  changed(representationId: unknown): void {
    this.#changes.next({ project: 'PRJ', representationId, occasion: {} })
  }

  scan(): void {
    this.engine.scan({ reason: 'interval', regular: true })
  }

  stop(): void {
    this.engine.stop()
  }

  /** Lets everything happen until the condition holds. */
  async until(isSo: () => boolean): Promise<void> {
    for (let turns = 0; !isSo(); turns++) {
      if (turns > 5_000) throw new Error(`it never came to be; so far: ${this.log.actions.join(', ')}`)
      await settle()
    }
  }

  async idle(): Promise<void> {
    await settle()
    await this.until(() => this.engine.isIdle)
    await settle()
  }

  /** The same, for work that needs time to pass. */
  async idleInTime(): Promise<void> {
    for (let minutes = 0; minutes < 60; minutes++) {
      await this.clock.advance(60_000)
      if (this.engine.isIdle) return
    }
    throw new Error(`it is still at work: ${this.log.actions.join(', ')}`)
  }

  async *#pages(sites: ReadonlySet<string> | undefined) {
    const wanted = (document: RepresentationDocument): boolean => !sites || JSON.stringify(document).includes([...sites][0] ?? '')
    await Promise.resolve()
    yield { project: 'PRJ', documents: this.documents.all().filter(wanted) }
  }
}

function settingsOf(concurrency: number): Settings {
  return {
    localId: 'local_0',
    publishSite: 'studio',
    remoteSite: 'gdrive',
    retryCount: 3,
    loopDelaySeconds: 60,
    leaseSeconds: 30,
    shutdownGraceSeconds: 10,
    indexes: 'off',
    writeProgress: false,
    mongo: { uri: 'mongodb://127.0.0.1', database: 'avalon', stateDatabase: 'site_sync' },
    sites: sitesOf(siteOf('studio', { concurrency }), siteOf('gdrive', { concurrency }), siteOf('nas', { concurrency })),
    projects: { include: ['*'], exclude: [], overrides: new Map() },
  }
}
