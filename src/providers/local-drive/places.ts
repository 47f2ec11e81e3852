import { constants } from 'node:fs'
import { mkdir, readdir, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'

import { LRUCache } from 'lru-cache'

import { SyncError } from '../../errors.ts'
import type { RootedPath } from '../../model/site.ts'
import type { ProviderContext } from '../registry.ts'
import { diskFault, gone, isMissing } from './disk-fault.ts'
import { isErrno } from './errno.ts'
import type { RootGuard } from './root-guard.ts'

/** Where something is on this disk. */
export interface Place {
  /** Canonical and absolute: no symbolic link is left in it. */
  readonly real: string
  /** Below the root, with the names as they stand on disk. */
  readonly path: string
}

/** Without it, the last name of a path can't be kept from being followed. (Windows has none.) */
const CAN_REFUSE_LINKS = (constants.O_NOFOLLOW as number | undefined) !== undefined
/** How long a folder whose path holds no link is taken for that. */
const PLAIN_MS = 500

/**
 * Finds paths below roots. Nothing outside a root is ever given back, wherever symbolic links lead. Names are taken to the letter; where
 * one is not there, one that differs only in how its letters are composed is the same (looked for in paths that are not plain ASCII).
 */
export class Places {
  /** Canonical roots; one that is in here was there. */
  readonly #roots = new Map<string, string>()
  readonly #mayCreateRoot: boolean
  readonly #guard: RootGuard
  readonly #assertRoot: ProviderContext['assertRoot']
  /** Folders whose own path is their canonical one, looked at a moment ago. */
  readonly #plain = new LRUCache<string, true>({ max: 1_000, ttl: PLAIN_MS })
  #queue: Promise<unknown> = Promise.resolve()

  constructor(mayCreateRoot: boolean, guard: RootGuard, assertRoot?: ProviderContext['assertRoot']) {
    this.#assertRoot = assertRoot
    this.#mayCreateRoot = mayCreateRoot && guard.mayBeNew
    this.#guard = guard
  }

  /** A file or folder that exists, links followed. The path may be empty. */
  async find({ root, path }: RootedPath): Promise<Place | undefined> {
    const full = fullPath({ root, path })
    const exact = await canonical(full)
    if (exact !== undefined) {
      const real = await this.#inside(root, exact, full)
      if (real === full && path !== '') this.#plain.set(dirname(full), true)
      return { real, path }
    }
    if (isAscii(path)) return undefined
    const known = await this.#asOnDisk(root, path)
    const real = known === path ? undefined : await canonical(join(root, known))
    return real === undefined ? undefined : { real: await this.#inside(root, real, full), path: known }
  }

  /**
   * The place of a path in a folder that was found to be free of links a moment ago, without a look at the disk: it costs a call for
   * each name of a path. The last name may still be a link, which must not be followed, or not be there.
   */
  direct({ root, path }: RootedPath): Place | undefined {
    const full = fullPath({ root, path })
    return CAN_REFUSE_LINKS && path !== '' && this.#plain.has(dirname(full)) ? { real: full, path } : undefined
  }

  /** A folder, created with the folders above it when it is not there; `created` are the new ones, topmost first. */
  async makeFolder(folder: RootedPath): Promise<Place & { readonly created: readonly string[] }> {
    const found = await this.find(folder)
    if (found !== undefined) return { ...found, created: [] }
    return isAscii(folder.path) ? await this.#create(folder) : await this.alone(async () => await this.#create(folder))
  }

  /** The name under which a file stands in a folder already, however its letters are composed; otherwise the name itself. */
  async nameIn(realFolder: string, name: string): Promise<string> {
    const names = (await readdir(realFolder).catch(gone)) ?? []
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
    if (this.mayCreate(root) && (await canonical(root)) === undefined) return
    await this.#guard.assert(root)
  }

  async #create({ root, path }: RootedPath): Promise<Place & { created: string[] }> {
    const known = await this.#asOnDisk(root, path)
    if (this.mayCreate(root)) await makeFolders(root)
    await this.#guard.assert(root)
    const existing = await this.#deepest(root, known)
    const wanted = join(existing.real, relative(existing.path, known))
    const first = await makeFolders(wanted)
    const real = await this.#inside(root, await realpath(wanted), fullPath({ root, path }))
    return { real, path: known, created: first === undefined ? [] : between(first, real) }
  }

  /** The longest part of a path that exists. */
  async #deepest(root: string, path: string): Promise<Place> {
    for (let part = path; part !== '.' && part !== ''; part = dirname(part)) {
      const real = await canonical(join(root, part))
      if (real !== undefined) return { real: await this.#inside(root, real, join(root, part)), path: part }
    }
    return { real: await this.#inside(root, await realpath(root), root), path: '' }
  }

  async #asOnDisk(root: string, path: string): Promise<string> {
    if (isAscii(path)) return path
    const names: string[] = []
    for (const name of path.split('/')) {
      const folder = join(root, ...names)
      const real = isAscii(name) ? undefined : await canonical(folder)
      names.push(real === undefined ? name : await this.nameIn(await this.#inside(root, real, folder), name))
    }
    return names.join('/')
  }

  async #inside(root: string, real: string, full: string): Promise<string> {
    const known = this.#roots.get(root)
    if (known !== undefined && isWithin(known, real)) return real
    // The root may be a link that leads elsewhere since.
    const now = await realpath(root)
    await this.#assertRoot?.(root, now)
    this.#roots.set(root, now)
    if (isWithin(now, real)) return real
    throw new SyncError('BAD_PATH', `${full} leads out of the root ${root}: a symbolic link points to ${real}`)
  }
}

/** Absolute, as people write it on this system; rejects what could leave the root. */
export function fullPath({ root, path }: RootedPath): string {
  if (!isAbsolute(root)) throw new SyncError('BAD_ROOT', `the root "${root}" is not an absolute path of this machine`)
  const names = path.split('/')
  if (names.includes('..') || path.includes('\0') || isAbsolute(path) || (sep === '\\' && /[\\:]/.test(path))) {
    throw new SyncError('BAD_PATH', `the path ${JSON.stringify(path)} can't be used below the root ${root}`)
  }
  return join(root, path)
}

export function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text)
}

/** The path without symbolic links; undefined when there is nothing. */
async function canonical(path: string): Promise<string | undefined> {
  try {
    return await realpath(path)
  } catch (error) {
    if (isMissing(error) || isErrno(error, 'ENAMETOOLONG')) return undefined
    throw diskFault(error, 'read', path)
  }
}

/** A folder with those above it; gives the topmost one that was made. */
async function makeFolders(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true })
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    // Node says that of a read-only file system, too. What the system itself says of the first missing folder is the truth.
    let first = path
    while (dirname(first) !== first && (await canonical(dirname(first))) === undefined) first = dirname(first)
    await mkdir(first)
    await mkdir(path, { recursive: true })
    return first
  }
}

function isWithin(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)
}

/** Every folder from `first` down to `last`, which is below it or the same. */
function between(first: string, last: string): string[] {
  const folders = [last]
  while (folders[0] !== first && folders[0] !== undefined && folders[0].startsWith(first)) folders.unshift(dirname(folders[0]))
  return folders
}

/** The folder of a file, and its name. */
export function split({ root, path }: RootedPath): { folder: RootedPath; name: string } {
  const slash = path.lastIndexOf('/')
  return { folder: { root, path: path.slice(0, Math.max(0, slash)) }, name: path.slice(slash + 1) }
}

export function joined(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
