import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'

import { shellWord } from '../model/shell-word.ts'

export interface FilesToCheck {
  /** Keys, tokens, passwords, and configuration files that hold one. */
  readonly secret: readonly string[]
  readonly configuration: readonly string[]
  /** Of the folder layout: whoever adds a file to it adds sites. */
  readonly folder: string | undefined
}

const OTHERS_READ = 0o004
const GROUP_READ = 0o040
const OTHERS_WRITE = 0o022
const STICKY = 0o1000

/**
 * Which files other users of this machine may read or change although they should not: a line each, with the mode and the command that
 * mends it. Nothing on Windows, where modes say nothing.
 */
export async function looseFiles({ secret, configuration, folder }: FilesToCheck): Promise<readonly string[]> {
  if (process.platform === 'win32') return []
  const secrets = new Set(secret)
  const files = [...new Set([...secret, ...configuration])]
  const folders = [...new Set([...(folder === undefined ? [] : [folder]), ...files.map((file) => dirname(file))])]
  const told = [
    ...files.map(async (file) => lineOf(file, (found) => ofFile(file, found, secrets.has(file)))),
    ...folders.map(async (path) => lineOf(path, (found) => ofFolder(path, found, path === folder))),
  ]
  return (await Promise.all(told)).filter((line) => line !== undefined)
}

/** What is not there, or can't be looked at, is somebody else's to tell. */
async function lineOf(path: string, tell: (found: Stats) => string | undefined): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found && tell(found)
}

function ofFile(file: string, { mode, uid }: Stats, isSecret: boolean): string | undefined {
  if (isSecret) {
    // A group may well be how the service comes to a key that belongs to somebody else.
    const isReadable = (mode & OTHERS_READ) > 0 || ((mode & GROUP_READ) > 0 && uid === process.getuid?.())
    if (isReadable || (mode & OTHERS_WRITE) > 0) {
      return `${file} holds a secret, and others can ${isReadable ? 'read' : 'change'} it (${text(mode)}): chmod 600 ${shellWord(file)}`
    }
    return undefined
  }
  if ((mode & OTHERS_WRITE) === 0) return undefined
  return `${file} says what is sent where, and others can change it (${text(mode)}): chmod go-w ${shellWord(file)}`
}

function ofFolder(folder: string, { mode }: Stats, isConfiguration: boolean): string | undefined {
  if ((mode & OTHERS_WRITE) === 0) return undefined
  // As in /tmp: others can add files there, and not replace ours.
  if ((mode & STICKY) > 0 && !isConfiguration) return undefined
  return `${folder} holds configuration or secrets, and others can ${isConfiguration ? 'add or replace' : 'replace'} files in it (${text(mode)}): chmod go-w ${shellWord(folder)}`
}

function text(mode: number): string {
  return `mode ${(mode & 0o7777).toString(8).padStart(4, '0')}`
}
