import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Occasion } from '../../../src/model/eligibility.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import type { SlotStore } from '../../../src/model/stores.ts'
import type { Transfer } from '../../../src/model/transfer.ts'
import type { Attempt } from '../../../src/pipeline/attempt.ts'
import type { Clock } from '../../../src/pipeline/clock.ts'
import { OwnSlots, SharedSlots, type Slots } from '../../../src/pipeline/slots.ts'
import { Workload } from '../../../src/pipeline/workload.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { MemoryClaims, permitParts } from '../../support/memory-claims.ts'
import { siteOf, transferOf } from '../../support/model-samples.ts'

const synced: Outcome = { kind: 'synced', id: '1', bytes: 3, sent: 3 }
const troubleOf = (site: string): Outcome => ({ kind: 'site-trouble', site, error: new SyncError('UNREACHABLE', `${site} is down`) })

interface Options {
  readonly maxQueued?: number
  /** Transfers at once to a site. */
  readonly limit?: number
  readonly isHeldBack?: (transfer: Transfer) => boolean
  readonly isOurs?: (transfer: Transfer) => boolean
  readonly reread?: (transfer: Transfer) => Promise<Transfer | undefined>
  readonly slotsOf?: (site: string, clock: Clock, freed: () => void) => Slots | undefined
}

/** All that a workload says; attempts are begun and left to the test. */
function rig({ maxQueued = 10, limit = 1, isHeldBack, isOurs, reread, slotsOf }: Options = {}) {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  const begun: string[] = []
  const room: string[] = []
  const said: string[] = []
  let idle = 0
  const work = new Workload({
    siteParts: (name) => ({
      name,
      clock,
      maxQueued,
      probe: async () => Promise.resolve(),
      events: { cooling: (site) => said.push(`${site} cooling`), recovered: (site) => said.push(`${site} recovered`) },
      makeSlots: (freed) => slotsOf?.(name, clock, freed) ?? new OwnSlots(limit, freed),
    }),
    permits: permitParts(claims, clock, reread && { reread }),
    countsReads: (site) => site === 'gdrive',
    ...(isHeldBack && { isHeldBack }),
    ...(isOurs && { peers: { isOurs } }),
  })
  work.attempts$.subscribe({ next: ({ transfer }) => begun.push(transfer.key), complete: () => begun.push('no more') })
  work.room$.subscribe((site) => room.push(site))
  work.idle$.subscribe(() => idle++)
  const admit = (transfers: readonly Transfer[], occasion: Occasion = {}, changed = false): void =>
    work.admit({ representationKey: 'r', transfers, occasion, changed })
  const attemptOf = ({ key }: Pick<Transfer, 'key'>): Attempt => {
    const attempt = work.running.get(key)
    if (!attempt) throw new Error(`${key} does not run; those that do: ${[...work.running.keys()].join(', ')}`)
    return attempt
  }
  const done = (transfer: Pick<Transfer, 'key'>): void => work.done(attemptOf(transfer))
  /** It ends with this outcome, which its sites learn. */
  const end = (transfer: Pick<Transfer, 'key'>, outcome: Outcome = synced): void => {
    const attempt = attemptOf(transfer)
    const written = work.verified(attempt, outcome)
    work.done(attempt)
    written()
  }
  return { clock, claims, work, begun, room, said, admit, attemptOf, done, end, idle: () => idle }
}

const job = (key: string, more: Partial<Transfer> = {}): Transfer => transferOf({ key, ...more })
const jobs = (count: number, more: Partial<Transfer> = {}): Transfer[] => Array.from({ length: count }, () => transferOf(more))
/** From one site to another. */
const from = (source: string, site: string, key: string): Transfer => {
  const transfer = job(key, { site })
  return { ...transfer, route: { ...transfer.route, sourceSite: siteOf(source) } }
}

describe('slots pull', () => {
  test('a transfer begins when it is found and a slot is free, once, however often it is found', () => {
    const { admit, begun, work } = rig({ limit: 5 })
    const [a, b] = [job('a'), job('b', { site: 'nas' })]
    admit([a, b])
    admit([a, b, { ...a, priority: 99 }])
    expect(begun).toEqual(['a', 'b'])
    expect([...work.running.keys()]).toEqual(['a', 'b'])
  })

  test('no more at once than the site has slots; who is done leaves one to the next', () => {
    const { admit, begun, end } = rig({ limit: 2 })
    admit(['a', 'b', 'c', 'd'].map((key) => job(key)))
    expect(begun).toEqual(['a', 'b'])
    end(job('b'))
    expect(begun).toEqual(['a', 'b', 'c'])
    end(job('a'))
    end(job('c'))
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
  })

  test('a slot that gets free goes to the most urgent of that moment', () => {
    const { admit, begun, end } = rig()
    admit([job('a'), job('b', { priority: 50 }), job('c', { priority: 10 })])
    admit([job('c', { priority: 99 })])
    end(job('a'))
    end(job('c'))
    expect(begun).toEqual(['a', 'c', 'b'])
  })

  test('projects have their turns: a large publish does not hold up the others', () => {
    const { admit, begun, end } = rig()
    admit(['a1', 'a2', 'a3'].map((key) => job(key, { project: 'A' })))
    admit(['b1', 'b2'].map((key) => job(key, { project: 'B' })))
    for (let next = begun.at(-1); begun.length < 5; next = begun.at(-1)) end({ key: next ?? '' })
    expect(begun).toEqual(['a1', 'a2', 'b1', 'a3', 'b2'])
  })

  test('nothing begins that is not due', () => {
    const { admit, begun } = rig()
    const failed = job('a', { tries: 1, lastFailed: new Date(1_000) })
    admit([failed])
    expect(begun).toEqual([])
    admit([failed], { retryFailedBefore: new Date(2_000) })
    expect(begun).toEqual(['a'])
  })

  test('one that had to leave for a more urgent one does not begin', () => {
    const { admit, begun, end, work } = rig({ maxQueued: 1 })
    admit([job('runs')])
    admit([job('a', { priority: 10 }), job('b', { priority: 90 })])
    end(job('runs'))
    expect(begun).toEqual(['runs', 'b'])
    end(job('b'))
    expect(work.isIdle).toBe(true)
  })

  test('a site that is stuck delays no other', () => {
    const { admit, begun, end } = rig()
    admit([job('a'), job('b'), job('c', { site: 'nas' }), job('d', { site: 'nas' })])
    end(job('c'))
    expect(begun).toEqual(['a', 'c', 'd'])
  })
})

describe('what runs', () => {
  test('is not queued again; that its document changed meanwhile is remembered', () => {
    const { admit, attemptOf, begun } = rig()
    const a = job('a')
    admit([a])
    admit([a], {}, false)
    expect(attemptOf(a).changed).toBe(false)
    admit([a], {}, true)
    admit([a], {}, false)
    expect(attemptOf(a).changed).toBe(true)
    expect(begun).toEqual(['a'])
  })

  test('can come again when it is done', () => {
    const { admit, begun, end, work } = rig()
    admit([job('a')])
    end(job('a'))
    expect(work.running.size).toBe(0)
    admit([job('a')])
    expect(begun).toEqual(['a', 'a'])
  })

  test('gives its lease back when it is done, whatever became of it', async () => {
    const { admit, attemptOf, done, claims, clock } = rig()
    admit([job('a')])
    attemptOf(job('a')).permit.ask()
    await settle()
    expect(claims.leases.size).toBe(1)
    done(job('a'))
    await settle()
    expect([claims.leases.size, clock.alarms]).toEqual([0, 0])
  })
})

describe('a result that is being written', () => {
  test('leaves the slot to the next transfer, and its place to nobody', () => {
    const { admit, begun, attemptOf, work } = rig()
    const [a, twin, b] = [job('a', { targetKey: 'here' }), job('twin', { targetKey: 'here' }), job('b')]
    admit([a, twin, b])
    const written = work.verified(attemptOf(a), synced)
    expect(begun).toEqual(['a', 'b'])
    expect(work.running.has('a')).toBe(true)
    work.done(attemptOf(b))
    expect(begun).toEqual(['a', 'b'])
    work.done(attemptOf(a))
    written()
    expect(begun).toEqual(['a', 'b', 'twin'])
  })

  test('a database that takes no results is not overrun: no more than 256 are under way, and slots wait for the others', () => {
    const { admit, begun, attemptOf, work } = rig({ maxQueued: 1_000, limit: 4 })
    admit(jobs(300))
    const written = new Map<string, () => void>()
    for (let at = 0; at < begun.length; at++) {
      const key = begun[at] as string
      written.set(key, work.verified(attemptOf({ key }), synced))
    }
    expect(begun).toHaveLength(256 + 4)
    for (const key of begun.slice(0, 10)) {
      work.done(attemptOf({ key }))
      written.get(key)?.()
    }
    // Slots that wait are free only when their own results are written.
    expect(begun).toHaveLength(256 + 4)
    for (const key of begun.slice(256)) {
      work.done(attemptOf({ key }))
      written.get(key)?.()
    }
    expect(begun).toHaveLength(256 + 8)
  })
})

describe('one place at a time', () => {
  test('a transfer to a place that is being written to waits for its end, and others go on', () => {
    const { admit, begun, end, work } = rig({ limit: 3 })
    const [a, twin, b] = [job('a', { targetKey: 'here' }), job('twin', { targetKey: 'here' }), job('b')]
    admit([a, twin, b])
    expect(begun).toEqual(['a', 'b'])
    end(b)
    expect(work.isIdle).toBe(false)
    end(a)
    expect(begun).toEqual(['a', 'b', 'twin'])
  })

  test('a whole row of them is served one after the other', () => {
    const { admit, begun, end, work } = rig({ limit: 3 })
    admit(['a', 'b', 'c', 'd'].map((key) => job(key, { targetKey: 'here' })))
    for (const key of ['a', 'b', 'c']) {
      expect(work.running.size).toBe(1)
      end({ key })
    }
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
  })

  test('one that waits so is not queued twice', () => {
    const { admit, begun, end, work } = rig({ limit: 3 })
    const [a, twin] = [job('a', { targetKey: 'here' }), job('twin', { targetKey: 'here' })]
    admit([a, twin])
    admit([twin])
    expect(work.status('gdrive').queued).toBe(1 + 1)
    end(a)
    end(twin)
    expect(begun).toEqual(['a', 'twin'])
    expect(work.isIdle).toBe(true)
  })

  test('what waits for a place at one site leaves the others their room', () => {
    const { admit, work, begun } = rig({ maxQueued: 2, limit: 3 })
    for (let n = 0; n < 4; n++) admit([job(`${n}`, { targetKey: 'here' })])
    expect(begun).toEqual(['0'])
    expect(work.status('gdrive').queued).toBe(1 + 2)
    admit([job('nas', { site: 'nas' })])
    expect(begun).toEqual(['0', 'nas'])
    expect(work.hasRoom('gdrive')).toBe(false)
    expect(work.hasRoom('nas')).toBe(true)
  })

  test('places of two sites are two', () => {
    const { admit, begun } = rig()
    admit([job('a', { targetKey: 'gdrive here' }), job('b', { site: 'nas', targetKey: 'nas here' })])
    expect(begun).toEqual(['a', 'b'])
  })
})

describe('both ends', () => {
  test('a source whose reads count shares its slots: a download does not overrun a site that uploads use too', () => {
    const { admit, begun, end } = rig({ limit: 2 })
    admit([from('studio', 'gdrive', 'up-1'), from('studio', 'gdrive', 'up-2')])
    admit([from('gdrive', 'nas', 'down-1'), from('gdrive', 'nas', 'down-2')])
    expect(begun).toEqual(['up-1', 'up-2'])
    end(job('up-1'))
    expect(begun).toEqual(['up-1', 'up-2', 'down-1'])
    admit([from('studio', 'gdrive', 'up-3')])
    expect(begun).toHaveLength(3)
    end(job('down-1'))
    expect(begun.slice(3)).toHaveLength(1)
    end({ key: begun[3] as string })
    end({ key: begun[4] as string })
    expect(begun.toSorted()).toEqual(['down-1', 'down-2', 'up-1', 'up-2', 'up-3'])
  })

  test('a source whose reads do not count is read by as many as their targets bear', () => {
    const { admit, begun } = rig({ limit: 2 })
    admit([...jobs(2), ...jobs(2, { site: 'nas' }), ...jobs(2, { site: 'local_0' })])
    expect(begun).toHaveLength(6)
  })

  test('a download that waits for its source takes no slot of its target', () => {
    const { admit, begun, end } = rig()
    admit([from('studio', 'gdrive', 'up')])
    admit([from('gdrive', 'nas', 'down'), from('studio', 'nas', 'other')])
    expect(begun).toEqual(['up', 'other'])
    end(job('up'))
    expect(begun).toEqual(['up', 'other'])
    end(job('other'))
    expect(begun).toEqual(['up', 'other', 'down'])
  })

  test('a target in trouble keeps nothing else waiting', async () => {
    const { admit, begun, end, clock, work } = rig()
    admit([job('a'), job('b'), job('c', { site: 'nas' }), job('d', { site: 'nas' })])
    end(job('a'), troubleOf('gdrive'))
    end(job('c'))
    expect(begun).toEqual(['a', 'c', 'd'])
    expect([work.isInTrouble('gdrive'), work.isInTrouble('nas')]).toEqual([true, false])
    await clock.advance(4_999)
    expect(begun).toHaveLength(3)
    await clock.advance(1)
    expect(begun).toEqual(['a', 'c', 'd', 'b'])
  })

  test('a transfer whose source is in trouble stays queued, and one behind it with another source goes', async () => {
    const { admit, begun, end, clock } = rig()
    admit([from('studio', 'gdrive', 'a')])
    end(job('a'), troubleOf('studio'))
    admit([from('studio', 'gdrive', 'b'), from('nas', 'gdrive', 'c'), from('studio', 'local_0', 'd')])
    expect(begun).toEqual(['a', 'c'])
    end(job('c'))
    expect(begun).toEqual(['a', 'c'])
    await clock.advance(5_000)
    // One at a time finds out whether it is well again.
    expect(begun).toHaveLength(3)
    end({ key: begun[2] as string })
    expect(begun.slice(2).toSorted()).toEqual(['b', 'd'])
  })

  test('a site that is full takes no more downloads, and what is there is still sent to others', () => {
    const { admit, begun, end } = rig()
    admit([from('gdrive', 'studio', 'down')])
    end(job('down'), { kind: 'site-trouble', site: 'studio', error: new SyncError('DISK_FULL', 'no space left') })
    admit([from('gdrive', 'studio', 'down again'), from('studio', 'nas', 'up')])
    expect(begun).toEqual(['down', 'up'])
  })

  test('a root that came with the document is of no site: whatever its site is in, it goes', () => {
    const { admit, begun, end } = rig()
    admit([from('studio', 'gdrive', 'a')])
    end(job('a'), troubleOf('studio'))
    const own = job('b')
    admit([{ ...own, route: { ...own.route, sourceSite: siteOf('studio', { declared: false }) } }])
    expect(begun).toEqual(['a', 'b'])
  })

  test('a route that leads nowhere takes a slot of its target, and fails there', () => {
    const { admit, begun } = rig()
    admit([job('a', { route: { error: new SyncError('BAD_ROOT', 'x') } }), job('b')])
    expect(begun).toEqual(['a'])
  })

  test('while a site is tried again, one transfer at a time uses it; the first that goes well lets in all', async () => {
    const { admit, begun, end, clock, work, said } = rig({ limit: 3 })
    admit([job('a')])
    end(job('a'), troubleOf('gdrive'))
    admit([job('b'), job('c'), job('d')])
    await clock.advance(5_000)
    expect(begun).toEqual(['a', 'b'])
    expect(work.status('gdrive').health.state).toBe('trying')
    end(job('b'))
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
    expect(said).toEqual(['gdrive cooling', 'gdrive recovered'])
  })

  test.each([1, 3])('one that teaches nothing leaves the trial to the next, with %i slots', async (limit) => {
    const { admit, begun, end, done, clock, work, said } = rig({ limit })
    admit([job('a')])
    end(job('a'), troubleOf('gdrive'))
    admit([job('b'), job('c'), job('d'), job('e')])
    await clock.advance(5_000)
    // Another instance had it: nothing was verified.
    done(job('b'))
    expect(begun).toEqual(['a', 'b', 'c'])
    expect(work.status('gdrive').health.state).toBe('trying')
    end(job('c'), { kind: 'postponed', reason: 'on its way', inMs: 1 })
    expect(begun).toEqual(['a', 'b', 'c', 'd'])
    expect(work.status('gdrive').health.state).toBe('trying')
    end(job('d'), troubleOf('gdrive'))
    expect(said).toEqual(['gdrive cooling', 'gdrive cooling'])
    expect(begun).toHaveLength(4)
  })

  test('a site that nobody wants to use is well when its probe is', async () => {
    const { admit, end, clock, work } = rig()
    admit([job('a')])
    end(job('a'), troubleOf('gdrive'))
    await clock.advance(5_000)
    expect(work.status('gdrive').health.state).toBe('ok')
  })
})

/** Google Drive has so many for all instances; `taken` are had by others. */
function sharedSlots(limit: number, isOurs?: (transfer: Transfer) => boolean) {
  const foreign = { taken: 0 }
  const holders = new Set<string>()
  const calls: string[] = []
  const store: SlotStore = {
    async acquire(_site, most, holder) {
      calls.push('acquire')
      await Promise.resolve()
      if (holders.size + foreign.taken < most) holders.add(holder)
      return holders.has(holder)
    },
    renew: async () => Promise.resolve(),
    release: async (_site, holder) => {
      holders.delete(holder)
      return Promise.resolve()
    },
  }
  const all = rig({
    limit: 5,
    slotsOf: (site, clock, freed) =>
      site === 'gdrive' ? new SharedSlots({ site, limit, store, clock, renewEveryMs: 10_000, freed }) : undefined,
    ...(isOurs && { isOurs }),
  })
  return { ...all, foreign, holders, calls }
}

describe('slots that instances share', () => {
  test('are taken by uploads and downloads, no more than there are, and given back', async () => {
    const { admit, begun, end, holders, clock, work } = sharedSlots(2)
    admit([
      from('studio', 'gdrive', 'up-1'),
      from('gdrive', 'nas', 'down-1'),
      from('studio', 'gdrive', 'up-2'),
      from('gdrive', 'nas', 'down-2'),
    ])
    await settle()
    for (let rounds = 0; !work.isIdle; rounds++) {
      expect(rounds).toBeLessThan(20)
      expect(work.running.size).toBe(Math.min(2, 4 - rounds))
      expect(holders.size).toBe(work.running.size)
      end({ key: [...work.running.keys()][0] as string })
      await settle()
      await clock.advance(300)
    }
    expect(begun.toSorted()).toEqual(['down-1', 'down-2', 'up-1', 'up-2'])
    expect([holders.size, clock.alarms]).toEqual([0, 0])
  })

  test('are asked for by a download as long as it waits for one, whatever else is looked at meanwhile', async () => {
    const { admit, begun, foreign, clock } = sharedSlots(1, ({ key }) => key !== 'x1')
    foreign.taken = 1
    admit([from('gdrive', 'nas', 'down'), from('gdrive', 'nas', 'x1')])
    await settle()
    await clock.advance(10_000)
    expect(begun).toEqual([])
    foreign.taken = 0
    await clock.advance(400)
    expect(begun).toEqual(['down'])
  })

  test('are not asked for while the site is in trouble', async () => {
    const { admit, end, calls, clock } = sharedSlots(1)
    admit([job('a')])
    await settle()
    end(job('a'), troubleOf('gdrive'))
    admit([job('b')])
    const asked = calls.length
    await clock.advance(4_900)
    expect(calls).toHaveLength(asked)
  })

  test('are not asked for any more at the end', async () => {
    const { admit, foreign, calls, clock, work } = sharedSlots(1)
    foreign.taken = 1
    admit([job('a')])
    await settle()
    await clock.advance(1_000)
    work.close()
    await settle()
    const asked = calls.length
    await clock.advance(5_000)
    expect([calls.length, clock.alarms]).toEqual([asked, 0])
  })
})

describe('room', () => {
  test('after turning away, it is told once when half of the queue is free', () => {
    const { admit, room, end, work, begun } = rig({ maxQueued: 4 })
    admit([job('first')])
    admit(jobs(6))
    expect(work.hasRoom('gdrive')).toBe(false)
    expect(work.hasRoom('gdrive', 51)).toBe(true)
    const next = (): void => end({ key: begun.at(-1) as string })
    next()
    expect(room).toEqual([])
    next()
    expect(room).toEqual(['gdrive'])
    next()
    next()
    expect(room).toEqual(['gdrive'])
  })

  test('who was told that there is none hears of it, also when nothing was turned away', () => {
    const { admit, room, end, work, begun } = rig({ maxQueued: 4 })
    admit([job('first')])
    admit(jobs(4))
    expect(work.hasRoom('gdrive')).toBe(false)
    for (let n = 0; n < 2; n++) end({ key: begun.at(-1) as string })
    expect(room).toEqual(['gdrive'])
  })

  test('nothing was turned away: nobody needs to know', () => {
    const { admit, room, end, begun, work } = rig({ maxQueued: 4 })
    admit(jobs(4))
    while (!work.isIdle) end({ key: begun.at(-1) as string })
    expect(room).toEqual([])
  })

  test('one that had to leave for a more urgent one was turned away as well', () => {
    const { admit, room, end } = rig({ maxQueued: 1 })
    admit([job('runs')])
    admit([job('a', { priority: 10 }), job('b', { priority: 90 })])
    end(job('runs'))
    expect(room).toEqual(['gdrive'])
  })

  test('there is some for a project that has less than its share', () => {
    const { admit, work } = rig({ maxQueued: 2 })
    admit([job('runs')])
    admit(jobs(2, { project: 'A' }))
    expect(work.hasRoom('gdrive', 50, 'A')).toBe(false)
    expect(work.hasRoom('gdrive', 50, 'B')).toBe(true)
  })

  test('a site has a backlog while something is queued', () => {
    const { admit, work, end } = rig()
    expect(work.isBacklogged('gdrive')).toBe(false)
    admit([job('a')])
    expect(work.isBacklogged('gdrive')).toBe(false)
    admit([job('b')])
    expect([work.isBacklogged('gdrive'), work.isBacklogged('nas')]).toEqual([true, false])
    end(job('a'))
    expect(work.isBacklogged('gdrive')).toBe(false)
  })
})

describe('idle', () => {
  test('it is told when the last one is done', () => {
    const { admit, end, work, idle } = rig()
    expect(work.isIdle).toBe(true)
    admit([job('a'), job('b', { site: 'nas' })])
    end(job('a'))
    expect([work.isIdle, idle()]).toEqual([false, 0])
    end(job('b'))
    expect([work.isIdle, idle()]).toEqual([true, 1])
  })

  test('forgetting what is queued for a site may be the end of the work', () => {
    const { admit, end, work, idle, room, begun } = rig({ maxQueued: 1 })
    admit([job('a')])
    admit([job('b'), job('c')])
    work.clear('gdrive')
    expect([idle(), work.isBacklogged('gdrive')]).toEqual([0, false])
    end(job('a'))
    expect([idle(), begun, room]).toEqual([1, ['a'], []])
    admit([job('d', { site: 'nas' })])
    work.clear('gdrive')
    expect(idle()).toBe(1)
  })

  test('forgetting what waits for a source that is in trouble is the end of it', () => {
    const { admit, end, work, idle } = rig()
    admit([job('a')])
    end(job('a'), troubleOf('gdrive'))
    admit([job('b')])
    expect(work.isIdle).toBe(false)
    work.clear('gdrive')
    expect([work.isIdle, idle()]).toEqual([true, 2])
  })

  test('what waits for a place is forgotten with its site, and what waits for it at another site is not', () => {
    const { admit, end, work, begun } = rig({ limit: 3 })
    admit([job('a', { targetKey: 'here' }), job('b', { targetKey: 'here' }), job('c', { targetKey: 'here', site: 'nas' })])
    work.clear('gdrive')
    end(job('a'))
    expect(begun).toEqual(['a', 'c'])
    end(job('c'))
    expect(work.isIdle).toBe(true)
    // It can come again.
    admit([job('b', { targetKey: 'here' })])
    expect(begun).toEqual(['a', 'c', 'b'])
  })
})

/** One transfer holds each of so many slots, and what was admitted after them is next. */
const full = (limit: number, options: Options = {}) => {
  const all = rig({ limit, ...options })
  const running = jobs(limit)
  all.admit(running)
  const held = async (): Promise<string[]> => {
    await settle()
    return [...all.claims.leases.keys()].toSorted()
  }
  return { ...all, running, held }
}

describe('leases ahead of slots', () => {
  test('are taken for the next ones, at most two for each slot, when half of them are used up; nothing begins before there is a slot', async () => {
    const { admit, begun, held, work, end, running, attemptOf } = full(2)
    const next = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((key) => job(key))
    admit(next)
    const places = next.map(({ targetKey }) => targetKey)
    expect(await held()).toEqual(places.slice(0, 4))
    expect([begun, work.status('gdrive')]).toMatchObject([running.map(({ key }) => key), { queued: 9 }])
    end(running[0] as Transfer)
    expect(begun.at(-1)).toBe('a')
    expect(attemptOf(job('a')).stage).toBe('asking')
    // Three are left.
    expect(await held()).toEqual(places.slice(0, 4))
    expect(attemptOf(job('a')).stage).toBe('running')
    end(running[1] as Transfer)
    expect(begun.at(-1)).toBe('b')
    expect(await held()).toEqual(places.slice(0, 6))
  })

  test('are used by the transfer that they were taken for, as it is when it has its slot', async () => {
    const { admit, claims, held, end, running, attemptOf } = full(1)
    const a = job('a')
    admit([a])
    await held()
    admit([{ ...a, priority: 60 }])
    end(running[0] as Transfer)
    expect(attemptOf(a).transfer.priority).toBe(60)
    await settle()
    expect(claims.calls.filter((call) => call === 'claim a')).toHaveLength(1)
    expect(attemptOf(a).stage).toBe('running')
  })

  test('come with a look at the record, which is looked at again if its document was looked at meanwhile', async () => {
    for (const isLooked of [false, true]) {
      const reads: string[] = []
      const reread = async (transfer: Transfer) => {
        reads.push(transfer.key)
        return Promise.resolve(reads.length > 1 ? undefined : transfer)
      }
      const { admit, held, end, running, attemptOf, work } = full(1, { reread })
      const a = job('a', { representationKey: 'PRJ/a' })
      admit([a])
      await held()
      work.forget('PRJ/other', new Set())
      if (isLooked) work.forget('PRJ/a', new Set(['a']))
      end(running[0] as Transfer)
      const attempt = attemptOf(a)
      await settle()
      expect([reads, attempt.stage, attempt.signal.aborted]).toEqual(isLooked ? [['a', 'a'], 'asking', true] : [['a'], 'running', false])
    }
  })

  test('change nothing of the order: who is more urgent begins first', async () => {
    const { admit, begun, held, end, running } = full(1)
    admit([job('a'), job('b')])
    await held()
    admit([job('urgent', { priority: 99 })])
    end(running[0] as Transfer)
    await settle()
    end(job('urgent'))
    expect(begun.slice(1)).toEqual(['urgent', 'a'])
  })

  test('are given back after a second, and not asked for again before a slot is free', async () => {
    const { admit, claims, clock, held, end, running, attemptOf } = full(1)
    const a = job('a')
    admit([a])
    await clock.advance(999)
    expect(await held()).toEqual([a.targetKey])
    await clock.advance(1)
    expect(await held()).toEqual([])
    admit([job('b'), job('c')])
    await clock.advance(60_000)
    expect(claims.calls).toEqual(['claim a', 'release a', 'claim b', 'release b'])
    end(running[0] as Transfer)
    attemptOf(a).permit.ask()
    await settle()
    expect(attemptOf(a).stage).toBe('running')
  })

  test('one that is being given back when its transfer has its turn does not let the next ones overtake it', async () => {
    const { admit, begun, claims, clock, held, end, running } = full(1)
    const { promise, resolve } = Promise.withResolvers<void>()
    const release = claims.release.bind(claims)
    claims.release = async (...of) => {
      await promise
      await release(...of)
    }
    admit([job('a'), job('b'), job('c')])
    expect(await held()).toHaveLength(2)
    await clock.advance(1_000)
    end(running[0] as Transfer)
    expect(begun.slice(1)).toEqual(['a'])
    resolve()
    await settle()
    end(job('a'))
    expect(begun.slice(1)).toEqual(['a', 'b'])
  })

  test('one that is refused leaves its transfer where it is: its slot asks again', async () => {
    const { admit, begun, claims, held, end, running } = full(1)
    const a = job('a')
    claims.fails.claim = new Error('MongoDB is unavailable')
    admit([a, job('b')])
    expect(await held()).toEqual([])
    admit([job('c')])
    await settle()
    expect(claims.calls).toEqual(['claim a', 'claim b'])
    end(running[0] as Transfer)
    expect(begun.slice(1)).toEqual(['a'])
  })

  test('one at a place that another document wants first is given back before that one begins', async () => {
    const { admit, begun, attemptOf, held, end, running } = full(1)
    const [a, b] = [job('a', { targetKey: 'place' }), job('b', { targetKey: 'place', priority: 99 })]
    admit([a])
    expect(await held()).toEqual(['place'])
    admit([b])
    end(running[0] as Transfer)
    expect(begun.slice(1)).toEqual([])
    await settle()
    expect(begun.slice(1)).toEqual(['b'])
    attemptOf(b).permit.ask()
    expect(await held()).toEqual(['place'])
    expect(attemptOf(b).stage).toBe('running')
    end(b)
    expect(begun.slice(1)).toEqual(['b', 'a'])
  })

  test('none is taken for what is held back, for what another instance does first, or at a place in use', async () => {
    for (const options of [{ isHeldBack: ({ key }: Transfer) => key === 'a' }, { isOurs: ({ key }: Transfer) => key !== 'a' }]) {
      const { admit, held } = full(1, options)
      admit([job('a')])
      expect(await held()).toEqual([])
    }
    const { admit, held, running } = full(1)
    admit([job('a', { targetKey: (running[0] as Transfer).targetKey })])
    expect(await held()).toEqual([])
  })

  test('none is taken where a slot is shared by all instances, or free', async () => {
    const store: SlotStore = { acquire: async () => Promise.resolve(false), renew: async () => undefined, release: async () => undefined }
    const shared = { site: 'gdrive', limit: 1, store, renewEveryMs: 10_000 }
    const { admit, claims } = rig({ slotsOf: (_site, clock, freed) => new SharedSlots({ ...shared, clock, freed }) })
    admit([job('a'), job('b')])
    await settle()
    expect(claims.calls).toEqual([])
  })

  test('none is held at the end, or when the site is forgotten', async () => {
    for (const how of ['close', 'clear'] as const) {
      const { admit, held, work } = full(1)
      const a = job('a')
      admit([a])
      expect(await held()).toEqual([a.targetKey])
      if (how === 'close') work.close()
      else work.clear('gdrive')
      expect(await held()).toEqual([])
    }
  })

  test('one that is lost meanwhile is asked for again in the slot', async () => {
    const { admit, claims, clock, held, end, running, attemptOf } = full(1)
    const a = job('a')
    admit([a])
    await held()
    claims.leases.clear()
    await clock.advance(1_000)
    end(running[0] as Transfer)
    attemptOf(a).permit.ask()
    await settle()
    expect([attemptOf(a).stage, claims.leases.has(a.targetKey)]).toEqual(['running', true])
  })
})

describe('what is held back', () => {
  test('is not admitted; what was admitted before is forgotten, and that may be the end of the work', () => {
    const held = new Set<string>()
    const { admit, end, work, idle, room, begun } = rig({ maxQueued: 2, isHeldBack: ({ key }) => held.has(key) })
    admit([job('runs')])
    admit([job('a'), job('b'), job('c')])
    held.add('a').add('b')
    end(job('runs'))
    expect([begun, work.isIdle, room]).toEqual([['runs'], true, ['gdrive']])
    expect(idle()).toBeGreaterThan(0)
    admit([job('a'), job('c')])
    expect(begun).toEqual(['runs', 'c'])
    held.clear()
    admit([job('a')])
    end(job('c'))
    expect(begun).toEqual(['runs', 'c', 'a'])
  })

  test('lets the ones behind it go on', () => {
    const held = new Set<string>()
    const { admit, end, begun } = rig({ isHeldBack: ({ key }) => held.has(key) })
    admit(['a', 'b', 'c'].map((key) => job(key)))
    held.add('b')
    end(job('a'))
    expect(begun).toEqual(['a', 'c'])
  })
})

/** All that begins with `x` is another's. */
const shared = (others: ReadonlySet<string> = new Set(['x1', 'x2'])) => rig({ isOurs: ({ key }) => !others.has(key) })

describe('what another instance is to do first', () => {
  test('is left to it for a second, and done here when it is still pending then', async () => {
    const { admit, begun, end, clock, work } = shared()
    admit([job('x1'), job('a')])
    end(job('a'))
    expect([begun, work.isIdle]).toEqual([['a'], false])
    await clock.advance(999)
    expect(begun).toEqual(['a'])
    await clock.advance(1)
    expect(begun).toEqual(['a', 'x1'])
    end(job('x1'))
    expect(work.isIdle).toBe(true)
    await clock.advance(1_000)
    expect(clock.alarms).toBe(0)
  })

  test('comes after everything of our own, however urgent', async () => {
    const { admit, begun, end, clock } = shared()
    admit([job('a'), job('b'), job('x1', { priority: 99 })])
    await clock.advance(5_000)
    end(job('a'))
    end(job('b'))
    expect(begun).toEqual(['a', 'b', 'x1'])
  })

  test('is forgotten when the other has done it, and that may be the end of the work', async () => {
    const { admit, begun, clock, work, idle } = shared()
    const [x1, x2] = [job('x1'), job('x2')]
    admit([x1, x2])
    work.forget(x1.representationKey, new Set())
    expect([work.isIdle, idle()]).toEqual([false, 0])
    work.forget(x2.representationKey, new Set([x2.key]))
    expect(work.isIdle).toBe(false)
    work.forget(x2.representationKey, new Set())
    expect([work.isIdle, idle()]).toEqual([true, 1])
    await clock.advance(5_000)
    expect([begun, clock.alarms]).toEqual([[], 0])
  })

  test('is ours at once when the other is gone', () => {
    const others = new Set(['x1', 'x2'])
    const { admit, begun, work } = shared(others)
    admit([job('x1'), job('x2')])
    expect(begun).toEqual([])
    others.delete('x1')
    work.peersChanged()
    expect(begun).toEqual(['x1'])
  })

  test('is left to another that joins, also when it is queued here', async () => {
    const others = new Set<string>()
    const { admit, begun, end, clock } = shared(others)
    admit([job('a'), job('b'), job('c')])
    others.add('b')
    end(job('a'))
    end(job('c'))
    expect(begun).toEqual(['a', 'c'])
    await clock.advance(1_000)
    expect(begun).toEqual(['a', 'c', 'b'])
  })

  test('is not begun at a place that is being written to here', async () => {
    const { admit, begun, end, clock } = rig({ limit: 3, isOurs: ({ key }) => key !== 'x1' })
    admit([job('a', { targetKey: 'here' }), job('x1', { targetKey: 'here' })])
    await clock.advance(5_000)
    expect(begun).toEqual(['a'])
    end(job('a'))
    await clock.advance(1_000)
    expect(begun).toEqual(['a', 'x1'])
  })

  test('is forgotten when it is held back, and that may be the end of the work', async () => {
    const held = new Set<string>()
    const { admit, begun, clock, work, idle } = rig({ isOurs: () => false, isHeldBack: ({ key }) => held.has(key) })
    admit([job('x1')])
    held.add('x1')
    await clock.advance(2_000)
    expect([begun, work.isIdle, idle(), clock.alarms]).toEqual([[], true, 1, 0])
  })

  test('is forgotten at the end, and with its site', () => {
    const { admit, work, clock, idle } = shared()
    admit([job('x1')])
    work.clear('gdrive')
    expect([work.isIdle, idle()]).toEqual([true, 1])
    admit([job('x1')])
    work.close()
    expect([work.isIdle, clock.alarms]).toEqual([true, 0])
  })
})

describe('the status', () => {
  test('of a site that nobody needed yet is well', () => {
    expect(rig().work.status('nowhere')).toEqual({ health: { state: 'ok' }, running: 0, queued: 0 })
  })

  test('counts what has started, and as queued what has a slot and is still being asked for', async () => {
    const { admit, work, attemptOf } = rig({ limit: 3 })
    admit(['a', 'b', 'c', 'd', 'e'].map((key) => job(key)))
    admit([job('twin', { targetKey: attemptOf(job('a')).transfer.targetKey })])
    expect(work.status('gdrive')).toMatchObject({ running: 0, queued: 6 })
    attemptOf(job('a')).permit.ask()
    attemptOf(job('b')).permit.ask()
    await settle()
    expect(work.status('gdrive')).toMatchObject({ running: 2, queued: 4 })
    work.verified(attemptOf(job('a')), synced)
    // One result is being written; its slot is free for the next.
    expect(work.status('gdrive')).toMatchObject({ running: 1, queued: 4 })
    expect(work.status('nas')).toMatchObject({ running: 0, queued: 0 })
  })

  test('never shows more under way than there are slots', async () => {
    const { admit, work, begun, attemptOf } = rig({ limit: 8, maxQueued: 100 })
    admit(jobs(40))
    for (const key of begun) attemptOf({ key }).permit.ask()
    await settle()
    expect(work.status('gdrive')).toMatchObject({ running: 8, queued: 32 })
  })

  test('says what a site is in trouble with', () => {
    const { admit, work, end } = rig()
    admit([job('a')])
    end(job('a'), troubleOf('gdrive'))
    expect(work.status('gdrive').health).toMatchObject({ state: 'cooling', error: { message: 'gdrive is down' } })
  })
})

describe('closing', () => {
  test('what is queued is forgotten, nothing new begins, what runs ends as it will', () => {
    const { admit, end, work, begun, room } = rig({ maxQueued: 2, limit: 2 })
    admit([job('a', { targetKey: 'here' }), job('twin', { targetKey: 'here' })])
    admit([job('b'), job('c'), job('d'), job('e')])
    work.close()
    expect(begun).toEqual(['a', 'b', 'no more'])
    expect(work.hasRoom('gdrive', 1_000)).toBe(false)
    admit([job('f')])
    end(job('a'))
    end(job('b'))
    expect(begun).toHaveLength(3)
    expect([room, work.isIdle]).toEqual([[], true])
  })

  test('no site is waited for any more', async () => {
    const { admit, end, work, clock, begun } = rig()
    admit([job('a')])
    end(job('a'), troubleOf('gdrive'))
    admit([job('b')])
    work.close()
    expect(clock.alarms).toBe(0)
    await clock.advance(60_000)
    expect(begun).toEqual(['a', 'no more'])
  })

  test('ten thousand queued transfers end at once', () => {
    const { admit, end, work, begun } = rig({ maxQueued: 10_000 })
    admit(jobs(10_001))
    work.close()
    end({ key: begun[0] as string })
    expect([begun.length, work.isIdle]).toEqual([2, true])
  })

  test('ten thousand transfers are served by a few slots without one call inside the other', async () => {
    const { work, admit, begun } = rig({ maxQueued: 10_000, limit: 4 })
    work.attempts$.subscribe((attempt) => {
      queueMicrotask(() => {
        const written = work.verified(attempt, synced)
        work.done(attempt)
        written()
      })
    })
    admit(jobs(10_000))
    for (let turns = 0; !work.isIdle && turns < 100; turns++) await settle()
    expect([begun.length, work.isIdle]).toEqual([10_000, true])
  })
})

type Step =
  | { readonly admit: readonly [n: number, priority: number] }
  | { readonly done: number; readonly outcome: Outcome | undefined }
  | { readonly pass: number }

const SITES = ['gdrive', 'nas'] as const
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ admit: fc.tuple(fc.nat(15), fc.constantFrom(10, 50, 90)) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      done: fc.nat(10),
      outcome: fc.constantFrom<(Outcome | undefined)[]>(synced, synced, undefined, troubleOf('gdrive'), troubleOf('studio')),
    }),
  },
  { weight: 1, arbitrary: fc.record({ pass: fc.constantFrom(1, 1_000, 10_000) }) },
)

/** Number `n`: its site, its source, and one of four places there. */
const numbered = (n: number, priority: number): Transfer => {
  const site = SITES[n % 2] as string
  const transfer = from(site === 'nas' && n % 3 === 0 ? 'gdrive' : 'studio', site, `k${n}`)
  return { ...transfer, priority, targetKey: `${site}/${Math.floor(n / 2) % 4}`, project: `P${n % 3}` }
}

test('whatever happens: no place twice at once, bounds and limits kept, and what came is done or was told to have been turned away', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { maxLength: 100 }),
      async (maxQueued, limit, steps) => {
        const { work, admit, done, end, room, clock, begun } = rig({ maxQueued, limit })
        const admitted = new Map<string, string>()
        const check = (): void => {
          const running = [...work.running.values()].map(({ transfer }) => transfer)
          expect(new Set(running.map(({ targetKey }) => targetKey)).size).toBe(running.length)
          expect(running.filter(({ site }) => site === 'nas').length).toBeLessThanOrEqual(limit)
          const atDrive = running.filter(
            ({ site, route }) => site === 'gdrive' || ('sourceSite' in route && route.sourceSite.name === 'gdrive'),
          )
          expect(atDrive.length).toBeLessThanOrEqual(limit)
          // Each bound once for what is queued and once for what waits for its place.
          for (const site of SITES) expect(work.status(site).queued).toBeLessThanOrEqual(2 * maxQueued + limit)
        }
        const finish = (at: number, outcome: Outcome | undefined): void => {
          const keys = [...work.running.keys()]
          if (keys.length === 0) return
          const key = keys[at % keys.length] as string
          if (outcome) end({ key }, outcome)
          else done({ key })
        }

        for (const now of steps) {
          if ('admit' in now) {
            const transfer = numbered(...now.admit)
            admitted.set(transfer.key, transfer.site)
            admit([transfer])
          } else if ('done' in now) finish(now.done, now.outcome)
          else await clock.advance(now.pass)
          check()
        }

        for (let rounds = 0; !work.isIdle; rounds++) {
          expect(rounds).toBeLessThan(1_000)
          if (work.running.size > 0) finish(0, synced)
          else await clock.advance(60_000)
          check()
        }
        const lost = [...admitted].filter(([key, site]) => !begun.includes(key) && !room.includes(site))
        expect(lost).toEqual([])
      },
    ),
    { numRuns: 300 },
  )
})
