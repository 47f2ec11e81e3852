import { LRUCache } from 'lru-cache'

import { toSyncError, type SyncError } from '../errors.ts'
import type { DocumentRoots } from '../model/document-roots.ts'
import type { RootFacts } from '../model/root-facts.ts'
import type { Site } from '../model/site.ts'
import { assertLeadsNowhereElse } from './document-root.ts'
import type { Operation, Provider } from './provider.ts'
import { openProvider, type ProviderContext } from './registry.ts'

/** What must outlive the process for providers. */
export interface ProviderMemory {
  /** Was this root in use before? */
  wasSeen(rootKey: string): Promise<boolean>
  markSeen(rootKey: string): Promise<void>
  reserveFolderId(key: string, proposedId: string, spentId?: string): Promise<string>
  /** What a root of this machine was when files were last written to it, or read from it. */
  loadRoot(root: string): Promise<RootFacts | undefined>
  saveRoot(root: string, facts: RootFacts): Promise<void>
}

export interface ProviderPoolParts {
  readonly memory: ProviderMemory
  /** Sites that are read only: their roots are never created. */
  readonly isSource: (site: Site) => boolean
  readonly warn: (site: Site, message: string) => void
  /** Absolute paths of files that no provider may send, or write over. */
  readonly ownFiles?: readonly string[]
  /** Where roots may lie that documents name; undefined: anywhere. */
  readonly documentRoots?: DocumentRoots
  readonly open?: (site: Site, context: ProviderContext) => Promise<Provider>
}

interface Pooled {
  readonly provider: Provider
  readonly mayCreateRoot: boolean
}

const PROBE_MS = 30_000
/** Roots that come with documents are many; one that is not used for a while is closed. */
const MAX_OPEN = 200

/** Connected providers, each opened when first needed and shared from then on. */
export class ProviderPool implements AsyncDisposable {
  readonly #parts: ProviderPoolParts
  readonly #pooled = new LRUCache<string, Promise<Pooled>>({
    max: MAX_OPEN,
    dispose: (pooled, _key, reason) => void (reason === 'evict' && close(pooled)),
  })
  readonly #opened = new WeakMap<Promise<Pooled>, Provider>()
  /** Replaced while transfers used them, which go on with them; at most one a root that was new. */
  readonly #replaced: Promise<Pooled>[] = []

  constructor(parts: ProviderPoolParts) {
    this.#parts = parts
  }

  async get(site: Site): Promise<Provider> {
    return (await this.#pool(site)).provider
  }

  /** Undefined when it is not open. */
  opened(site: Site): Provider | undefined {
    const pooled = this.#pooled.get(keyOf(site))
    return pooled && this.#opened.get(pooled)
  }

  /** Rejects with what the site is in trouble with; one that does not answer in time is. */
  async probe(site: Site, operation: Operation, roots: readonly string[]): Promise<void> {
    const provider = await this.get(site)
    await provider.probe({ signal: AbortSignal.timeout(PROBE_MS), operation, roots })
  }

  /** Can the site be used at all: is there such a provider, can its credentials be read? */
  async mistakeOf(site: Site): Promise<SyncError | undefined> {
    try {
      await this.get(site)
      return undefined
    } catch (thrown) {
      const error = toSyncError(thrown)
      // Nobody's mistake: it shows when the site is used.
      return error.kind === 'stop' ? undefined : error
    }
  }

  /** A file arrived: from now on a root that is missing is unmounted, not new. */
  async arrived(site: Site): Promise<void> {
    const key = keyOf(site)
    const pooled = this.#pooled.get(key)
    if (pooled === undefined || !(await pooled).mayCreateRoot) return
    await this.#parts.memory.markSeen(key)
    if (this.#pooled.peek(key) !== pooled) return
    this.#pooled.delete(key)
    this.#replaced.push(pooled)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#pooled.values(), ...this.#replaced]
    this.#pooled.clear()
    await Promise.allSettled(open.map(close))
  }

  async #pool(site: Site): Promise<Pooled> {
    const key = keyOf(site)
    const known = this.#pooled.get(key)
    if (known) return known
    const pooled = this.#open(site, key)
    this.#pooled.set(key, pooled)
    try {
      const opened = await pooled
      this.#opened.set(pooled, opened.provider)
      return opened
    } catch (error) {
      // Asked again, it may have been mended.
      if (this.#pooled.get(key) === pooled) this.#pooled.delete(key)
      throw error
    }
  }

  async #open(site: Site, key: string): Promise<Pooled> {
    const { memory, isSource, warn, ownFiles, documentRoots, open = openProvider } = this.#parts
    const mayCreateRoot = !isSource(site) && !(await memory.wasSeen(key))
    const provider = await open(site, {
      mayCreateRoot,
      warn: (message) => warn(site, message),
      ...(ownFiles && { ownFiles }),
      ...(site.declared === false &&
        documentRoots && { assertRoot: async (root, real) => assertLeadsNowhereElse(root, real, documentRoots) }),
      rootMemory: { load: async (root) => memory.loadRoot(root), save: async (root, facts) => memory.saveRoot(root, facts) },
      reserveFolderId: async (folder, ...ids) => memory.reserveFolderId(`${site.name}\0${folder}`, ...ids),
    })
    return { provider, mayCreateRoot }
  }
}

function keyOf({ name, provider, root, credentialsFile, apiEndpoint }: Site): string {
  return JSON.stringify([name, provider, typeof root === 'string' ? root : [...root], credentialsFile, apiEndpoint])
}

async function close(pooled: Promise<Pooled>): Promise<void> {
  try {
    await (await pooled).provider[Symbol.asyncDispose]()
  } catch {
    // It was never open.
  }
}
