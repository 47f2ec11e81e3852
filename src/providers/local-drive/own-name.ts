import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

import { SyncError } from '../../errors.ts'
import type { RootedPath } from '../../model/site.ts'
import { faultsOf, gone } from './disk-fault.ts'

/**
 * Two names that the disk can't tell apart would be one file for two records: the second is a `TARGET_CONFLICT` that names the first.
 * `full` is the absolute path.
 */
export async function assertOwnName({ root, path }: RootedPath, full: string): Promise<void> {
  const other = await faultsOf('write', full, otherSpelling(root, path))
  if (other === undefined) return
  const text = `${full} can't be told from ${join(root, other)}, which is there already: the disk takes upper and lower case for the same`
  throw new SyncError('TARGET_CONFLICT', text)
}

/**
 * The path below a root as it stands on the disk, where the disk takes another spelling of it for the same file: upper and lower case.
 * Undefined when the path stands there to the letter (or composed otherwise), or not at all.
 */
async function otherSpelling(root: string, path: string): Promise<string | undefined> {
  const there = await identityOf(join(root, path))
  if (there === undefined) return undefined
  const names = path.split('/')
  const name = names.at(-1) ?? ''
  const spellings = [[...names.slice(0, -1), swapped(name)].join('/'), swapped(path)]
  const others = await Promise.all(spellings.filter((other) => other !== path).map(async (other) => await identityOf(join(root, other))))
  // Upper and lower case are told apart, or there are none.
  if (!others.includes(there)) return undefined
  const spelled: string[] = []
  for (const each of names) spelled.push(await nameOnDisk(join(root, ...spelled), each))
  const onDisk = spelled.join('/')
  return onDisk.normalize('NFC') === path.normalize('NFC') ? undefined : onDisk
}

async function nameOnDisk(folder: string, name: string): Promise<string> {
  const names = (await readdir(folder).catch(gone)) ?? []
  const composed = name.normalize('NFC')
  const exact = names.find((other) => other === name) ?? names.find((other) => other.normalize('NFC') === composed)
  return exact ?? names.find((other) => folded(other) === folded(name)) ?? name
}

async function identityOf(path: string): Promise<string | undefined> {
  const info = await lstat(path, { bigint: true }).catch(() => undefined)
  return info && `${info.dev}:${info.ino}`
}

const folded = (name: string): string => name.normalize('NFC').toLowerCase()

function swapped(text: string): string {
  return Array.from(text, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase())).join('')
}
