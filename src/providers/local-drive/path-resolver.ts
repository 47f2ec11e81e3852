import { lstat, mkdir, readdir, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { SyncError } from '../../errors.ts'
import type { RootedPath } from '../../model/site.ts'
import type { ProviderContext } from '../registry.ts'
import type { Anchor, Kind, TakeHold } from './anchor.ts'
import { diskFault, gone, isMissing } from './disk-fault.ts'
import { isErrno } from './errno.ts'
import { fullPath, isAscii, isWithin } from './paths.ts'
import type { RootGuard } from './root-guard.ts'
import { SharedFolders } from './shared-folders.ts'

/** Something on this disk that is held, and was within its root when it was taken hold of. Who gets it disposes of it. */
export interface Place extends Disposable {
  readonly anchor: Anchor
  /** Below the root, with the names as they stand on disk. */
  readonly path: string
}

/** A folder that was opened to be written to. */
export interface OpenFolder extends Place {
  /** How many folders had to be created: this one and those above it. */
  readonly created: number
}

type Make = (folder: Anchor, name: string) => Promise<Anchor>

/**
 * Finds paths below roots. Nothing outside a root is ever given back, wherever symbolic links lead, and whatever is swapped meanwhile: what is
 * found is held first, then asked where it is. Names are taken to the letter; where one is not there, one that differs only in how its
 * letters are composed is the same (looked for in paths that are not plain ASCII).
 */
export class PathResolver {
  /** Canonical roots; one that is in here was there. */
  readonly #roots = new Map<string, string>()
  readonly #mayCreateRoot: boolean
  readonly #guard: RootGuard
  readonly #takeHold: TakeHold
  readonly #assertRoot: ProviderContext['assertRoot']
  readonly #shared = new SharedFolders()
  #queue: Promise<unknown> = Promise.resolve()

  /** `assertRoot` rejects for a root that leads where no root may lie. */
  constructor(mayCreateRoot: boolean, guard: RootGuard, takeHold: TakeHold, assertRoot?: ProviderContext['assertRoot']) {
    this.#assertRoot = assertRoot
    this.#mayCreateRoot = mayCreateRoot && guard.mayBeNew
    this.#guard = guard
    this.#takeHold = takeHold
  }

  /** A file or folder that exists, links followed. The path may be empty. */
  async find({ root, path }: RootedPath, kind: Kind = 'any'): Promise<Place | undefined> {
    const full = fullPath({ root, path })
    const exact = await this.#held(full, kind)
    if (exact !== undefined) return placeOf(await this.#inside(root, exact, full), path)
    return isAscii(path) ? undefined : await this.#descend({ root, path }, kind)
  }

  /** A folder, created with the folders above it when it is not there, as soon as that is `granted`: by `mode`, or as the umask has it. */
  async openFolder(folder: RootedPath, granted: Promise<void>, mode?: number): Promise<OpenFolder> {
    const found = await this.find(folder, 'folder')
    if (found !== undefined) return { ...(await this.#shared.share(found)), created: 0 }
    await granted
    const create = async (): Promise<OpenFolder> => await this.#create(folder, mode)
    return isAscii(folder.path) ? await create() : await this.alone(create)
  }

  /** The folder so many levels above; undefined when it is not in the root, since something was moved. */
  async above(root: string, { anchor }: Place, levels: number): Promise<Anchor | undefined> {
    const folder = await this.#held(anchor.at('../'.repeat(levels)), 'folder')
    const known = this.#roots.get(root)
    if (folder === undefined || (known !== undefined && isWithin(known, folder.real))) return folder
    folder[Symbol.dispose]()
    return undefined
  }

  /** Rejects when what is held was moved out of its root, or its root is another one now. */
  async assertStillInside(root: string, { anchor }: Place, full: string): Promise<void> {
    const real = await anchor.where()
    const known = this.#roots.get(root)
    if (real !== undefined && known !== undefined && isWithin(known, real)) return
    await this.#guard.assert(root)
    throw new SyncError('INTERRUPTED', `${full} can't be written: its folder was replaced meanwhile`)
  }

  /** The name under which a file stands in a folder already, however its letters are composed; otherwise the name itself. */
  async nameIn(folder: Anchor, name: string): Promise<string> {
    if (isAscii(name)) return name
    const names = (await readdir(folder.self).catch(gone)) ?? []
    if (names.includes(name)) return name
    const composed = name.normalize('NFC')
    return names.find((other) => other.normalize('NFC') === composed) ?? name
  }

  /** One at a time: two spellings of one name must not be created side by side. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work)
    this.#queue = result.catch(() => {})
    return await result
  }

  mayCreate(root: string): boolean {
    return this.#mayCreateRoot && !this.#roots.has(root)
  }

  /** Rejects with `ROOT_MISSING` unless the root is there and is the disk that it was; one that may still be created may be missing. */
  async assertRoot(root: string): Promise<void> {
    if (this.mayCreate(root) && !(await isThere(root))) return
    await this.#guard.assert(root)
  }

  async #create({ root, path }: RootedPath, mode?: number): Promise<OpenFolder> {
    if (this.mayCreate(root)) await makeRoot(root)
    await this.#guard.assert(root)
    let created = 0
    const place = await this.#descend({ root, path }, 'folder', async (folder, name) => {
      const made = await this.#made(folder, name, mode)
      created += made.isNew ? 1 : 0
      return made.anchor
    })
    if (place !== undefined) return { ...(await this.#shared.share(place)), created }
    throw new SyncError('INTERRUPTED', `${fullPath({ root, path })} can't be written: a folder above it was removed meanwhile`)
  }

  /** From the root down, name by name, as the names stand on disk. What is not there comes from `make`, or ends the search. */
  async #descend({ root, path }: RootedPath, kind: Kind, make?: Make): Promise<Place | undefined> {
    let at = await this.#held(root, 'folder')
    if (at === undefined) return undefined
    await this.#inside(root, at, root)
    const wanted = path.split('/').filter((name) => name !== '' && name !== '.')
    const names: string[] = []
    for (const [index, next] of wanted.entries()) {
      using folder = at
      const name = await this.nameIn(folder, next)
      names.push(name)
      const childKind = index < wanted.length - 1 ? 'folder' : kind
      const found = await (make?.(folder, name) ?? this.#held(folder.at(name), childKind, join(folder.real, name)))
      if (found === undefined) return undefined
      at = await this.#inside(root, found, fullPath({ root, path: names.join('/') }))
    }
    return placeOf(at, names.join('/'))
  }

  /** A folder of a folder, created when it is not there. */
  async #made(folder: Anchor, name: string, mode?: number): Promise<{ readonly anchor: Anchor; readonly isNew: boolean }> {
    try {
      return { anchor: await this.#takeHold(folder.at(name), 'folder'), isNew: false }
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
    let isNew = true
    try {
      await folder.mkdir(name, mode === undefined ? undefined : mode & 0o777)
    } catch (error) {
      // Somebody else has just made it, or a link that leads nowhere stands there.
      if (!isErrno(error, 'EEXIST')) throw error
      isNew = false
    }
    const anchor = await this.#takeHold(folder.at(name), 'folder').catch(async (error: unknown) => {
      throw isErrno(error, 'ENOENT') && (await isLink(folder.at(name))) ? leadsNowhere(join(folder.real, name)) : error
    })
    // Not of what has taken its place meanwhile. A mode is no reason to fail: not every file system has them.
    if (isNew && mode !== undefined && anchor.real === join(folder.real, name)) await anchor.chmod(mode).catch(() => {})
    return { anchor, isNew }
  }

  async #held(path: string, kind: Kind, where = path): Promise<Anchor | undefined> {
    try {
      return await this.#takeHold(path, kind)
    } catch (error) {
      if (isMissing(error) || isErrno(error, 'ENAMETOOLONG')) return undefined
      throw diskFault(error, 'read', where)
    }
  }

  /** Gives back what is within the root; what is not is let go. */
  async #inside(root: string, anchor: Anchor, full: string): Promise<Anchor> {
    const known = this.#roots.get(root)
    if (known !== undefined && isWithin(known, anchor.real)) return anchor
    try {
      // The root may be a link that leads elsewhere since.
      const now = await realpath(root)
      await this.#assertRoot?.(root, now)
      this.#roots.set(root, now)
      if (isWithin(now, anchor.real)) return anchor
      throw new SyncError('BAD_PATH', `${full} leads out of the root ${root}: a symbolic link points to ${anchor.real}`)
    } catch (error) {
      anchor[Symbol.dispose]()
      throw error
    }
  }
}

function placeOf(anchor: Anchor, path: string): Place {
  return { anchor, path, [Symbol.dispose]: () => anchor[Symbol.dispose]() }
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true
}

function leadsNowhere(link: string): SyncError {
  return new SyncError('TARGET_CONFLICT', `${link} is a symbolic link that leads nowhere: a folder is needed there`)
}

async function isThere(path: string): Promise<boolean> {
  try {
    await realpath(path)
    return true
  } catch (error) {
    if (isMissing(error) || isErrno(error, 'ENAMETOOLONG')) return false
    throw diskFault(error, 'read', path)
  }
}

/** A root with the folders above it. */
async function makeRoot(root: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true })
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    // Node says that of a read-only file system, too. What the system itself says of the first missing folder is the truth.
    let first = root
    while (dirname(first) !== first && !(await isThere(dirname(first)))) first = dirname(first)
    await mkdir(first)
    await mkdir(root, { recursive: true })
  }
}
