import type { BigIntStats } from 'node:fs'
import { constants } from 'node:fs'
import { lstat, mkdir, open, realpath, rename, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

import { SyncError } from '../../errors.ts'
import type { Anchor, TakeHold } from './anchor.ts'

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants

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

  async stat(): Promise<BigIntStats> {
    return await lstat(this.real, { bigint: true })
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

  async mkdir(name: string, mode?: number): Promise<void> {
    await this.#assertThere()
    await mkdir(this.at(name), mode)
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
  // Node has given one volume of Windows different numbers, by different calls.
  return one.ino === other.ino && (process.platform === 'win32' || one.dev === other.dev)
}
