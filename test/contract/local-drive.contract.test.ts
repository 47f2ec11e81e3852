import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openLocalDrive } from '../../src/providers/local-drive.ts'
import { providerContract } from './provider-suite.ts'

providerContract('local_drive', async () => {
  const root = await mkdtemp(join(tmpdir(), 'site-sync-local-drive-'))
  const site = { name: 'studio', provider: 'local_drive', root, alternativeSites: [] }
  const provider = await openLocalDrive(site, { mayCreateRoot: false, warn: () => {} })
  return {
    provider,
    root,
    readBack: async (path: string) => await readFile(join(root, path)).catch(() => undefined),
    dispose: async () => {
      await provider[Symbol.asyncDispose]()
      await rm(root, { recursive: true })
    },
  }
})
