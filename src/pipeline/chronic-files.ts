import { LRUCache } from 'lru-cache'

import type { Outcome } from '../model/outcome.ts'
import { TRANSIENT_TROUBLES_OF_A_FILE } from '../model/retry-policy.ts'
import type { Held } from './contracts.ts'

interface Trouble {
  readonly times: number
  /** How often the site had served others by then. */
  readonly served: number
}

/**
 * Remembers which files run into trouble again and again while their site serves others. Such a file is in trouble itself; without
 * this memory it would cool its site down for ever and never spend a try.
 */
export class ChronicFiles {
  readonly #troubles = new LRUCache<string, Trouble>({ max: 10_000 })
  readonly #served = new Map<string, number>()

  isChronic({ transfer: { key, site } }: Held): boolean {
    const trouble = this.#troubles.get(key)
    return trouble !== undefined && trouble.times + 1 >= TRANSIENT_TROUBLES_OF_A_FILE && (this.#served.get(site) ?? 0) > trouble.served
  }

  note({ transfer: { key, site } }: Held, outcome: Outcome): void {
    const served = this.#served.get(site) ?? 0
    if (outcome.kind === 'site-trouble') this.#troubles.set(key, { times: (this.#troubles.get(key)?.times ?? 0) + 1, served })
    else this.#troubles.delete(key)
    if (outcome.kind === 'synced') this.#served.set(site, served + 1)
  }
}
