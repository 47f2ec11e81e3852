import { setTimeout as delay } from 'node:timers/promises'

import type { ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import { now } from '../support/clock.ts'

/** One way in which a replica set fails. */
export interface Outage {
  readonly name: string
  /** Gives from when times count, and how to bring back what is away; that comes after everything was measured. */
  begin(set: ReplicaSet): Promise<{ readonly since: number; restore(): Promise<void> }>
}

const nothing = async (): Promise<void> => undefined

/** `downSeconds`: how long all members are away, each time. */
export function outages(downSeconds: readonly number[]): readonly Outage[] {
  return [
    {
      name: 'the primary is killed',
      async begin(set) {
        const killed = await set.killPrimary()
        return { since: now(), restore: async () => set.startMember(killed) }
      },
    },
    {
      name: 'the primary steps down',
      async begin(set) {
        await set.stepDown()
        return { since: now(), restore: nothing }
      },
    },
    {
      name: 'the primary freezes',
      async begin(set) {
        const frozen = await set.primary()
        await set.freeze(frozen)
        return { since: now(), restore: async () => set.thaw(frozen) }
      },
    },
    ...downSeconds.map(allDown),
  ]
}

function allDown(seconds: number): Outage {
  return {
    name: `all members are down for ${seconds} s`,
    async begin(set) {
      await Promise.all(set.members.map(async (member) => set.stopMember(member, 'SIGKILL')))
      await delay(seconds * 1_000)
      const since = now()
      // They become members when a primary is elected, which is part of what is measured.
      const started = Promise.all(set.members.map(async (member) => set.startMember(member)))
      started.catch(() => undefined)
      return { since, restore: async () => void (await started) }
    },
  }
}
