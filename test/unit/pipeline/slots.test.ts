import { describe, expect, test } from 'vitest'

import type { SlotStore } from '../../../src/model/stores.ts'
import { OwnSlots, SharedSlots } from '../../../src/pipeline/slots.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

/** So many slots for all, in memory. */
class MemorySlots implements SlotStore {
  readonly calls: string[] = []
  readonly holders = new Set<string>()
  /** Of the next calls. */
  readonly faults: Error[] = []
  #hold: Promise<void> | undefined

  /** Calls wait until what it gives back is called. */
  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#hold = promise
    return resolve
  }

  async acquire(_site: string, limit: number, holder: string): Promise<boolean> {
    this.calls.push('acquire')
    await this.#answer()
    if (this.holders.size < limit) this.holders.add(holder)
    return this.holders.has(holder)
  }

  async renew(_site: string, holder: string): Promise<void> {
    this.calls.push('renew')
    await this.#answer()
    if (!this.holders.has(holder)) throw new Error('whose slot is that?')
  }

  async release(_site: string, holder: string): Promise<void> {
    if (this.holders.has(holder)) this.calls.push('release')
    await this.#answer()
    this.holders.delete(holder)
  }

  async #answer(): Promise<void> {
    await this.#hold
    await Promise.resolve()
    const fault = this.faults.shift()
    if (fault) throw fault
  }
}

/** An instance with transfers that wait for slots, and take them as they get free. */
function instanceOf(store: MemorySlots, clock: FakeClock, limit = 1) {
  let waiting = 0
  const taken: ((wasUsed: boolean) => void)[] = []
  const slots: SharedSlots = new SharedSlots({ site: 'gdrive', limit, store, clock, renewEveryMs: 10_000, freed: () => pull() })
  const pull = (): void => {
    while (slots.isFree(waiting) && waiting > 0) {
      waiting--
      taken.push(slots.take())
    }
  }
  const want = (count = 1): void => {
    waiting += count
    pull()
  }
  const forget = (): void => {
    waiting = 0
    pull()
  }
  const leave = (wasUsed: boolean): void => taken.shift()?.(wasUsed)
  return { slots, taken, want, forget, leave, waiting: () => waiting }
}

function rig(limit = 1) {
  const clock = new FakeClock()
  const store = new MemorySlots()
  return { clock, store, instance: () => instanceOf(store, clock, limit) }
}

describe('slots of this instance', () => {
  test('are as many as the limit, at once and without asking; who leaves is heard of', () => {
    let freed = 0
    const slots = new OwnSlots(2, () => void freed++)
    const leave = [slots.take()]
    expect(slots.isFree()).toBe(true)
    leave.push(slots.take())
    expect([slots.isFree(), freed]).toEqual([false, 0])
    leave[0]?.()
    expect([slots.isFree(), freed]).toEqual([true, 1])
  })
})

describe('a shared slot', () => {
  test('is asked for again and again, had by one at a time, and given back when it was used', async () => {
    const { clock, store, instance } = rig()
    const [first, second] = [instance(), instance()]
    first.want()
    second.want()
    await clock.advance(1_000)
    expect([first.taken.length, second.taken.length]).toEqual([1, 0])
    first.leave(true)
    await clock.advance(300)
    expect(second.taken).toHaveLength(1)
    second.leave(true)
    await settle()
    expect(store.holders.size).toBe(0)
    expect(store.calls.filter((call) => call === 'release')).toHaveLength(2)
    expect(clock.alarms).toBe(0)
  })

  test('is asked for with a pause between two attempts, of 100 to 300 ms', async () => {
    const { clock, store, instance } = rig()
    const [first, second] = [instance(), instance()]
    first.want()
    await settle()
    clock.chance = 0
    second.want()
    await settle()
    await clock.advance(350)
    expect(store.calls.filter((call) => call === 'acquire')).toHaveLength(1 + 1 + 3)
    clock.chance = 1
    await clock.advance(700)
    expect(store.calls.filter((call) => call === 'acquire')).toHaveLength(1 + 1 + 3 + 3)
  })

  test('is renewed as long as it is held, also when that fails once', async () => {
    const { clock, store, instance } = rig()
    const one = instance()
    one.want()
    await settle()
    store.faults.push(new Error('no primary'))
    await clock.advance(25_000)
    expect(store.calls).toEqual(['acquire', 'renew', 'renew'])
    one.leave(true)
    await clock.advance(25_000)
    expect(store.calls).toEqual(['acquire', 'renew', 'renew', 'release'])
    expect(clock.alarms).toBe(0)
  })

  test('that was not used goes to the next that waits here, not back into the race', async () => {
    const { store, instance } = rig()
    const one = instance()
    one.want()
    await settle()
    one.want()
    one.leave(false)
    expect(one.taken).toHaveLength(1)
    expect(store.calls.filter((call) => call === 'acquire')).toHaveLength(1)
    one.leave(true)
    await settle()
    expect(store.holders.size).toBe(0)
  })

  test('that was not used is kept for whoever comes next, for 50 ms', async () => {
    const { clock, store, instance } = rig()
    const one = instance()
    one.want()
    await settle()
    one.leave(false)
    await clock.advance(49)
    one.want()
    expect(one.taken).toHaveLength(1)
    expect(store.calls).toEqual(['acquire'])
    one.leave(false)
    await clock.advance(49)
    expect(store.holders.size).toBe(1)
    await clock.advance(1)
    expect(store.holders.size).toBe(0)
    expect(clock.alarms).toBe(0)
  })

  test('is not kept after the end, nor asked for', async () => {
    const { clock, store, instance } = rig()
    const one = instance()
    one.want()
    await settle()
    one.want()
    one.slots.close()
    one.leave(false)
    await settle()
    expect([store.holders.size, one.taken.length]).toEqual([0, 0])
    one.want()
    await clock.advance(1_000)
    expect(store.calls.filter((call) => call === 'acquire')).toHaveLength(1)
    expect(clock.alarms).toBe(0)
  })

  test('that is kept for the next is given back at the end', async () => {
    const { clock, store, instance } = rig()
    const one = instance()
    one.want()
    await settle()
    one.leave(false)
    one.slots.close()
    await settle()
    expect([store.holders.size, clock.alarms]).toEqual([0, 0])
  })

  test('for which somebody waits at the end: nobody does any more, and nothing is left', async () => {
    const { clock, store, instance } = rig()
    const [first, second] = [instance(), instance()]
    first.want()
    second.want()
    await clock.advance(1_000)
    const alarms = clock.alarms
    second.slots.close()
    await settle()
    expect(clock.alarms).toBe(alarms - 1)
    const asked = store.calls.length
    await clock.advance(5_000)
    expect(store.calls).toHaveLength(asked)
  })

  test('that comes after the end is given back', async () => {
    const { store, instance } = rig()
    const answer = store.hold()
    const one = instance()
    one.want()
    one.slots.close()
    answer()
    await settle()
    expect([store.calls, store.holders.size, one.taken.length]).toEqual([['acquire', 'release'], 0, 0])
  })

  test('is not asked for any more when nobody wants one, and one that comes then is given back', async () => {
    const { clock, store, instance } = rig()
    const [first, second] = [instance(), instance()]
    first.want()
    second.want()
    await clock.advance(1_000)
    second.forget()
    await clock.advance(300)
    const asked = store.calls.length
    await clock.advance(5_000)
    expect(store.calls).toHaveLength(asked)
    first.leave(true)
    await settle()
    const answer = store.hold()
    second.want()
    second.forget()
    answer()
    await settle()
    expect([store.holders.size, second.taken.length]).toEqual([0, 0])
    expect(clock.alarms).toBe(0)
  })

  test('is asked for again when the database could not answer', async () => {
    const { clock, store, instance } = rig()
    store.faults.push(new Error('no primary'), new Error('no primary'))
    const one = instance()
    one.want()
    await settle()
    await clock.advance(1_000)
    expect(one.taken).toHaveLength(1)
  })

  test('that can not be given back does no harm', async () => {
    const { store, instance } = rig()
    const one = instance()
    one.want()
    await settle()
    store.faults.push(new Error('no primary'))
    one.leave(true)
    await settle()
    expect(one.taken).toHaveLength(0)
  })
})

describe('several shared slots', () => {
  test('are asked for at once, as many as are wanted, up to the limit', async () => {
    const { store, instance } = rig(3)
    const one = instance()
    one.want(2)
    expect(store.calls).toEqual(['acquire', 'acquire'])
    await settle()
    expect(one.taken).toHaveLength(2)
    one.want(5)
    expect(store.calls).toHaveLength(3)
    await settle()
    expect([one.taken.length, one.waiting(), store.calls.length]).toEqual([3, 4, 3])
  })

  test('are shared among instances: never more than the limit', async () => {
    const { clock, store, instance } = rig(3)
    const instances = [instance(), instance(), instance()]
    for (const one of instances) one.want(10)
    for (let rounds = 0; rounds < 60; rounds++) {
      await clock.advance(300)
      expect(store.holders.size).toBeLessThanOrEqual(3)
      const held = instances.flatMap(({ taken }) => taken)
      expect(held.length).toBeLessThanOrEqual(3)
      instances[rounds % 3]?.leave(true)
    }
    for (const one of instances) one.forget()
    expect(instances.reduce((left, one) => left + one.waiting(), 0)).toBe(0)
  })

  test('are each held by a name of its own', async () => {
    const { store, instance } = rig(3)
    const one = instance()
    one.want(3)
    await settle()
    expect(store.holders.size).toBe(3)
    one.leave(true)
    await settle()
    expect(store.holders.size).toBe(2)
  })
})
