import { execFile } from 'node:child_process'
import { chmod, mkdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { onTestFinished } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import type { Interference } from './interfered-provider.ts'

const run = promisify(execFile)

export interface Hindrance {
  /** For the provider of the folder's site; empty where the disk itself says no. */
  readonly interference: Interference
  end(): Promise<void>
}

/** A file system of its own at the folder, where this user may mount one; it goes when the test ends. */
async function mounted(folder: string, options: string): Promise<boolean> {
  await mkdir(folder, { recursive: true })
  const done = await run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).then(
    () => true,
    () => false,
  )
  if (done) onTestFinished(async () => void (await run('umount', ['-l', folder])))
  return done
}

/** While `isOn`, every write fails as the disk would have it. */
function refusing(code: 'DISK_FULL' | 'PERMISSION', errno: string): Hindrance {
  let isOn = true
  const cause = Object.assign(new Error(errno), { code: errno })
  return {
    interference: {
      beforeProbe() {
        if (isOn) throw new SyncError(code, `the root can't be written (${errno})`, { cause })
      },
      beforeWrite({ root, path }) {
        if (isOn) throw new SyncError(code, `${join(root, path)} can't be written (${errno})`, { cause })
      },
    },
    async end() {
      isOn = false
      await Promise.resolve()
    },
  }
}

/** A folder on a disk with room for 512 KiB, until the hindrance ends. */
export async function fullDisk(folder: string): Promise<Hindrance> {
  if (!(await mounted(folder, 'size=16m'))) return refusing('DISK_FULL', 'ENOSPC')
  const ballast = join(folder, '.ballast')
  await writeFile(ballast, Buffer.alloc(15.5 * 1024 * 1024))
  return { interference: {}, end: async () => await unlink(ballast) }
}

/** A folder that may be read only, until the hindrance ends. */
export async function readOnly(folder: string): Promise<Hindrance> {
  await mkdir(folder, { recursive: true })
  if (process.getuid?.() !== 0) {
    await chmod(folder, 0o555)
    const end = async (): Promise<void> => await chmod(folder, 0o755)
    onTestFinished(end)
    return { interference: {}, end }
  }
  if (!(await mounted(folder, 'size=16m'))) return refusing('PERMISSION', 'EACCES')
  await run('mount', ['-o', 'remount,ro', folder])
  return { interference: {}, end: async () => void (await run('mount', ['-o', 'remount,rw', folder])) }
}
