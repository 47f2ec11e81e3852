import * as fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { slotStore } from '../../../src/streams/slots.ts'
import { testDatabase, type TestDatabase } from '../../support/mongo.ts'
import { waitFor } from '../../support/wait-for.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(async () => await database.dispose())

const store = (seconds = 30) => slotStore(database.client.db(database.stateDb), seconds)

test('who asks again, because the answer was lost, holds one slot and not two', async () => {
  const slots = store()
  expect(await slots.acquire('again', 2, 'a')).toBe(true)
  expect(await slots.acquire('again', 2, 'a')).toBe(true)
  expect(await slots.acquire('again', 2, 'b')).toBe(true)
  expect(await slots.acquire('again', 2, 'c')).toBe(false)
})

test('the slot of a holder that is heard of no more is free when its time is over, not before; who renews keeps it', async () => {
  const slots = store(1)
  const startedAt = performance.now()
  for (const holder of ['dead', 'alive']) expect(await slots.acquire('dead', 2, holder)).toBe(true)
  await waitFor('a free slot', async () => {
    await slots.renew('dead', 'alive')
    return await slots.acquire('dead', 2, 'heir')
  })
  expect(performance.now() - startedAt).toBeGreaterThan(900)
  expect(await slots.acquire('dead', 2, 'one more')).toBe(false)
  // Back from the dead: its slot is gone, and asking for it does not give it back.
  await slots.renew('dead', 'dead')
  const held = await database.client
    .db(database.stateDb)
    .collection<{ _id: string; holders: { holder: string }[] }>('slots')
    .findOne({ _id: 'dead' })
  expect(held?.holders.map(({ holder }) => holder).toSorted()).toEqual(['alive', 'heir'])
})

test('who waits is served before who comes back again and again, and is not waited for when it is gone', async () => {
  const slots = store()
  expect(await slots.acquire('fair', 1, 'greedy 0')).toBe(true)
  let rounds = 0
  await waitFor('the slot of the patient one', async () => {
    const isServed = await slots.acquire('fair', 1, 'patient')
    if (isServed) return true
    await slots.release('fair', `greedy ${rounds}`)
    if (!(await slots.acquire('fair', 1, `greedy ${rounds + 1}`))) return false
    rounds++
    return false
  })
  // For a second the slot is used by whoever is there, rather than wait for somebody who asks now and then.
  expect(rounds).toBeGreaterThan(1)
  expect(await slots.acquire('fair', 1, 'leaves')).toBe(false)
  await slots.release('fair', 'patient')
  await waitFor('the one that is there', async () => await slots.acquire('fair', 1, 'stays'))
})

test('whatever instances do, all at the same time: never more slots than the limit, and none is lost', async () => {
  const action = fc.record({ holder: fc.integer({ min: 0, max: 5 }), does: fc.constantFrom('acquire', 'acquire', 'renew', 'release') })
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(action, { minLength: 1, maxLength: 30 }), async (limit, actions) => {
      const site = `run ${runs++}`
      const slots = store()
      const holders = new Set<string>()
      let most = 0
      await Promise.all(
        Array.from({ length: 6 }, async (_, n) => {
          const holder = `holder ${n}`
          for (const { does } of actions.filter((one) => one.holder === n)) {
            if (does === 'acquire' && (await slots.acquire(site, limit, holder))) {
              holders.add(holder)
              most = Math.max(most, holders.size)
            }
            if (does === 'renew') await slots.renew(site, holder)
            if (does === 'release') {
              holders.delete(holder)
              await slots.release(site, holder)
            }
          }
        }),
      )
      expect(most).toBeLessThanOrEqual(limit)
      const free = limit - holders.size
      for (let n = 0; n < free; n++) expect(await slots.acquire(site, limit, `late ${n}`)).toBe(true)
      expect(await slots.acquire(site, limit, 'too late')).toBe(false)
    }),
    { numRuns: 25 },
  )
})
