import { toSyncError, type SyncError } from '../errors.ts'
import type { Site } from '../model/site.ts'
import { rootKey, sourcesIn, type Transfer } from '../model/transfer.ts'
import type { Operation } from '../providers/provider.ts'
import type { Clock } from './clock.ts'

export interface RootHealthParts {
  readonly clock: Clock
  /** Does the operation work at these roots of a site? Rejects with what is wrong. */
  readonly probe: (site: Site, operation: Operation, roots: readonly string[]) => Promise<void>
  readonly events: {
    down(site: string, root: string, error: SyncError): void
    up(site: string, root: string, forMs: number): void
  }
}

interface Down {
  readonly site: Site
  readonly root: string
  readonly since: number
  error: SyncError
  cancel: () => void
}

/** How long a root is left alone; looking for it costs little. Milliseconds. */
const [FIRST_MS, MAX_MS] = [1_000, 10_000]

/**
 * Leaves one root of a site alone while it is missing and others of the site are there: a share that is not mounted, say. What is to be
 * read from it or written to it waits without an attempt, and the site goes on. It is looked for again and again.
 *
 * A site whose roots are all missing is in trouble as a whole (`site-breaker.ts`).
 */
export class RootHealth {
  readonly #parts: RootHealthParts
  readonly #down = new Map<string, Down>()
  #closed = false

  constructor(parts: RootHealthParts) {
    this.#parts = parts
  }

  isDown(site: string, root: string): boolean {
    return this.#down.has(rootKey(site, root))
  }

  /** Would a transfer only fail? */
  holdsBack({ route }: Transfer): boolean {
    if (this.#down.size === 0 || 'error' in route) return false
    if (this.isDown(route.targetSite.name, route.target.root)) return true
    return sourcesIn(route).every(({ sourceSite, source }) => this.isDown(sourceSite.name, source.root))
  }

  /** Why roots of a site are left alone. */
  faultsAt(site: string): readonly SyncError[] {
    return [...this.#down.values()].filter((down) => down.site.name === site).map(({ error }) => error)
  }

  /** As the provider's, but for roots that are missing while others are there. */
  async probe(site: Site, operation: Operation): Promise<void> {
    for (;;) {
      const roots = this.#present(site)
      try {
        return await this.#parts.probe(site, operation, roots)
      } catch (thrown) {
        const error = toSyncError(thrown)
        if (error.code === 'ROOT_MISSING') await this.sift(site)
        if (this.#present(site).length === roots.length) throw error
      }
    }
  }

  /** A root of this site is missing: finds out which are, and leaves them alone if others are there. */
  async sift(site: Site): Promise<void> {
    const roots = this.#present(site)
    if (roots.length < 2 || this.#closed) return
    const faults = await Promise.all(roots.map(async (root) => this.#faultOf(site, root)))
    if (faults.every((error) => error !== undefined)) return
    for (const [n, root] of roots.entries()) {
      const error = faults[n]
      if (error?.code === 'ROOT_MISSING' && !this.#closed && !this.isDown(site.name, root)) this.#leave(site, root, error)
    }
  }

  close(): void {
    this.#closed = true
    for (const { cancel } of this.#down.values()) cancel()
  }

  #present(site: Site): readonly string[] {
    const roots = typeof site.root === 'string' ? [site.root] : [...new Set(site.root.values())]
    return roots.filter((root) => !this.isDown(site.name, root))
  }

  async #faultOf(site: Site, root: string): Promise<SyncError | undefined> {
    return this.#parts.probe(site, 'read', [root]).then(() => undefined, toSyncError)
  }

  #leave(site: Site, root: string, error: SyncError): void {
    const down: Down = { site, root, since: this.#parts.clock.now(), error, cancel: () => undefined }
    this.#down.set(rootKey(site.name, root), down)
    this.#parts.events.down(site.name, root, error)
    this.#askLater(down, FIRST_MS)
  }

  #askLater(down: Down, ms: number): void {
    const { clock } = this.#parts
    down.cancel = clock.after(ms * (0.9 + 0.2 * clock.random()), () => void this.#ask(down, ms))
  }

  async #ask(down: Down, ms: number): Promise<void> {
    const { site, root, since } = down
    const error = await this.#faultOf(site, root)
    if (this.#closed) return
    if (error) {
      down.error = error
      this.#askLater(down, Math.min(MAX_MS, ms * 2))
      return
    }
    this.#down.delete(rootKey(site.name, root))
    this.#parts.events.up(site.name, root, this.#parts.clock.now() - since)
  }
}
