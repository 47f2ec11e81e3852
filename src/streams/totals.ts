import type { Collection, Document } from 'mongodb'

import { isWhole } from './listing-filter.ts'

/** How many representations there are, and of how many all is there. */
export interface Totals {
  readonly representations: number
  readonly whole: number
  /** By a sample: the collection is too large to be counted. */
  readonly estimated: boolean
}

/** Collections of more documents are not counted, but estimated. */
const MOST_COUNTED = 10_000
/** Documents of a sample: less than a twentieth of the collection, for the server to pick them without reading the others. */
const SAMPLE = 400
const MOST_MS = 3_000
const ESTIMATE_GOOD_MS = 300_000

interface Share {
  readonly representations: number
  readonly whole: number
  readonly until: number
}

/** Counts at a bounded cost: a collection of a million documents costs as much as one of ten thousand. */
export class TotalsReader {
  readonly #shares = new WeakMap<object, Map<string, Share>>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** `scope`: what the sites hold for; another one is asked about anew. */
  async read(collection: Collection, sites: readonly string[], scope: object, signal: AbortSignal): Promise<Totals> {
    const documents = await collection.estimatedDocumentCount({ maxTimeMS: MOST_MS })
    if (documents <= MOST_COUNTED) return { ...(await count(collection, [], sites, signal)), estimated: false }
    const shares = this.#shares.get(scope) ?? new Map<string, Share>()
    this.#shares.set(scope, shares)
    let share = shares.get(collection.collectionName)
    if (!share || this.#now() >= share.until) {
      share = { ...(await count(collection, [{ $sample: { size: SAMPLE } }], sites, signal)), until: this.#now() + ESTIMATE_GOOD_MS }
      shares.set(collection.collectionName, share)
    }
    const scaled = (n: number): number => Math.round((documents * n) / SAMPLE)
    return { representations: scaled(share.representations), whole: scaled(share.whole), estimated: true }
  }
}

async function count(
  collection: Collection,
  first: readonly Document[],
  sites: readonly string[],
  signal: AbortSignal,
): Promise<Omit<Totals, 'estimated'>> {
  const whole = { $sum: { $cond: [isWhole({ sites }), 1, 0] } }
  const pipeline = [...first, { $match: { type: 'representation' } }, { $group: { _id: null, representations: { $sum: 1 }, whole } }]
  const [found] = await collection.aggregate<{ representations: number; whole: number }>(pipeline, { maxTimeMS: MOST_MS, signal }).toArray()
  return { representations: found?.representations ?? 0, whole: found?.whole ?? 0 }
}
