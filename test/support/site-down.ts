import { rename } from 'node:fs/promises'
import { join } from 'node:path'

import { SyncError } from '../../src/errors.ts'
import { SITE, type Production } from './looked-production.ts'

/** How a site of each kind is brought down. */
export const DOWN: Readonly<Record<string, (production: Production) => Promise<void> | void>> = {
  local: async ({ drive: { stage } }) => {
    const root = join(stage.dir, 'disks', SITE)
    await rename(root, `${root}-unmounted`)
  },
  memory: ({ drive: { stage } }) => {
    stage.spy(SITE).gate = ({ verb }) => {
      if (verb === 'stat') throw new SyncError('UNREACHABLE', 'nobody answers')
    }
  },
  Drive: ({ drive: { drive } }) => {
    drive.fault({ on: 'token', effect: { kind: 'error', status: 401, reason: 'invalid_client' }, times: 1_000 })
  },
}
