import { LRUCache } from 'lru-cache'

import { SyncError } from '../../errors.ts'
import { atMost } from '../../model/at-most.ts'
import type { Account } from './account.ts'
import type { Clock } from './clock.ts'
import type { DriveApi } from './drive-api.ts'
import { SingleFlight } from './single-flight.ts'
import { FolderGone } from './faults.ts'
import { refOf } from './folders.ts'
import type { Folders } from './folders.ts'
import { byAge, FOLDER, nameKey, SHORTCUT } from './item.ts'
import type { FolderRef, Item } from './item.ts'

export interface RootsParts {
  readonly api: DriveApi
  readonly account: Account
  readonly folders: Folders
  readonly clock: Clock
  readonly warn: (key: string, message: string) => void
}

/** How what was written to a root may be removed. */
export type Removal = 'delete' | 'trash' | 'none'

const MY_DRIVE = 'My Drive'
/** How long a root is believed to be the folder that its path leads to: somebody may rename it, and put another one in its place. */
const BELIEVED_MS = 600_000
const MAX_ROOTS = 1_000
const IN_URL = /\/folders\/([\w-]+)|[?&]id=([\w-]+)/
const ID = /^[\w-]+$/

/** The configured roots, found in Drive; looked up when first needed, now and then, and again after `forget`. They are never created. */
export class Roots {
  readonly #parts: RootsParts
  readonly #found: LRUCache<string, FolderRef>
  readonly #flights = new SingleFlight<FolderRef>()

  constructor(parts: RootsParts) {
    this.#parts = parts
    this.#found = new LRUCache<string, FolderRef>({ ...atMost(MAX_ROOTS), ttl: BELIEVED_MS, perf: parts.clock })
  }

  /** Rejects with `ROOT_MISSING`, naming whom to share the folder with. */
  async find(root: string, signal: AbortSignal): Promise<FolderRef> {
    const known = this.#found.get(root)
    if (known !== undefined) return known
    return await this.#flights.join(root, signal, async (shared) => {
      const found = await this.#look(root, shared)
      this.#found.set(root, found)
      return found
    })
  }

  forget(root: string): void {
    this.#found.delete(root)
  }

  /** As `find`, believing nothing that was found before. */
  async findNow(root: string, signal: AbortSignal): Promise<FolderRef> {
    this.forget(root)
    return await this.find(root, signal)
  }

  /** Is the root there now, and may the account write into it? */
  async checkWritable(root: string, signal: AbortSignal): Promise<{ readonly folder: FolderRef; readonly removal: Removal }> {
    const { folder, item } = await this.#now(root, signal)
    if (item.may.addChildren === false) {
      const role = folder.driveId === undefined ? 'an editor' : 'a content manager'
      throw new SyncError('PERMISSION', `${this.#parts.account.who} may not add files to the root ${root}: make it ${role} there`)
    }
    // Outside shared drives a file is whose account wrote it.
    if (folder.driveId === undefined || item.may.deleteChildren === true) return { folder, removal: 'delete' }
    return { folder, removal: item.may.trashChildren === false ? 'none' : 'trash' }
  }

  /** Is the root there now, and may the account see what is in it? */
  async checkReadable(root: string, signal: AbortSignal): Promise<void> {
    const { folder } = await this.#now(root, signal)
    try {
      await this.#parts.api.children(folder, signal).next()
    } catch (error) {
      throw error instanceof FolderGone ? this.#missing(root, 'it is gone, or can not be listed') : error
    }
  }

  async #now(root: string, signal: AbortSignal): Promise<{ readonly folder: FolderRef; readonly item: Item }> {
    const folder = await this.findNow(root, signal)
    const more = 'capabilities(canAddChildren,canTrashChildren,canDeleteChildren)'
    const item = await this.#parts.api.get(folder.id, signal, { more, what: `looking at the root ${root}` })
    if (item === undefined || item.trashed) throw this.#missing(root, 'it is in the trash')
    return { folder, item }
  }

  async #look(root: string, signal: AbortSignal): Promise<FolderRef> {
    const id = /^https?:/.test(root) ? IN_URL.exec(root)?.slice(1).find(Boolean) : ID.test(root) && root !== 'root' ? root : undefined
    if (id !== undefined) return await this.#byId(root, id, signal)
    const [first, ...rest] = root.split('/').filter((part) => part !== '')
    if (first === undefined || /^https?:/.test(root)) {
      const allowed = `/${MY_DRIVE}/…, /<name of a shared drive>/…, the id of a folder, or its URL`
      throw new SyncError('ROOT_MISSING', `the root ${JSON.stringify(root)} names no folder of Google Drive; allowed are ${allowed}`)
    }
    if (nameKey(first) !== MY_DRIVE) return await this.#below(root, await this.#sharedDrive(root, first, signal), rest, signal)
    const top = await this.#parts.api.get('root', signal, { what: `looking at the root ${root}` })
    if (top === undefined) throw this.#missing(root, 'the account has no drive of its own')
    const [name, ...deeper] = rest
    if (name === undefined) return refOf(top)
    const own = await this.#parts.folders.child(refOf(top), name, signal, Infinity)
    const found = own ?? (await this.#sharedFolder(name, signal))
    if (found === undefined) throw this.#missing(root, `there is no folder "${name}" in its drive or among the folders shared with it`)
    return await this.#below(root, found, deeper, signal)
  }

  async #byId(root: string, id: string, signal: AbortSignal): Promise<FolderRef> {
    const what = `looking at the root ${root}`
    let item = await this.#parts.api.get(id, signal, { what })
    if (item?.mimeType === SHORTCUT && item.target !== undefined) item = await this.#parts.api.get(item.target.id, signal, { what })
    if (item === undefined) throw this.#missing(root, 'there is no such folder, or the account may not see it')
    if (item.trashed) throw this.#missing(root, 'it is in the trash')
    if (item.mimeType !== FOLDER) throw new SyncError('ROOT_MISSING', `the root ${root} is not a folder but "${item.name}"`)
    return refOf(item)
  }

  async #sharedDrive(root: string, name: string, signal: AbortSignal): Promise<FolderRef> {
    const drives = (await this.#parts.api.sharedDrives(signal)).filter((drive) => nameKey(drive.name) === nameKey(name))
    const [first] = drives.sort((a, b) => a.createdTime.localeCompare(b.createdTime) || a.id.localeCompare(b.id))
    if (first === undefined) {
      const shared = await this.#sharedFolder(name, signal)
      if (shared !== undefined) return shared
      const hint = 'a single folder of a drive that is shared with it is named /My Drive/<folder>, or by its id'
      throw this.#missing(root, `there is no shared drive "${name}" that the account is a member of (${hint})`)
    }
    if (drives.length > 1) this.#parts.warn(`drive/${name}`, `there are ${drives.length} shared drives named "${name}"; the oldest is used`)
    return { id: first.id, driveId: first.id, name: first.name }
  }

  /** As the how-to sets it up: somebody's folder, shared with the account. It has no parent that the account can see. */
  async #sharedFolder(name: string, signal: AbortSignal): Promise<FolderRef | undefined> {
    const folders: Item[] = (await this.#parts.api.sharedFolders(name, signal))
      .filter((item) => nameKey(item.name) === nameKey(name))
      .sort(byAge)
    const [first] = folders
    if (first === undefined) return undefined
    if (folders.length > 1)
      this.#parts.warn(`shared/${name}`, `${folders.length} folders named "${name}" are shared with the account; the oldest is used`)
    return refOf(first)
  }

  async #below(root: string, top: FolderRef, names: readonly string[], signal: AbortSignal): Promise<FolderRef> {
    let folder = top
    for (const name of names) {
      const next = await this.#childOf(root, folder, name, signal)
      if (next === undefined) throw this.#missing(root, `the folder "${name}" is not there`)
      folder = next
    }
    return folder
  }

  async #childOf(root: string, folder: FolderRef, name: string, signal: AbortSignal): Promise<FolderRef | undefined> {
    try {
      return await this.#parts.folders.child(folder, name, signal, Infinity)
    } catch (error) {
      if (error instanceof FolderGone) throw this.#missing(root, `the folder above "${name}" is gone, or can't be listed`)
      throw error
    }
  }

  #missing(root: string, why: string): SyncError {
    const { who } = this.#parts.account
    return new SyncError('ROOT_MISSING', `the root ${root} can't be found in Google Drive: ${why}; create it and share it with ${who}`)
  }
}
