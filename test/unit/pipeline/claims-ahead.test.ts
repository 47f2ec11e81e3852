import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Claim } from '../../../src/model/claim.ts'
import { ClaimsAhead } from '../../../src/pipeline/claims-ahead.ts'
import type { Held } from '../../../src/pipeline/contracts.ts'
import { TransferQueue, type RunningTransfer } from '../../../src/pipeline/transfer-queue.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { holdOf, LEASE_MS, MemoryClaims } from '../../support/memory-claims.ts'
import { transferOf } from '../../support/model-samples.ts'

const PATIENCE_MS = 1_000
const SITE = 'gdrive'

function rig({ most = 4, admitted = 20, mostQueued = 1_000 } = {}) {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  const queue = new TransferQueue({ mostPerSite: mostQueued })
  const tickets: string[] = []
  queue.tickets$.subscribe((site) => tickets.push(site))
  const unexpected: unknown[] = []
  const changed: RunningTransfer[] = []
  /** Keys whose claim finds that there is nothing to do. */
  const others = new Set<string>()
  /** How long the next claims take. */
  const delays: number[] = []
  const claim = async (running: RunningTransfer): Promise<Held | undefined> => {
    const held = await holdOf(claims, running.transfer, clock)
    const delay = delays.shift()
    if (delay !== undefined) await clock.advance(delay)
    return others.has(running.transfer.key) ? undefined : { ...held, running }
  }
  const ahead = new ClaimsAhead({
    queue,
    clock,
    claims,
    claim,
    mostAhead: () => most,
    patienceMs: PATIENCE_MS,
    leastLeftMs: LEASE_MS / 3,
    unexpected: (error) => unexpected.push(error),
    changed: (running) => changed.push(running),
  })
  const admit = (count: number, more: Parameters<typeof transferOf>[0] = {}) => {
    const transfers = Array.from({ length: count }, () => transferOf({ site: SITE, ...more }))
    queue.admit({ representationKey: 'r', transfers, occasion: {}, changed: false })
    return transfers
  }
  const transfers = admit(admitted)
  const take = (): RunningTransfer => ahead.take(SITE) as RunningTransfer
  /** Keys of leases that were asked for, in order. */
  const claimed = (): string[] => claims.calls.filter((call) => call.startsWith('claim')).map((call) => call.slice('claim '.length))
  return { clock, claims, queue, tickets, unexpected, changed, others, delays, ahead, admit, transfers, take, claimed }
}

/** Slots take `count` transfers one after the other, and finish them. */
async function work({ take, ahead, queue, claims }: ReturnType<typeof rig>, count: number): Promise<readonly Claim[]> {
  const done: Claim[] = []
  for (let n = 0; n < count; n++) {
    const running = take()
    const held = await ahead.claim(running)
    if (held) {
      done.push(held.claim)
      await claims.release(held.claim, { finished: true })
    }
    queue.done(running)
  }
  return done
}

describe('leases', () => {
  test('of the first are taken one by one: nobody knows yet how long they take', async () => {
    const one = rig()
    await one.ahead.claim(one.take())
    expect(one.claimed()).toHaveLength(1)
  })

  test('of the next are taken together, no more than slots used up lately, each once, as their turn comes', async () => {
    const one = rig()
    await work(one, 4)
    await settle()
    expect(one.claimed().toSorted()).toEqual(one.transfers.slice(0, 4 + 3).map(({ key }) => key))
    await work(one, 16)
    expect(one.claimed().toSorted()).toEqual(one.transfers.map(({ key }) => key))
    expect(one.queue.isIdle).toBe(true)
  })

  test('are not taken ahead where files take their time', async () => {
    const one = rig()
    for (let n = 0; n < 5; n++) {
      await work(one, 1)
      await one.clock.advance(600)
    }
    expect(one.claimed()).toHaveLength(5)
  })

  test('are never more than may wait', async () => {
    const one = rig({ most: 2 })
    await work(one, 8)
    expect(one.claimed().length).toBeLessThanOrEqual(8 + 2)
    expect(one.claims.leases.size).toBeLessThanOrEqual(2)
  })

  test('are taken one by one where nothing may wait', async () => {
    const one = rig({ most: 0 })
    await work(one, 8)
    await settle()
    expect(one.claimed()).toHaveLength(8)
  })

  test('that were taken ahead tell of the time when there was a slot', async () => {
    const one = rig()
    await work(one, 4)
    await one.clock.advance(300)
    expect(await one.ahead.claim(one.take())).toMatchObject({ startedAt: 300 })
  })
})

describe('what has a lease and no slot', () => {
  test('waits for what is more urgent', async () => {
    const one = rig()
    await work(one, 4)
    const [urgent] = one.admit(1, { priority: 90 })
    expect(one.take().transfer.key).toBe(urgent?.key)
    expect(one.take().transfer.key).toBe(one.transfers[4]?.key)
  })

  test('is given back after a while, unfinished, and waits for its turn again', async () => {
    const one = rig({ admitted: 6 })
    await work(one, 4)
    const before = one.tickets.length
    expect(one.claims.leases.size).toBe(2)
    await one.clock.advance(PATIENCE_MS)
    await one.ahead.settled()
    expect(one.claims.leases.size).toBe(0)
    expect(one.claims.calls.slice(-2)).toEqual(one.transfers.slice(4).map(({ key }) => `release ${key}`))
    expect(one.queue.queuedAt(SITE)).toBe(2)
    expect(one.tickets).toHaveLength(before + 2)
    expect(one.clock.alarms).toBe(0)
    expect(await work(one, 2)).toHaveLength(2)
  })

  test('is looked at again when it is given back and its document changed meanwhile', async () => {
    const one = rig({ admitted: 5 })
    await work(one, 4)
    one.queue.admit({ representationKey: 'r', transfers: one.transfers.slice(4), occasion: {}, changed: true })
    await one.clock.advance(PATIENCE_MS)
    expect(one.changed.map(({ transfer }) => transfer.key)).toEqual([one.transfers[4]?.key])
  })

  test('is given back at the end, and waits for nothing', async () => {
    const one = rig()
    await work(one, 4)
    one.queue.close()
    one.ahead.close()
    await one.ahead.settled()
    expect(one.claims.leases.size).toBe(0)
    expect(one.clock.alarms).toBe(0)
    expect(one.queue.isIdle).toBe(true)
    expect(one.ahead.take(SITE)).toBeUndefined()
  })

  test('and turns out to be somebody else’s is forgotten', async () => {
    const one = rig({ admitted: 5 })
    one.others.add(one.transfers[4]?.key ?? '')
    await work(one, 4)
    await one.clock.advance(PATIENCE_MS)
    await one.ahead.settled()
    expect(one.queue.isIdle).toBe(true)
    expect(one.claims.calls.filter((call) => call.startsWith('release') && !call.endsWith('finished'))).toEqual([])
  })
})

const waiting = async () => {
  const one = rig()
  await work(one, 4)
  const running = one.take()
  return { ...one, running, lease: () => one.claims.leases.get(running.transfer.targetKey) }
}

describe('what has a lease and a slot, and waits for its source', () => {
  test('keeps its lease for a moment', async () => {
    const one = await waiting()
    await one.clock.advance(PATIENCE_MS - 1)
    const asked = one.claimed().length
    expect(await one.ahead.claim(one.running)).toMatchObject({ running: one.running })
    expect(one.claimed()).toHaveLength(asked)
    await one.clock.advance(PATIENCE_MS)
    expect(one.lease()).toBeDefined()
  })

  test('gives it back after a while, and has a fresh one when it is its turn', async () => {
    const one = await waiting()
    await one.clock.advance(PATIENCE_MS)
    expect(one.lease()).toBeUndefined()
    expect(one.queue.running.has(one.running.transfer.key)).toBe(true)
    await one.clock.advance(LEASE_MS * 2)
    const held = await one.ahead.claim(one.running)
    expect(held?.claim.localDeadline).toBeGreaterThan(one.clock.now() + LEASE_MS / 2)
    expect(one.clock.alarms).toBe(0)
  })

  test('waits for a lease that is on its way back before it takes another', async () => {
    const one = rig({ admitted: 5 })
    await work(one, 3)
    one.delays.push(0, PATIENCE_MS + 1)
    await work(one, 1)
    const running = one.take()
    const held = await one.ahead.claim(running)
    expect(held?.claim.localDeadline).toBeGreaterThan(one.clock.now())
    expect(one.claims.leases.has(running.transfer.targetKey)).toBe(true)
  })

  test('gives it back at the end', async () => {
    const one = await waiting()
    one.queue.close()
    one.ahead.close()
    await one.ahead.settled()
    expect(one.claims.leases.size).toBe(0)
    expect(one.clock.alarms).toBe(0)
  })
})

test.each([LEASE_MS, LEASE_MS * 0.7])(
  'a lease that took %i ms to be had, so that it is over before it is renewed, is taken afresh',
  async (ms) => {
    const one = rig({ most: 0 })
    one.delays.push(ms)
    const running = one.take()
    const held = await one.ahead.claim(running)
    expect(held?.claim.localDeadline).toBeGreaterThan(one.clock.now() + LEASE_MS / 3)
    expect(one.claims.calls).toEqual([`claim ${running.transfer.key}`, `release ${running.transfer.key}`, `claim ${running.transfer.key}`])
  },
)

/** Another instance has every second of them. */
const contested = (admitted: number) => {
  const one = rig({ most: 4, admitted })
  for (const [n, { key }] of one.transfers.entries()) if (n % 2 === 1) one.others.add(key)
  return one
}

describe('where another instance is at the same work', () => {
  test('no slot is troubled with what is not ours, as soon as leases are taken ahead', async () => {
    const one = contested(40)
    await work(one, 4)
    await settle()
    const before = one.queue.running.size
    expect(await work(one, before)).toHaveLength(before)
  })

  test('ours are taken from here and there for a while, each once', async () => {
    const one = contested(40)
    one.clock.chance = 0.5
    await work(one, 4)
    await settle()
    const keys = one.transfers.map(({ key }) => key)
    const asked = one.claimed().map((key) => keys.indexOf(key))
    expect(Math.max(...asked)).toBeGreaterThan(15)
    while (!one.queue.isIdle) {
      const running = one.ahead.take(SITE)
      if (!running) break
      await one.ahead.claim(running)
      one.queue.done(running)
      await settle()
    }
    expect(one.claimed().toSorted()).toEqual(keys.toSorted())
  })

  test('and then in their order again', async () => {
    const one = rig({ most: 0, admitted: 5 })
    one.clock.chance = 0.99
    one.others.add(one.transfers[0]?.key ?? '')
    await work(one, 1)
    await one.clock.advance(10_000)
    expect(one.take().transfer.key).toBe(one.transfers[1]?.key)
  })
})

describe('a claim that fails', () => {
  test('is told to the slot that takes it', async () => {
    const one = rig()
    await work(one, 3)
    one.claims.fails.claim = new Error('database away')
    const first = one.take()
    await one.ahead.claim(first)
    one.take()
    await expect(one.ahead.claim(one.take())).rejects.toThrow('database away')
    expect(one.unexpected).toEqual([])
  })

  test('is told also when no slot came for it, which is not repeated before a scan finds it', async () => {
    const one = rig()
    await work(one, 3)
    const held = one.claims.leases.size
    one.claims.fails.claim = new Error('database away')
    await work(one, 1)
    await one.clock.advance(PATIENCE_MS)
    await one.ahead.settled()
    expect(one.unexpected.length).toBeGreaterThan(0)
    expect(one.claims.leases.size).toBeLessThanOrEqual(held)
    expect(one.queue.running.size).toBe(0)
  })
})

test('whatever slots, scans and time do, each transfer is served once and none is forgotten', async () => {
  const step = fc.oneof(
    fc.record({ admit: fc.integer({ min: 1, max: 8 }), priority: fc.integer({ min: 0, max: 100 }) }),
    fc.record({ slots: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ finish: fc.integer({ min: 1, max: 6 }) }),
    fc.record({ pass: fc.constantFrom(1, 10, 100, 1_000, 3_000) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 5 }), fc.array(step, { maxLength: 60 }), async (most, steps) => {
      const one = rig({ most, admitted: 0 })
      const admitted: string[] = []
      const served: string[] = []
      const busy: RunningTransfer[] = []
      const use = async (count: number): Promise<void> => {
        for (let n = 0; n < count && one.tickets.length > 0; n++) {
          one.tickets.shift()
          const running = one.ahead.take(SITE)
          if (!running) continue
          busy.push(running)
          await one.ahead.claim(running)
        }
      }
      const finish = async (count: number): Promise<void> => {
        for (const running of busy.splice(0, count)) {
          served.push(running.transfer.key)
          one.claims.leases.delete(running.transfer.targetKey)
          one.queue.done(running)
        }
        await settle()
      }
      for (const next of steps) {
        if ('admit' in next) admitted.push(...one.admit(next.admit, { priority: next.priority }).map(({ key }) => key))
        if ('slots' in next) await use(next.slots)
        if ('finish' in next) await finish(next.finish)
        if ('pass' in next) await one.clock.advance(next.pass)
      }
      while (one.tickets.length > 0 || busy.length > 0) {
        await use(2)
        await finish(2)
      }
      await one.ahead.settled()
      expect(served.toSorted()).toEqual(admitted.toSorted())
      expect(one.queue.isIdle).toBe(true)
      expect(one.unexpected).toEqual([])
    }),
    { numRuns: 200 },
  )
})
