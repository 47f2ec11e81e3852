import { LRUCache } from 'lru-cache'

import type { Clock } from './clock.ts'
import type { DriveApi } from './drive-api.ts'
import { SingleFlight } from './single-flight.ts'
import { nameKey } from './item.ts'
import type { FolderRef, Item } from './item.ts'
import { RareSpellings } from './rare-spellings.ts'

interface Listing {
  readonly byName: Map<string, Map<string, Item>>
  /** When Drive was asked; what happened there since is not in it, but for our own doing. */
  readonly asOf: number
  readonly freshUntil: number
  /** Too many to hold: names are asked for one by one, and only our own doing is kept here. */
  readonly large: boolean
}

export interface Found {
  readonly items: readonly Item[]
  /** Drive was asked for this very answer. */
  readonly fresh: boolean
}

export interface ListingsOptions {
  /** Folders with more children than this are not listed but asked for each name. */
  readonly largeFolder: number
  /** How long a listing serves at most, in milliseconds. */
  readonly maxMs: number
}

/** So much more time than a listing took to fetch may pass before it is fetched again. */
const WORTH = 20
const SHORTEST_MS = 2000
const LARGE_MS = 600_000
/** Children held in all; the least used listings go first. */
const HELD = 200_000

/**
 * What is in which folder, for a short time: asking once for all names of a folder is what makes one request a file possible.
 * Kept current by our own changes; what others do is seen when the listing is renewed.
 */
export class FolderCache {
  readonly #api: DriveApi
  readonly #clock: Clock
  readonly #options: ListingsOptions
  readonly #cache = new LRUCache<string, Listing>({ maxSize: HELD, sizeCalculation: (listing) => listing.byName.size + 1 })
  readonly #flights = new SingleFlight<Listing>()
  readonly #rare: RareSpellings
  /** Our own changes while a listing is on its way, which it may have missed. */
  readonly #meanwhile = new Map<string, Map<string, { readonly name: string; readonly item: Item | undefined }>>()

  constructor(api: DriveApi, clock: Clock, options: ListingsOptions) {
    this.#api = api
    this.#clock = clock
    this.#rare = new RareSpellings(api, clock)
    this.#options = options
  }

  /** All items of that name, in no order. `since`: the answer must not be older than that. */
  async find(folder: FolderRef, name: string, signal: AbortSignal, since = 0): Promise<Found> {
    let listing = this.#cache.get(folder.id)
    const now = this.#clock.now()
    let fetched = false
    const fetch = async (): Promise<Listing> =>
      await this.#flights.join(folder.id, signal, async (shared) => {
        fetched = true
        return await this.#fetch(folder, shared)
      })
    if (listing === undefined || now >= listing.freshUntil || (listing.asOf < since && !listing.large)) listing = await fetch()
    // One that was on its way already may be older than the question.
    if (listing.asOf < Math.min(since, now) && !listing.large) listing = await fetch()
    const own = [...(listing.byName.get(nameKey(name))?.values() ?? [])]
    if (!listing.large) return { items: own, fresh: fetched }
    const asked = await this.#ask(folder, name, signal)
    const rare = await this.#rare.find(folder, name, signal)
    const all = new Map([...rare, ...asked, ...own].map((item) => [item.id, item]))
    return { items: [...all.values()], fresh: own.length === 0 && all.size === asked.length }
  }

  /** An item that we created or changed. */
  put(folderId: string, item: Item): void {
    this.#meanwhile.get(folderId)?.set(item.id, { name: item.name, item })
    const listing = this.#cache.get(folderId)
    if (listing === undefined) return
    insert(listing, item)
    this.#cache.set(folderId, listing)
  }

  /** An item that is no longer there. */
  remove(folderId: string, { id, name }: Pick<Item, 'id' | 'name'>): void {
    this.#meanwhile.get(folderId)?.set(id, { name, item: undefined })
    const listing = this.#cache.get(folderId)
    listing?.byName.get(nameKey(name))?.delete(id)
    this.#rare.remove(folderId, { id, name })
  }

  /** A folder that we have just created. */
  startEmpty(folderId: string): void {
    const now = this.#clock.now()
    if (!this.#cache.has(folderId)) {
      this.#cache.set(folderId, { byName: new Map(), asOf: now, freshUntil: now + this.#options.maxMs, large: false })
    }
  }

  forget(folderId: string): void {
    this.#cache.delete(folderId)
    this.#rare.forget(folderId)
  }

  clear(): void {
    this.#cache.clear()
    this.#rare.clear()
  }

  async #fetch(folder: FolderRef, signal: AbortSignal): Promise<Listing> {
    const asOf = this.#clock.now()
    const meanwhile = new Map<string, { name: string; item: Item | undefined }>()
    this.#meanwhile.set(folder.id, meanwhile)
    try {
      const byName: Listing['byName'] = new Map()
      let count = 0
      let large = false
      for await (const page of this.#api.children(folder, signal)) {
        for (const item of page) insert({ byName }, item)
        count += page.length
        large = count > this.#options.largeFolder
        if (large) break
      }
      if (large) byName.clear()
      const took = this.#clock.now() - asOf
      const life = large ? LARGE_MS : Math.min(Math.max(took * WORTH, SHORTEST_MS), this.#options.maxMs)
      const listing: Listing = { byName, asOf, freshUntil: asOf + life, large }
      for (const [id, { name, item }] of meanwhile) {
        if (item === undefined) byName.get(nameKey(name))?.delete(id)
        else insert(listing, item)
      }
      this.#cache.set(folder.id, listing)
      return listing
    } finally {
      // One that was stopped may end after the next has begun.
      if (this.#meanwhile.get(folder.id) === meanwhile) this.#meanwhile.delete(folder.id)
    }
  }

  /** May miss what was created a moment ago, or tell of it as it was. */
  async #ask(folder: FolderRef, name: string, signal: AbortSignal): Promise<Item[]> {
    const found = new Map<string, Item>()
    const spellings = new Set([name, name.normalize('NFC'), name.normalize('NFD')])
    for (const spelling of spellings) {
      for await (const page of this.#api.children(folder, signal, { name: spelling })) {
        for (const item of page) if (nameKey(item.name) === nameKey(name)) found.set(item.id, item)
      }
    }
    return [...found.values()]
  }
}

function insert({ byName }: Pick<Listing, 'byName'>, item: Item): void {
  const key = nameKey(item.name)
  const same = byName.get(key)
  if (same === undefined) byName.set(key, new Map([[item.id, item]]))
  else same.set(item.id, item)
}
