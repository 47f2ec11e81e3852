import type { BigIntStats } from 'node:fs'
import { closeSync, constants, open as openDescriptor, openSync, readlinkSync } from 'node:fs'
import { chmod, lstat, open, realpath, rename, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { SyncError } from '../../errors.ts'

export type Kind = 'any' | 'folder'

/**
 * A file or folder that is held, so that whoever replaces its name, or a folder above it, by a symbolic link does not change what is
 * worked on. Files of a folder are reached through it: only their last name is looked up by the system, and never followed by `openIn`.
 */
export interface Anchor extends Disposable {
  /** Where it was when it was taken hold of: canonical and absolute. */
  readonly real: string
  /** A path of this very file or folder. */
  readonly self: string
  /** The path of a name in this folder. Not to be used any more once this is disposed of. */
  at(name: string): string
  /** Where it is now; undefined when something else, or nothing, stands at `real`. */
  where(): Promise<string | undefined>
  /** This file, for reading. */
  open(): Promise<FileHandle>
  /** A file of this folder; a link in its place is refused. */
  openIn(name: string, flags: number, mode?: number): Promise<FileHandle>
  rename(from: string, to: string): Promise<void>
  unlink(name: string): Promise<void>
  /** Of this folder. */
  chmod(mode: number): Promise<void>
}

/** Takes hold of what stands at a path, links followed. Fails as the system does; what is no folder is `ENOTDIR` where one is asked for. */
export type TakeHold = (path: string, kind: Kind) => Promise<Anchor>

const { O_RDONLY, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW } = constants
/** Linux: a descriptor that stands for a place and opens nothing there: no device hears of it, and no right to read is needed. Node does not name it. */
const O_PATH = 0o10000000

const descriptorOf = promisify<string, number, number>(openDescriptor)
const linkOf = (descriptor: number | FileHandle): string => `/proc/self/fd/${typeof descriptor === 'number' ? descriptor : descriptor.fd}`

/** Does this system have paths that lead to open descriptors? */
const HAS_DESCRIPTOR_PATHS = process.platform === 'linux' && leadsToItself('/')

function leadsToItself(folder: string): boolean {
  try {
    const descriptor = openSync(folder, O_PATH)
    try {
      return readlinkSync(linkOf(descriptor)) === folder
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return false
  }
}

/** A path that leads to an open file itself, whatever its name stands for; undefined where the system has none. */
export function pathOf(file: FileHandle): string | undefined {
  return HAS_DESCRIPTOR_PATHS ? linkOf(file) : undefined
}

class Descriptor implements Anchor {
  readonly real: string
  #descriptor: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
    // Of memory only, like the closing of such a descriptor: neither waits for a disk.
    this.real = readlinkSync(this.self)
  }

  get self(): string {
    return linkOf(this.#descriptor)
  }

  at(name: string): string {
    return `${this.self}/${name}`
  }

  async where(): Promise<string> {
    return await Promise.resolve(readlinkSync(this.self))
  }

  async open(): Promise<FileHandle> {
    return await open(this.self, O_RDONLY | O_NONBLOCK)
  }

  async openIn(name: string, flags: number, mode?: number): Promise<FileHandle> {
    return await open(this.at(name), flags | O_NOFOLLOW | O_NONBLOCK, mode)
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.at(from), this.at(to))
  }

  async unlink(name: string): Promise<void> {
    await unlink(this.at(name))
  }

  async chmod(mode: number): Promise<void> {
    await chmod(this.self, mode)
  }

  [Symbol.dispose](): void {
    const descriptor = this.#descriptor
    // Its number is given to the next file that is opened.
    this.#descriptor = -1
    if (descriptor >= 0) closeSync(descriptor)
  }
}

const byDescriptor: TakeHold = async (path, kind) => {
  const descriptor = await descriptorOf(path, kind === 'folder' ? O_PATH | O_DIRECTORY : O_PATH)
  try {
    return new Descriptor(descriptor)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

/**
 * Without such paths: what is opened by its name is used only if the name led to the same place before, and leads to it afterwards. A folder
 * that is swapped between look and call can still have an empty file created, or one that is called like it renamed or removed, elsewhere.
 */
class Named implements Anchor {
  readonly real: string
  readonly #info: BigIntStats

  constructor(real: string, info: BigIntStats) {
    this.real = real
    this.#info = info
  }

  get self(): string {
    return this.real
  }

  at(name: string): string {
    return join(this.real, name)
  }

  async where(): Promise<string | undefined> {
    try {
      return (await realpath(this.real)) === this.real && isSame(await lstat(this.real, { bigint: true }), this.#info)
        ? this.real
        : undefined
    } catch {
      return undefined
    }
  }

  async open(): Promise<FileHandle> {
    const file = await open(this.real, O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
    return await this.#checked(file, this.real, this.#info)
  }

  async openIn(name: string, flags: number, mode?: number): Promise<FileHandle> {
    await this.#assertThere()
    const file = await open(this.at(name), flags | O_NOFOLLOW | O_NONBLOCK, mode)
    return await this.#checked(file, this.at(name), await lstat(this.at(name), { bigint: true }).catch(() => undefined))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#assertThere()
    await rename(this.at(from), this.at(to))
  }

  async unlink(name: string): Promise<void> {
    await this.#assertThere()
    await unlink(this.at(name))
  }

  async #assertThere(): Promise<void> {
    if ((await this.where()) === undefined) throw replaced(this.real)
  }

  async chmod(mode: number): Promise<void> {
    const held = await this.open()
    await held.chmod(mode).finally(async () => await held.close())
  }

  async #checked(file: FileHandle, path: string, there: BigIntStats | undefined): Promise<FileHandle> {
    try {
      if (there && isSame(await file.stat({ bigint: true }), there) && (await this.where()) !== undefined) return file
      throw replaced(path)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  [Symbol.dispose](): void {}
}

export const byName: TakeHold = async (path, kind) => {
  const real = await realpath(path)
  const info = await lstat(real, { bigint: true })
  if (kind === 'folder' && !info.isDirectory())
    throw Object.assign(new Error(`ENOTDIR: not a directory`), { code: 'ENOTDIR', syscall: 'open' })
  return new Named(real, info)
}

function replaced(path: string): SyncError {
  return new SyncError('INTERRUPTED', `${path} was replaced while it was in use`)
}

function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino
}

export const takeHold: TakeHold = HAS_DESCRIPTOR_PATHS ? byDescriptor : byName
