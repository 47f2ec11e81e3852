import { LRUCache } from 'lru-cache'

import { atMost } from '../../model/at-most.ts'
import { SyncError } from '../../errors.ts'
import type { Clock } from './clock.ts'
import type { DriveApi } from './drive-api.ts'
import { FolderGone, hasStatus } from './faults.ts'
import type { FileIds } from './file-ids.ts'
import { SingleFlight } from './single-flight.ts'
import { byAge, isAt, isFolder, nameKey, SHORTCUT } from './item.ts'
import type { FolderRef, Item } from './item.ts'
import type { FolderCache } from './folder-cache.ts'
import type { ProviderContext } from '../registry.ts'

export interface FoldersParts {
  readonly api: DriveApi
  readonly ids: FileIds
  readonly listings: FolderCache
  readonly clock: Clock
  readonly warn: (key: string, message: string) => void
  /** As of `ProviderContext`. */
  readonly reserve: ProviderContext['reserveFolderId'] | undefined
}

/** How long a folder is believed to be where it was. A write into one that is gone finds out, and looks again. */
const BELIEVED_MS = 600_000
/** Before a folder is created, its absence must be no older than this. */
const RECENT_MS = 2000
const MAX_GENERATIONS = 20

/** What becomes of a folder that is not there, and how young the answer has to be that it is not. */
interface Step {
  readonly create: boolean
  readonly since: number
}

/** Folders below a root, by path; looked up once, created once. */
export class Folders {
  readonly #parts: FoldersParts
  readonly #byPath = new LRUCache<string, FolderRef>({ ...atMost(50_000), ttl: BELIEVED_MS })
  readonly #flights = new SingleFlight<FolderRef | undefined>()

  constructor(parts: FoldersParts) {
    this.#parts = parts
  }

  /** That one is not there is known as of `since`. */
  async find(root: FolderRef, names: readonly string[], signal: AbortSignal, since = 0): Promise<FolderRef | undefined> {
    return await this.#walk(root, names, signal, { create: false, since })
  }

  async ensure(root: FolderRef, names: readonly string[], signal: AbortSignal): Promise<FolderRef> {
    const folder = await this.#walk(root, names, signal, { create: true, since: 0 })
    if (folder === undefined) throw new SyncError('UNEXPECTED', `the folder ${names.join('/')} was not created`)
    return folder
  }

  /** Something was not where it should be: believe nothing any more. */
  forget(): void {
    this.#byPath.clear()
    this.#parts.listings.clear()
  }

  /** The folder of that name in a folder; shortcuts lead to what they stand for. */
  async child(parent: FolderRef, name: string, signal: AbortSignal, since = 0): Promise<FolderRef | undefined> {
    const { items } = await this.#parts.listings.find(parent, name, signal, since)
    return await this.#choose(parent, items, signal)
  }

  async #walk(root: FolderRef, names: readonly string[], signal: AbortSignal, how: Step): Promise<FolderRef | undefined> {
    const keys = names.map((_, index) => JSON.stringify([root.id, ...names.slice(0, index + 1).map(nameKey)]))
    let depth = names.length
    while (depth > 0 && !this.#byPath.has(keys[depth - 1] as string)) depth--
    let folder = depth === 0 ? root : (this.#byPath.get(keys[depth - 1] as string) ?? root)
    for (; depth < names.length; depth++) {
      const parent = folder
      const name = names[depth] as string
      const flight = JSON.stringify([how, parent.id, nameKey(name)])
      const next = await this.#flights.join(flight, signal, async (shared) => await this.#step(parent, name, shared, how))
      if (next === undefined) return undefined
      this.#byPath.set(keys[depth] as string, next)
      folder = next
    }
    return folder
  }

  async #step(parent: FolderRef, name: string, signal: AbortSignal, { create, since }: Step): Promise<FolderRef | undefined> {
    const seen = await this.child(parent, name, signal, since)
    if (seen !== undefined || !create) return seen
    const now = await this.child(parent, name, signal, this.#parts.clock.now() - RECENT_MS)
    if (now !== undefined) return now
    try {
      return this.#parts.reserve === undefined
        ? await this.#createAndCompare(parent, name, signal)
        : await this.#createReserved(parent, name, signal)
    } catch (error) {
      // Whether it was created is not known; the parent's list will tell.
      this.#parts.listings.forget(parent.id)
      throw hasStatus(error, 404) ? new FolderGone(`creating the folder "${name}"`) : error
    }
  }

  /** With an id that all instances agree on, a second folder can't come to be: creating it again is refused. */
  async #createReserved(parent: FolderRef, name: string, signal: AbortSignal): Promise<FolderRef> {
    const { api, ids, reserve } = this.#parts
    const key = `${parent.id}/${nameKey(name)}`
    let spent: string | undefined
    for (let generation = 0; generation < MAX_GENERATIONS; generation++) {
      const proposed = await ids.take(signal)
      const id = (await reserve?.(key, proposed, spent)) ?? proposed
      if (id !== proposed) ids.giveBack(proposed)
      try {
        return this.#created(parent, await api.createFolder(parent, name, id, signal))
      } catch (error) {
        if (!hasStatus(error, 409)) throw error
        const there = await api.get(id, signal)
        if (there !== undefined && isAt(there, parent, name)) {
          this.#parts.listings.put(parent.id, there)
          return refOf(there)
        }
        // That folder was removed, moved or renamed by someone; its id is spent. Everyone goes on with the same next one.
        spent = id
      }
    }
    throw new SyncError('REFUSED', `the folder "${name}" can't be created: its earlier ones were removed ${MAX_GENERATIONS} times`)
  }

  /** Without one, another process may create a twin at the same time. All of them settle on the oldest. */
  async #createAndCompare(parent: FolderRef, name: string, signal: AbortSignal): Promise<FolderRef> {
    const { api, ids, listings } = this.#parts
    const own = await api.createFolder(parent, name, await ids.take(signal), signal)
    const created = this.#created(parent, own)
    listings.forget(parent.id)
    const { items } = await listings.find(parent, name, signal)
    const winner = [...items].filter((item) => item.mimeType === own.mimeType).sort(byAge)[0]
    if (winner === undefined || winner.id === own.id) return created
    await this.#discard(parent, own, signal)
    return refOf(winner)
  }

  async #discard(parent: FolderRef, twin: Item, signal: AbortSignal): Promise<void> {
    const { api, listings } = this.#parts
    try {
      for await (const page of api.children(refOf(twin), signal)) if (page.length > 0) return
      await api.trash(twin, signal)
      listings.remove(parent.id, twin)
    } catch {
      // An empty folder too many harms nobody, and no one will use it.
    }
  }

  #created(parent: FolderRef, folder: Item): FolderRef {
    if (folder.trashed) throw new FolderGone(`creating the folder "${folder.name}"`)
    this.#parts.listings.put(parent.id, folder)
    this.#parts.listings.startEmpty(folder.id)
    return refOf(folder)
  }

  async #choose(parent: FolderRef, items: readonly Item[], signal: AbortSignal): Promise<FolderRef | undefined> {
    const folders = items.filter(isFolder).sort(byAge)
    const [first] = folders
    if (first === undefined) return undefined
    if (folders.length > 1) {
      this.#parts.warn(
        `${parent.id}/${nameKey(first.name)}`,
        `there are ${folders.length} folders named "${first.name}" in one folder; the oldest is used`,
      )
    }
    if (first.mimeType !== SHORTCUT || first.target === undefined) return refOf(first)
    const what = `looking up what the shortcut "${first.name}" stands for`
    const target = await this.#parts.api.get(first.target.id, signal, { what })
    if (target === undefined || target.trashed) {
      throw new SyncError('REFUSED', `the shortcut "${first.name}" leads to a folder that is gone, or that the account may not see`)
    }
    return refOf(target)
  }
}

export function refOf({ id, driveId, name }: Pick<Item, 'id' | 'driveId' | 'name'>): FolderRef {
  return driveId === undefined ? { id, name } : { id, driveId, name }
}
