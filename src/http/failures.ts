import { LRUCache } from 'lru-cache'

import { atMost } from '../model/at-most.ts'

/** Requests a minute of one address that may lack the right to what they ask for; what comes beyond is not looked at. */
const MOST = 30
const WINDOW_MS = 60_000
const MAX_ADDRESSES = 10_000

/** Counts the failures of each address. */
export class Failures {
  readonly #counts = new LRUCache<string, { count: number }>({ ...atMost(MAX_ADDRESSES), ttl: WINDOW_MS })

  /** One more. Gives the seconds to stay away where there were too many. */
  add(address: string): number | undefined {
    const known = this.#counts.get(address)
    if (!known) {
      this.#counts.set(address, { count: 1 })
      return undefined
    }
    known.count++
    return known.count > MOST ? Math.ceil(this.#counts.getRemainingTTL(address) / 1_000) : undefined
  }
}
