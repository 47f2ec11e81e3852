import type { BigIntStats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

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
  stat(): Promise<BigIntStats>
  /** This file, for reading. */
  open(): Promise<FileHandle>
  /** A file of this folder; a link in its place is refused. */
  openIn(name: string, flags: number, mode?: number): Promise<FileHandle>
  mkdir(name: string, mode?: number): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(name: string): Promise<void>
  /** Of this folder. */
  chmod(mode: number): Promise<void>
}

/** Takes hold of what stands at a path, links followed. Fails as the system does; what is no folder is `ENOTDIR` where one is asked for. */
export type TakeHold = (path: string, kind: Kind) => Promise<Anchor>
