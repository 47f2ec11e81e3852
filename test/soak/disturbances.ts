import { setTimeout as delay } from 'node:timers/promises'

import type { ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import type { FakeDrive } from '../support/fake-drive/fake-drive.ts'
import { command } from './command.ts'
import type { Instance } from './instance.ts'

export interface Stage {
  readonly set: ReplicaSet
  readonly drive: FakeDrive
  readonly instances: readonly Instance[]
  /** For commands. */
  readonly config: string
  /** The name of a representation that was published. */
  readonly someName: () => string
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
  async 'somebody pauses everything'({ config }) {
    await command(config, 'pause', '--all', '--for', '5s', '--why', 'soak')
  },
  async 'somebody pauses the drive and goes on'({ config }) {
    await command(config, 'pause', '--site', 'gdrive')
    await delay(DOWN_MS)
    await command(config, 'resume', '--site', 'gdrive')
  },
  async 'somebody pauses a version and goes on'({ config, someName }) {
    const name = someName()
    await command(config, 'pause', '--name', name)
    await delay(DOWN_MS)
    await command(config, 'resume', '--name', name)
  },
  async 'somebody tries everything again'({ config }) {
    await command(config, 'retry', '--state', 'failed,exhausted')
  },
  async 'somebody resets a version'({ config, someName }) {
    await command(config, 'reset', '--name', someName(), '--yes')
  },
  async 'somebody takes a site out of a version and back in'({ config, someName }) {
    const name = someName()
    await command(config, 'remove-site', '--site', 'nas', '--name', name)
    await command(config, 'add-site', '--site', 'nas', '--name', name)
  },
  async 'somebody wants a version first'({ config, someName }) {
    await command(config, 'priority', '99', '--name', someName())
  },
}
