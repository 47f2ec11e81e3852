import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'

import { openLocalDrive } from '../../src/providers/local-drive.ts'
import { CAN_MOUNT } from '../support/faulty-mount.ts'
import { providerContract } from './provider-suite.ts'

const run = promisify(execFile)

/** Mounted once more at its own place, read-only: to root as well. */
async function closeFolder(folder: string, closed: string[]): Promise<void> {
  await run('mount', ['--bind', folder, folder])
  closed.push(folder)
  await run('mount', ['-o', 'remount,bind,ro', folder])
}

providerContract('local_drive', async () => {
  const root = await mkdtemp(join(tmpdir(), 'site-sync-local-drive-'))
  const site = { name: 'studio', provider: 'local_drive', root, alternativeSites: [] }
  const provider = await openLocalDrive(site, { mayCreateRoot: false, warn: () => {} })
  const closed: string[] = []
  return {
    provider,
    root,
    readBack: async (path: string) => await readFile(join(root, path)).catch(() => undefined),
    everything: async () => {
      const entries = await readdir(root, { recursive: true, withFileTypes: true })
      return entries.map((entry) => relative(root, join(entry.parentPath, entry.name)) + (entry.isDirectory() ? '/' : '')).toSorted()
    },
    ...(CAN_MOUNT && { closeFolder: async (path: string) => await closeFolder(join(root, path), closed) }),
    dispose: async () => {
      await provider[Symbol.asyncDispose]()
      for (const folder of closed) await run('umount', ['-l', folder])
      await rm(root, { recursive: true })
    },
  }
})
