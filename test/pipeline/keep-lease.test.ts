import { TestScheduler } from 'rxjs/testing'
import { describe, expect, test, vi } from 'vitest'

import type { Held } from '../../src/pipeline/contracts.ts'
import { keepLease } from '../../src/pipeline/keep-lease.ts'
import { AsyncMarbles, marbles } from '../support/async-marbles.ts'
import { clockOf, FakeClock } from '../support/fake-clock.ts'
import { holdOf, LEASE_MS, MemoryClaims } from '../support/memory-claims.ts'
import { transferOf } from '../support/model-samples.ts'

async function held(): Promise<{ clock: FakeClock; claims: MemoryClaims; one: Held }> {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  return { clock, claims, one: await holdOf(claims, transferOf({ key: 'a' }), clock) }
}

describe('the work', () => {
  test.each([
    ['that ends', '  --w-----|', '--w-----|'],
    ['that fails', ' --w--#', '   --w--#'],
    ['of nothing', ' |', '        |'],
  ])('%s is passed on as it is', async (_title, work, expected) => {
    const { claims, one } = await held()
    const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
    scheduler.run(({ cold, expectObservable }) => {
      const lease = { claims, clock: clockOf(scheduler), everyMs: 3, scheduler }
      expectObservable(keepLease(lease, one, cold(work.trim()))).toBe(expected.trim())
    })
  })
})

/** Frames in which it was renewed. */
function renewals(using: AsyncMarbles, claims: MemoryClaims): number[] {
  const frames: number[] = []
  const renew = claims.renew.bind(claims)
  vi.spyOn(claims, 'renew').mockImplementation(async (...call) => {
    frames.push(using.frame)
    return renew(...call)
  })
  return frames
}

describe('the lease', () => {
  test('is renewed as long as the work goes on, and not once more', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    const frames = renewals(m, claims)
    const work = m.cold('------w-----|')
    const seen = m.record(keepLease({ claims, clock, everyMs: 5 }, one, work))
    await m.run(30)
    expect(seen).toEqual(marbles('------w-----|'))
    expect(frames).toEqual([5, 10])
  })

  test('is not renewed after the work has failed', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    const frames = renewals(m, claims)
    const seen = m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('-------#')))
    await m.run(30)
    expect(seen).toEqual(marbles('-------#'))
    expect(frames).toEqual([5])
  })

  test('has a new end, and the session that was saved meanwhile', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('-------|')))
    one.claim = { ...one.claim, session: { upload: 'u1' } }
    const { until } = one.claim
    await clock.advance(1_000)
    await m.run(10)
    expect(one.claim.until.getTime()).toBe(until.getTime() + 1_000)
    expect(one.claim.session).toEqual({ upload: 'u1' })
  })

  test('a renewal that takes long is not overtaken by the next', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    const frames: number[] = []
    vi.spyOn(claims, 'renew').mockImplementation(async () => {
      frames.push(m.frame)
      await new Promise((resolve) => setTimeout(resolve, 12))
      return one.claim
    })
    m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('---------------------------|')))
    await m.run(40)
    expect(frames).toEqual([5, 20])
  })

  test('that is not ours any more ends the transfer', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    claims.leases.clear()
    m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('--------|')))
    await m.run(4)
    expect(one.running.abort.signal.aborted).toBe(false)
    await m.run(1)
    expect(one.running.abort.signal.reason).toEqual({ kind: 'released', reason: 'its lease is not ours any more' })
  })

  test('that can not be renewed ends the transfer when its time is nearly over, not before', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    claims.fails.renew = new Error('no primary')
    m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('--------------------|')))
    await clock.advance(LEASE_MS * 0.8 - 1)
    await m.run(5)
    expect(one.running.abort.signal.aborted).toBe(false)
    await clock.advance(1)
    await m.run(5)
    expect(one.running.abort.signal.reason).toEqual({ kind: 'released', reason: 'its lease could not be renewed' })
  })

  test('whose renewal hangs ends the transfer before others may take over, and not when the renewal fails at last', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    vi.spyOn(claims, 'renew').mockImplementation(async () => new Promise(() => undefined))
    m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('--------------------|')))
    await m.run(6)
    await clock.advance(LEASE_MS * 0.8 - 1)
    expect(one.running.abort.signal.aborted).toBe(false)
    await clock.advance(1)
    expect(one.running.abort.signal.reason).toEqual({ kind: 'released', reason: 'its lease could not be renewed' })
  })

  test('ends the transfer at once when it is found to be over: whoever was frozen does not ask first', async () => {
    const { clock, claims, one } = await held()
    await clock.advance(LEASE_MS)
    using m = new AsyncMarbles()
    m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('---|')))
    await clock.advance(0)
    expect(one.running.abort.signal.aborted).toBe(true)
    expect(claims.calls).toEqual(['claim a'])
  })

  test('has no alarm left when the work has ended, not even after a late renewal', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    const renew = claims.renew.bind(claims)
    vi.spyOn(claims, 'renew').mockImplementation(async (...call) => {
      await new Promise((resolve) => setTimeout(resolve, 4))
      return renew(...call)
    })
    m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('-------|')))
    await m.run(6)
    expect(clock.alarms).toBe(1)
    await m.run(10)
    expect(clock.alarms).toBe(0)
  })

  test('that could not be renewed once, and then could, is kept', async () => {
    const { clock, claims, one } = await held()
    using m = new AsyncMarbles()
    claims.fails.renew = new Error('no primary')
    m.record(keepLease({ claims, clock, everyMs: 5 }, one, m.cold('--------------------|')))
    await m.run(5)
    delete claims.fails.renew
    await clock.advance(LEASE_MS * 0.79)
    await m.run(5)
    await clock.advance(LEASE_MS * 0.5)
    await m.run(15)
    expect(one.running.abort.signal.aborted).toBe(false)
  })
})
