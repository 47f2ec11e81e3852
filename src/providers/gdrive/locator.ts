import type { RootedPath } from '../../model/site.ts'
import type { DriveApi } from './drive-api.ts'
import { DriveFault, FolderGone, hasStatus } from './faults.ts'
import type { FolderCache } from './folder-cache.ts'
import type { Folders } from './folders.ts'
import { byAge, isAt, isFile, nameKey } from './item.ts'
import type { FolderRef, Item } from './item.ts'
import { split } from './paths.ts'
import type { Roots } from './roots.ts'

export interface Located {
  readonly folder: FolderRef
  /** All files of that name; the first is the one that counts. */
  readonly files: readonly [Item, ...Item[]]
}

interface Parts {
  readonly api: DriveApi
  readonly folders: Folders
  readonly roots: Roots
  readonly listings: FolderCache
  /** Tells a person, once about each thing. */
  readonly warn: (about: string, message: string) => void
}

/** Finds the files of a path. */
export class Locator {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /**
   * The files of that path as they are now: what a listing remembers is asked for again, so that a file removed by hand is missed. One that
   * appeared since the listing was made is missed as well, unless the listing must not be older than `since`.
   */
  async find(path: RootedPath, signal: AbortSignal, since = 0): Promise<Located | undefined> {
    const { api, folders, roots, listings } = this.#parts
    const { dirs, name } = split(path)
    return await this.lookingTwice(path.root, async () => {
      const folder = await folders.find(await roots.find(path.root, signal), dirs, signal, since)
      if (folder === undefined) return undefined
      for (let asOf = since; ; asOf = Infinity) {
        const { items, fresh } = await listings.find(folder, name, signal, asOf)
        const files = this.choose(folder, items)
        if (files === undefined) return undefined
        const [first, ...others] = files
        if (fresh) return { folder, files }
        const now = await api.get(first.id, signal, { what: `looking up "${first.name}"` })
        if (now !== undefined && isAt(now, folder, name)) return { folder, files: [now, ...others] }
        // Of a large folder our own doing is remembered whatever is asked.
        listings.remove(folder.id, first)
      }
    })
  }

  /**
   * The file of an id that somebody noted, where it is in the folder of the path, under its name: a search by name may not know yet of a file
   * that came a moment ago. Whose folder the account can't see is left to the path: an id may lead anywhere.
   */
  async findById(path: RootedPath, id: string | undefined, signal: AbortSignal): Promise<Located | undefined> {
    if (id === undefined || !/^[\w-]{10,100}$/.test(id)) return undefined
    const { api, folders, roots } = this.#parts
    const { dirs, name } = split(path)
    return await this.lookingTwice(path.root, async () => {
      const folder = await folders.find(await roots.find(path.root, signal), dirs, signal)
      if (folder === undefined) return undefined
      const item = await api.get(id, signal, { what: `looking up "${name}"` }).catch(unlessDenied)
      const isIt = item !== undefined && isFile(item) && isAt(item, folder, name) && item.parents !== undefined
      return isIt ? { folder, files: [item] } : undefined
    })
  }

  /** The files among the items of one name, the one that counts first. */
  choose(folder: FolderRef, items: readonly Item[]): Located['files'] | undefined {
    const [first, ...others] = items.filter(isFile).sort(byAge)
    if (first === undefined) return undefined
    if (others.length > 0) {
      this.#parts.warn(
        `${folder.id}/${nameKey(first.name)}`,
        `there are ${others.length + 1} files named "${first.name}" in one folder; the oldest is used`,
      )
    }
    return [first, ...others]
  }

  /** Once more, with everything looked up again, when a folder is not where it was. */
  async lookingTwice<T>(root: string, look: () => Promise<T>): Promise<T> {
    try {
      return await look()
    } catch (error) {
      if (!(error instanceof FolderGone) && !hasStatus(error, 404)) throw error
      this.#parts.folders.forget()
      this.#parts.roots.forget(root)
      return await look()
    }
  }
}

function unlessDenied(error: unknown): undefined {
  if (!(error instanceof DriveFault) || error.code !== 'PERMISSION') throw error
}
