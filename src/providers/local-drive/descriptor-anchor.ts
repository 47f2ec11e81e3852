import type { BigIntStats } from 'node:fs'
import { closeSync, constants, fstat, open as openDescriptor, openSync, readlinkSync } from 'node:fs'
import { chmod, mkdir, open, rename, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

import type { Anchor, TakeHold } from './anchor.ts'
import { isErrno } from './errno.ts'

const { O_RDONLY, O_NONBLOCK, O_DIRECTORY, O_NOFOLLOW } = constants
/** Linux: a descriptor that stands for a place and opens nothing there: no device hears of it, and no right to read is needed. Node does not name it. */
const O_PATH = 0o10000000

/** Before each further try. */
const PAUSES_MS: readonly number[] = [20, 50, 100, 200, 400, 800]

const descriptorOf = promisify<string, number, number>(openDescriptor)
const infoOf = promisify<number, { readonly bigint: true }, BigIntStats>(fstat)
const linkOf = (descriptor: number | FileHandle): string => `/proc/self/fd/${typeof descriptor === 'number' ? descriptor : descriptor.fd}`

/** Does this system have paths that lead to open descriptors? */
export const HAS_DESCRIPTOR_PATHS = process.platform === 'linux' && leadsToItself('/')

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

  async stat(): Promise<BigIntStats> {
    return await infoOf(this.#descriptor, { bigint: true })
  }

  async open(): Promise<FileHandle> {
    return await open(this.self, O_RDONLY | O_NONBLOCK)
  }

  async openIn(name: string, flags: number, mode?: number): Promise<FileHandle> {
    return await open(this.at(name), flags | O_NOFOLLOW | O_NONBLOCK, mode)
  }

  async mkdir(name: string, mode?: number): Promise<void> {
    await mkdir(this.at(name), mode)
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

/** To hold a place needs a descriptor for a moment only: where all are in use, one is given back soon. */
async function whenOneIsFree(path: string, flags: number): Promise<number> {
  for (const pause of PAUSES_MS) {
    try {
      return await descriptorOf(path, flags)
    } catch (error) {
      if (!isErrno(error, 'EMFILE')) throw error
    }
    await delay(pause * (0.5 + Math.random()))
  }
  return await descriptorOf(path, flags)
}

export const byDescriptor: TakeHold = async (path, kind) => {
  const descriptor = await whenOneIsFree(path, kind === 'folder' ? O_PATH | O_DIRECTORY : O_PATH)
  try {
    return new Descriptor(descriptor)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}
