import { of, Subject, type Subscription } from 'rxjs'
import { describe, expect, test } from 'vitest'

import type { SlotStore } from '../../src/model/stores.ts'
import { ClusterGates } from '../../src/pipeline/cluster-gates.ts'
import type { Pass } from '../../src/pipeline/site-gates.ts'
import { FakeClock, settle } from '../support/fake-clock.ts'

const SYNCED = { kind: 'synced', id: 'x', bytes: 1, sent: 1 } as const

/** One slot for all, in memory. */
function rig() {
  const clock = new FakeClock()
  const stop$ = new Subject<void>()
  const calls: string[] = []
  let holder: string | undefined
  const slots: SlotStore = {
    async acquire(_site, _limit, who) {
      calls.push('acquire')
      await Promise.resolve()
      holder ??= who
      return holder === who
    },
    async renew() {
      calls.push('renew')
      await Promise.resolve()
    },
    async release(_site, who) {
      if (holder !== who) return
      calls.push('release')
      holder = undefined
      await Promise.resolve()
    },
  }
  const gates = new ClusterGates({
    gates: { enter: () => of({ report: () => undefined }) },
    slots,
    clock,
    sharedLimitOf: (site) => (site === 'shared' ? 1 : undefined),
    renewEveryMs: 10_000,
    stop$,
  })
  const enter = (site = 'shared'): { passes: Pass[]; subscription: Subscription } => {
    const passes: Pass[] = []
    return { passes, subscription: gates.enter(site).subscribe((pass) => passes.push(pass)) }
  }
  return { clock, stop$, calls, enter, slotIsFree: () => holder === undefined }
}

describe('a slot', () => {
  test('is asked for again and again, had by one at a time, and given back when it was used', async () => {
    const { clock, enter, calls, slotIsFree } = rig()
    const first = enter()
    const second = enter()
    await settle()
    await clock.advance(1_000)
    expect([first.passes.length, second.passes.length]).toEqual([1, 0])
    first.passes[0]?.report(SYNCED)
    await clock.advance(300)
    expect(second.passes).toHaveLength(1)
    second.passes[0]?.report(SYNCED)
    expect(slotIsFree()).toBe(true)
    expect(calls.filter((call) => call === 'release')).toHaveLength(2)
    expect(clock.alarms).toBe(0)
  })

  test('is renewed as long as it is held', async () => {
    const { clock, enter, calls } = rig()
    const { passes } = enter()
    await settle()
    await clock.advance(25_000)
    expect(calls).toEqual(['acquire', 'renew', 'renew'])
    passes[0]?.report(SYNCED)
    await clock.advance(25_000)
    expect(calls).toEqual(['acquire', 'renew', 'renew', 'release'])
  })

  test('that was not used goes to the next that waits here, not back into the race', async () => {
    const { enter, calls, slotIsFree } = rig()
    const first = enter()
    await settle()
    const second = enter()
    await settle()
    first.passes[0]?.report(undefined)
    await settle()
    expect(second.passes).toHaveLength(1)
    expect(calls).toEqual(['acquire', 'acquire'])
    second.passes[0]?.report(SYNCED)
    expect(slotIsFree()).toBe(true)
  })

  test('that was not used is kept for whoever comes next, for a moment', async () => {
    const { clock, enter, calls, slotIsFree } = rig()
    const first = enter()
    await settle()
    first.passes[0]?.report(undefined)
    const second = enter()
    await settle()
    expect(second.passes).toHaveLength(1)
    expect(calls).toEqual(['acquire'])
    second.passes[0]?.report(undefined)
    await clock.advance(50)
    expect(slotIsFree()).toBe(true)
    expect(clock.alarms).toBe(0)
  })

  test('is not kept after the end', async () => {
    const { stop$, enter, slotIsFree } = rig()
    const first = enter()
    await settle()
    const second = enter()
    await settle()
    stop$.next()
    first.passes[0]?.report(undefined)
    expect(slotIsFree()).toBe(true)
    expect(second.passes).toHaveLength(0)
  })

  test('is of no concern to sites whose limit is each instance’s own', async () => {
    const { enter, calls } = rig()
    expect([enter('own').passes.length, enter('own').passes.length]).toEqual([1, 1])
    await settle()
    expect(calls).toEqual([])
  })
})
