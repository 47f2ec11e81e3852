import { randomBytes } from 'node:crypto'
import { access, constants, lstat, open, readdir, rename, unlink } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'

import { SyncError } from '../../errors.ts'
import type { Operation } from '../provider.ts'
import { diskFault, faultsOf, gone } from './disk-fault.ts'
import { readUpTo } from './file-stream.ts'
import { freeBytes, FULL_BELOW } from './free-space.ts'
import { bytesText } from '../../model/bytes-text.ts'
import type { PathResolver } from './path-resolver.ts'
import { temporaryName } from './temporary-files.ts'

const PROBE_BYTES = 4096

/** Is a root of a site usable? One that may still be created is judged by the folder that it would be created in. */
export async function probeRoot(site: string, root: string, operation: Operation, places: PathResolver): Promise<void> {
  if (!isAbsolute(root)) throw new SyncError('MISCONFIGURED', `the root "${root}" of site ${site} is not an absolute path of this machine`)
  let folder = root
  if (places.mayCreate(root)) while (dirname(folder) !== folder && (await isAbsent(folder))) folder = dirname(folder)
  if (folder !== root) return await faultsOf('write', folder, access(folder, constants.R_OK | constants.W_OK | constants.X_OK))
  await places.assertRoot(root)
  await probeFolder(root, operation)
  const found = await places.find({ root, path: '' })
  found?.[Symbol.dispose]()
}

async function isAbsent(path: string): Promise<boolean> {
  return (await lstat(path).catch(gone)) === undefined
}

/**
 * Does what a transfer does, at the root: `write` makes a small hidden file there, renames it, reads it back and removes it, and finds
 * room for more; `read` lists the folder. Rejects with the fault that a transfer would meet.
 */
async function probeFolder(folder: string, operation: Operation): Promise<void> {
  try {
    if (operation === 'read') await readdir(folder)
    else await tryWriting(folder)
  } catch (error) {
    throw diskFault(error, operation, folder)
  }
}

async function tryWriting(folder: string): Promise<void> {
  const content = randomBytes(PROBE_BYTES)
  const [first, second] = [join(folder, temporaryName()), join(folder, temporaryName())]
  try {
    const file = await open(first, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.sync().catch(() => {})
    } finally {
      await file.close()
    }
    await rename(first, second)
    if (!content.equals(await contentOf(second))) {
      throw new SyncError('INTERRUPTED', `${folder} does not keep what is written to it: a small file was read back with other bytes`)
    }
  } finally {
    for (const path of [first, second]) await unlink(path).catch(() => {})
  }
  const left = await freeBytes(folder)
  if (left !== undefined && left < FULL_BELOW) throw new SyncError('DISK_FULL', `${folder} is full: ${bytesText(left)} are free`)
}

/** Others may have put something else in its place: no link is followed, and no pipe waited for. */
async function contentOf(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  return await readUpTo(file, PROBE_BYTES + 1, 0).finally(async () => await file.close())
}
