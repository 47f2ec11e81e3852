import { MongoClient } from 'mongodb'
import { afterAll, beforeAll } from 'vitest'

import type { ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import { startReplicaSet, type StartOptions } from '../../replica-set-dev/start-replica-set.ts'
import { Stage, type StageOptions } from './service-harness.ts'

/** A test's own client gives up a member that is silent; the service has times of its own. */
const IMPATIENT = '&connectTimeoutMS=2000&heartbeatFrequencyMS=1000&socketTimeoutMS=5000'

/** A replica set that the tests of one file share, one after the other, and may break. */
export class OwnSet {
  set!: ReplicaSet
  client!: MongoClient

  /** A production on empty databases; every member runs. */
  async stage(options: Omit<StageOptions, 'uri'> = {}): Promise<Stage> {
    for (const member of this.set.members) await this.set.startMember(member)
    await this.set.primary()
    return await Stage.open({ ...options, uri: this.set.uri + IMPATIENT })
  }
}

export function ownSet(options: StartOptions): OwnSet {
  const own = new OwnSet()
  beforeAll(async () => {
    own.set = await startReplicaSet(options)
    own.client = await new MongoClient(own.set.uri + IMPATIENT, { serverSelectionTimeoutMS: 20_000 }).connect()
  }, 90_000)
  afterAll(async () => {
    await own.client?.close()
    await own.set?.stop()
  }, 90_000)
  return own
}
