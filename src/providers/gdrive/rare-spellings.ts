import { LRUCache } from 'lru-cache'

import type { Clock } from './clock.ts'
import type { DriveApi } from './drive-api.ts'
import { SingleFlight } from './single-flight.ts'
import { hasOneSpelling, nameKey } from './item.ts'
import type { FolderRef, Item } from './item.ts'

interface Index {
  readonly byName: Map<string, Map<string, Item>>
  readonly freshUntil: number
}

/** Looking through a large folder takes a page a thousand items; it may take a twentieth of the time. */
const WORTH = 20
const SHORTEST_MS = 2000
const MAX_MS = 600_000
/** Names held in all; the least used folders go first. */
const HELD = 50_000

/**
 * The items of large folders whose names are written neither composed nor decomposed but partly so. Drive compares spellings to the letter,
 * and one name may have too many of them to ask for each; so the folder is looked through, and these few are kept.
 */
export class RareSpellings {
  readonly #api: DriveApi
  readonly #clock: Clock
  readonly #cache = new LRUCache<string, Index>({ maxSize: HELD, sizeCalculation: ({ byName }) => byName.size + 1 })
  readonly #flights = new SingleFlight<Index>()

  constructor(api: DriveApi, clock: Clock) {
    this.#api = api
    this.#clock = clock
  }

  async find(folder: FolderRef, name: string, signal: AbortSignal): Promise<Item[]> {
    if (hasOneSpelling(name)) return []
    let index = this.#cache.get(folder.id)
    if (index === undefined || this.#clock.now() >= index.freshUntil) {
      index = await this.#flights.join(folder.id, signal, async (shared) => await this.#lookThrough(folder, shared))
    }
    return [...(index.byName.get(nameKey(name))?.values() ?? [])]
  }

  remove(folderId: string, { id, name }: Pick<Item, 'id' | 'name'>): void {
    this.#cache.get(folderId)?.byName.get(nameKey(name))?.delete(id)
  }

  forget(folderId: string): void {
    this.#cache.delete(folderId)
  }

  clear(): void {
    this.#cache.clear()
  }

  async #lookThrough(folder: FolderRef, signal: AbortSignal): Promise<Index> {
    const asOf = this.#clock.now()
    const byName: Index['byName'] = new Map()
    for await (const page of this.#api.children(folder, signal)) {
      for (const item of page) {
        if (item.name === item.name.normalize('NFC') || item.name === item.name.normalize('NFD')) continue
        const same = byName.get(nameKey(item.name)) ?? new Map<string, Item>()
        byName.set(nameKey(item.name), same.set(item.id, item))
      }
    }
    const life = Math.min(Math.max((this.#clock.now() - asOf) * WORTH, SHORTEST_MS), MAX_MS)
    const index = { byName, freshUntil: asOf + life }
    this.#cache.set(folder.id, index)
    return index
  }
}
