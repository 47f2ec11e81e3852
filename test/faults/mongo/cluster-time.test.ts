import { Timestamp, type MongoClient } from 'mongodb'
import { expect, test } from 'vitest'

import { claimStore } from '../../../src/streams/claims.ts'
import type { Lease } from '../../../src/streams/lease-writes.ts'
import { transferOf } from '../../support/model-samples.ts'
import { ownSet } from '../../support/own-set.ts'

const own = ownSet({})

/** As after a failover from a member whose clock was wrong: times of operations never go back, the clock does. */
async function advance(client: MongoClient, seconds: number): Promise<void> {
  await client.withSession(async (session) => {
    await client.db('admin').command({ ping: 1 }, { session })
    const { clusterTime: seen } = session
    if (!seen) throw new Error('the server says no time')
    session.advanceClusterTime({ ...seen, clusterTime: new Timestamp({ t: seen.clusterTime.getHighBits() + seconds, i: 1 }) })
    await client.db('admin').command({ ping: 1 }, { session })
  })
}

test('operations are dated ahead of the clock: after the first leases that show it, none lasts longer for it', async () => {
  const stage = await own.stage()
  const store = claimStore(stage.state, 'a', 30)
  const ends = async (name: string): Promise<readonly number[]> => {
    const claims = await Promise.all(
      Array.from({ length: 3 }, async (_, n) => store.claim(transferOf({ targetKey: `${name}/${n}` }), `${name} ${n}`)),
    )
    const { localTime } = await own.client.db('admin').command({ hello: 1 })
    return claims.map((result) => (result.kind === 'claimed' ? result.claim.until.getTime() - (localTime as Date).getTime() : Number.NaN))
  }
  for (const left of await ends('before')) expect(left).toBeLessThanOrEqual(31_000)
  await advance(own.client, 600)
  for (const left of await ends('shown')) expect(left).toBeGreaterThan(500_000)
  for (const left of await ends('after')) expect(left).toBeLessThanOrEqual(30_000)
  const late = await stage.state.collection<Lease>('leases').countDocuments({ _id: /after/, inserted: { $exists: true } })
  expect(late).toBe(0)
})
