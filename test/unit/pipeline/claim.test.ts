import { describe, expect, test } from 'vitest'

import { claim } from '../../../src/pipeline/claim.ts'
import type { RunningTransfer } from '../../../src/pipeline/transfer-queue.ts'
import type { Transfer } from '../../../src/model/transfer.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { LEASE_MS, MemoryClaims } from '../../support/memory-claims.ts'
import { transferOf } from '../../support/model-samples.ts'

function rig(reread: (transfer: Transfer) => Promise<Transfer | undefined> = async (transfer) => Promise.resolve(transfer)) {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  const busy: [string, number][] = []
  const offers: { readonly id: string }[] = []
  const unused: object[] = []
  const parts = {
    claims,
    clock,
    reread,
    opened: () => ({ reserve: () => offers.shift(), unreserve: (offer: object) => void unused.push(offer) }),
    busy: ({ key }: Transfer, ms: number) => void busy.push([key, ms]),
  }
  const claimed = async (transfer: Transfer) =>
    claim(parts, { transfer, abort: new AbortController(), changed: false } satisfies RunningTransfer)
  return { clock, claims, busy, offers, unused, claimed }
}

describe('a claim', () => {
  test('takes the lease, then reads the record again', async () => {
    const order: string[] = []
    const { claims, claimed, clock } = rig(async (transfer) => {
      order.push(...claims.calls, 'reread')
      return Promise.resolve({ ...transfer, priority: 7 })
    })
    await clock.advance(123)
    const transfer = transferOf({ key: 'a' })
    const held = await claimed(transfer)
    expect(order).toEqual(['claim a', 'reread'])
    expect(held).toMatchObject({
      transfer: { key: 'a', priority: 7 },
      claim: { transfer: { priority: 7 }, attemptId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      progress: { bytes: 0 },
      startedAt: 123,
    })
    expect(claims.leases.size).toBe(1)
  })

  test('finds what an earlier attempt saved', async () => {
    const { claims, claimed } = rig()
    const transfer = transferOf()
    claims.sessions.set(transfer.targetKey, { upload: 'u1' })
    expect(await claimed(transfer)).toMatchObject({ claim: { session: { upload: 'u1' } } })
  })

  test('of what somebody else holds: who asked is told when to look again', async () => {
    const { claimed, busy, clock } = rig()
    const transfer = transferOf({ key: 'a' })
    await claimed(transfer)
    await clock.advance(1_000)
    expect(await claimed(transfer)).toBeUndefined()
    expect(busy).toEqual([['a', LEASE_MS - 1_000]])
  })
})

describe('the lease is given back', () => {
  test.each<[string, (transfer: Transfer) => Transfer | undefined]>([
    ['when the record is not pending any more', () => undefined],
    [
      'when it failed once more meanwhile: its next attempt is for a later scan',
      (transfer) => ({ ...transfer, tries: transfer.tries + 1 }),
    ],
    ['when its place is another one now: the lease is not on that', (transfer) => ({ ...transfer, targetKey: 'elsewhere' })],
  ])('%s', async (_title, change) => {
    const { claims, claimed, busy } = rig(async (transfer) => Promise.resolve(change(transfer)))
    expect(await claimed(transferOf({ key: 'a' }))).toBeUndefined()
    expect(claims.calls).toEqual(['claim a', 'release a'])
    expect(claims.leases.size).toBe(0)
    expect(busy).toEqual([])
  })

  test('when the record can not be read; the fault is told', async () => {
    const { claims, claimed } = rig(async () => Promise.reject(new Error('database away')))
    await expect(claimed(transferOf({ key: 'a' }))).rejects.toThrow('database away')
    expect(claims.leases.size).toBe(0)
  })

  test('as far as that can be done: the first fault is told, not the second', async () => {
    const { claims, claimed } = rig(async () => Promise.reject(new Error('database away')))
    claims.fails.release = new Error('still away')
    await expect(claimed(transferOf())).rejects.toThrow('database away')
  })
})

test('fewer tries than planned: somebody deleted them, and it is attempted', async () => {
  const { claimed } = rig(async (transfer) => Promise.resolve({ ...transfer, tries: 0 }))
  expect(await claimed(transferOf({ tries: 2 }))).toMatchObject({ transfer: { tries: 0 } })
})

describe('what the target offers', () => {
  test('is stored with the lease, and told as such', async () => {
    const { claims, claimed, offers, unused } = rig()
    offers.push({ id: 'r1' })
    const transfer = transferOf()
    expect(await claimed(transfer)).toMatchObject({ claim: { reserved: { id: 'r1' }, session: undefined } })
    expect(claims.sessions.get(transfer.targetKey)).toEqual({ id: 'r1' })
    expect(unused).toEqual([])
  })

  test('goes back where an earlier attempt left something', async () => {
    const { claims, claimed, offers, unused } = rig()
    offers.push({ id: 'r1' })
    const transfer = transferOf()
    claims.sessions.set(transfer.targetKey, { id: 'earlier' })
    const held = await claimed(transfer)
    expect(held?.claim.session).toEqual({ id: 'earlier' })
    expect(held?.claim).not.toHaveProperty('reserved')
    expect(unused).toEqual([{ id: 'r1' }])
  })

  test('goes back where somebody else is at it', async () => {
    const { claimed, offers, unused } = rig()
    const transfer = transferOf()
    await claimed(transfer)
    offers.push({ id: 'r1' })
    expect(await claimed(transfer)).toBeUndefined()
    expect(unused).toEqual([{ id: 'r1' }])
  })
})
