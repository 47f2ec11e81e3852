import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'

import { SyncError } from '../../errors.ts'
import { shellWord } from '../../model/shell-word.ts'
import type { RootFacts } from '../../model/root-facts.ts'
import type { Site } from '../../model/site.ts'
import type { RootMemory } from '../registry.ts'
import { diskFault, isMissing } from './disk-fault.ts'
import { describe, differenceOf, rootFacts } from './mount-facts.ts'
import { SharedLook } from './shared-look.ts'

interface Trusted {
  readonly device: bigint
  readonly inode: bigint
  readonly born: bigint
  readonly facts: RootFacts
}

/**
 * Is a root still the disk that it was? Instead of a share that is not mounted there is an empty folder of the system's disk: files
 * would land there, and files to be read would count as missing.
 *
 * unknown → (what it is now fits what is remembered, or nothing is) → trusted, as long as its folder is the same one → (another folder,
 * or none, stands there) → unknown. What it is is remembered once a file was written to it or read from it.
 */
export class RootGuard {
  readonly #site: Site
  readonly #memory: RootMemory | undefined
  readonly #trusted = new Map<string, Trusted>()
  readonly #saved = new Set<string>()
  readonly #checks = new Map<string, Promise<void>>()
  readonly #looks = new Map<string, SharedLook<BigIntStats>>()

  constructor(site: Site, memory: RootMemory | undefined) {
    this.#site = site
    this.#memory = memory
  }

  /** May a root that is not there be new? Not where it has to be a mount, or to hold a marker. */
  get mayBeNew(): boolean {
    return this.#site.requireMount !== true && this.#site.markerFile === undefined
  }

  /** Rejects with `ROOT_MISSING` when the root is not there, is not the one it was, or is in doubt. */
  async assert(root: string): Promise<void> {
    const now = await this.#folder(root)
    const trusted = this.#trusted.get(root)
    if (trusted?.device === now.dev && trusted.inode === now.ino && trusted.born === now.birthtimeNs) return await this.#assertMarker(root)
    let check = this.#checks.get(root)
    if (!check) {
      check = this.#check(root).finally(() => this.#checks.delete(root))
      this.#checks.set(root, check)
    }
    await check
  }

  /** A file was written to it, or read from it: from now on it has to be this one. */
  async confirm(root: string): Promise<void> {
    const trusted = this.#trusted.get(root)
    if (!trusted || this.#saved.has(root) || this.#memory === undefined) return
    this.#saved.add(root)
    await this.#memory.save(root, { ...trusted.facts, isEmpty: false }).catch(() => this.#saved.delete(root))
  }

  async #check(root: string): Promise<void> {
    this.#trusted.delete(root)
    try {
      const facts = await rootFacts(root)
      // Looking into it may have mounted it: what counts is what stands there now.
      const now = await this.#folder(root)
      await this.#assertMarker(root)
      await this.#compare(root, facts)
      this.#trusted.set(root, { device: now.dev, inode: now.ino, born: now.birthtimeNs, facts })
      this.#saved.delete(root)
    } catch (error) {
      throw isMissing(error) ? notThere(root, error) : diskFault(error, 'read', root)
    }
  }

  async #compare(root: string, facts: RootFacts): Promise<void> {
    const { requireMount, name } = this.#site
    if (requireMount === true && facts.mountPoint === '/') {
      throw missing(`the root ${root} is on ${describe(facts)}, and require_mount asks for a mounted one: is it mounted?`)
    }
    if (requireMount === false) return
    const known = await this.#memory?.load(root)
    const difference = known && differenceOf(known, facts)
    if (difference === undefined) return
    const remedy = `is it mounted? If it was moved on purpose: site-sync accept-root ${name.startsWith('-') ? '-- ' : ''}${shellWord(name)}`
    throw missing(`the root ${root} is not the one it was: ${difference}: ${remedy}`)
  }

  async #folder(root: string): Promise<BigIntStats> {
    let info
    try {
      info = await this.#look(root)
    } catch (error) {
      this.#trusted.delete(root)
      if (!isMissing(error)) throw diskFault(error, 'read', root)
      throw await this.#absent(root, error)
    }
    if (!info.isDirectory()) throw new SyncError('ROOT_MISSING', `the root ${root} is not a folder`)
    return info
  }

  /** Each transfer asks several times, and a call to the system costs more than what it tells. */
  async #look(root: string): Promise<BigIntStats> {
    let look = this.#looks.get(root)
    if (!look) this.#looks.set(root, (look = new SharedLook(async () => await stat(root, { bigint: true }))))
    return await look.ask()
  }

  /** One that is known to have been there is not merely wrong. */
  async #absent(root: string, cause: unknown): Promise<SyncError> {
    const known = await this.#memory?.load(root).catch(() => undefined)
    return notThere(root, cause, known !== undefined)
  }

  async #assertMarker(root: string): Promise<void> {
    const { markerFile } = this.#site
    if (markerFile === undefined) return
    try {
      await stat(join(root, markerFile))
    } catch (error) {
      this.#trusted.delete(root)
      if (!isMissing(error)) throw diskFault(error, 'read', join(root, markerFile))
      throw missing(`the root ${root} does not hold its marker file ${markerFile}: is it mounted?`, error)
    }
  }
}

function missing(message: string, cause?: unknown): SyncError {
  return new SyncError('ROOT_MISSING', message, { passing: true, cause })
}

function notThere(root: string, cause: unknown, passing = false): SyncError {
  return new SyncError('ROOT_MISSING', `the root ${root} is not there: is it mounted?`, { cause, passing })
}
