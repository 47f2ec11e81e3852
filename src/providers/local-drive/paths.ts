import { isAbsolute, join, sep } from 'node:path'

import { SyncError } from '../../errors.ts'
import type { RootedPath } from '../../model/site.ts'
import { isTemporaryName } from './temporary-files.ts'

/** Absolute, as people write it on this system; rejects what could leave the root. */
export function fullPath({ root, path }: RootedPath): string {
  if (!isAbsolute(root)) throw new SyncError('BAD_ROOT', `the root "${root}" is not an absolute path of this machine`)
  const names = path.split('/')
  if (names.includes('..') || path.includes('\0') || isAbsolute(path) || (sep === '\\' && /[\\:]/.test(path))) {
    throw new SyncError('BAD_PATH', `the path ${JSON.stringify(path)} can't be used below the root ${root}`)
  }
  return join(root, path)
}

/** The same of a file that a document names: it can't have the name of a temporary file, which may be removed at any time. */
export function fullFilePath(path: RootedPath): string {
  const full = fullPath(path)
  if (!isTemporaryName(split(path).name)) return full
  const text = `${full} can't be used: Site Sync calls its own temporary files so (.site-sync-….part), and removes them; give the file another name`
  throw new SyncError('BAD_PATH', text)
}

export function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text)
}

export function isWithin(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)
}

/** The folder of a file, and its name. */
export function split({ root, path }: RootedPath): { folder: RootedPath; name: string } {
  const slash = path.lastIndexOf('/')
  return { folder: { root, path: path.slice(0, Math.max(0, slash)) }, name: path.slice(slash + 1) }
}

export function joined(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
