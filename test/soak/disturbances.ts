import { setTimeout as delay } from 'node:timers/promises'

import type { ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import type { FakeDrive } from '../support/fake-drive/fake-drive.ts'
import type { Instance } from './instance.ts'

export interface Stage {
  readonly set: ReplicaSet
  readonly drive: FakeDrive
  readonly instances: readonly Instance[]
  /** In [0, 1). */
  readonly random: () => number
}

const FREEZE_MS = 10_000
const DOWN_MS = 4_000

/** What may happen to a studio, and how it ends again. Each resolves when everything runs as before. */
export const DISTURBANCES: Readonly<Record<string, (stage: Stage) => Promise<void>>> = {
  async 'primary steps down'({ set }) {
    await set.stepDown()
  },
  async 'primary is killed'({ set }) {
    const member = await set.killPrimary()
    await delay(DOWN_MS)
    await set.startMember(member)
  },
  async 'primary is frozen'({ set }) {
    const member = await set.primary()
    await set.freeze(member)
    await delay(FREEZE_MS)
    await set.thaw(member)
  },
  async 'instance is killed'({ instances, random }) {
    const instance = instances[Math.floor(random() * instances.length)]
    await instance?.end('SIGKILL')
    await delay(DOWN_MS)
    instance?.start()
  },
  async 'instance is frozen past its leases'({ instances, random }) {
    const instance = instances[Math.floor(random() * instances.length)]
    instance?.signal('SIGSTOP')
    await delay(FREEZE_MS)
    instance?.signal('SIGCONT')
  },
  async 'drive fails now and then'({ drive }) {
    const uploads = ['upload.multipart', 'upload.chunk', 'upload.start', 'files.create'] as const
    drive.fault({ on: uploads, effect: { kind: 'lose-reply' }, times: 3, after: 2 })
    drive.fault({ on: uploads, effect: { kind: 'drop', afterBytes: 100 }, times: 3, after: 1 })
    drive.fault({ on: '*', effect: { kind: 'answer', status: 503, body: '<html>busy</html>', type: 'text/html' }, times: 5 })
    drive.fault({ on: 'upload.multipart', effect: { kind: 'corrupt' }, times: 2 })
  },
  async 'drive limits the rate'({ drive }) {
    drive.fault({ on: '*', effect: { kind: 'error', status: 429, reason: 'rateLimitExceeded', retryAfter: '1' }, times: 4 })
    drive.expireTokens()
  },
}
