import { describe, expect, test, vi } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Claim, SavedSession } from '../../../src/model/claim.ts'
import type { ClaimStore } from '../../../src/model/stores.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import type { Transfer } from '../../../src/model/transfer.ts'
import type { Attempt } from '../../../src/pipeline/attempt.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { attemptOf, LEASE_MS, MemoryClaims } from '../../support/memory-claims.ts'
import { siteOf, transferOf } from '../../support/model-samples.ts'

const DEADLINE_MS = LEASE_MS * 0.8
const RENEW_MS = LEASE_MS / 3

interface Options {
  readonly planned?: Partial<Transfer>
  /** What the target reserves. */
  readonly reserve?: SavedSession
  readonly reread?: (transfer: Transfer) => Promise<Transfer | undefined>
}

function rig({ planned = {}, reserve, reread = async (transfer) => Promise.resolve(transfer) }: Options = {}) {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  const busy: [key: string, ms: number][] = []
  const started: Attempt[] = []
  const order: string[] = []
  const attempt = attemptOf(claims, transferOf({ key: 'a', ...planned }), clock, {
    reread: async (transfer) => {
      order.push(...claims.calls, 'reread')
      return reread(transfer)
    },
    reserve: () => reserve,
    busy: ({ key }, ms) => void busy.push([key, ms]),
    started: (one) => void started.push(one),
  })
  const { permit } = attempt
  const ask = async (): Promise<boolean> => {
    permit.ask()
    return permit.isGranted()
  }
  return { clock, claims, busy, started, order, attempt, permit, ask }
}

/** What became of it so far: `waits`, or how it ended. */
function watched(work: Promise<unknown>): { now: unknown } {
  const seen: { now: unknown } = { now: 'waits' }
  work.then(
    (value) => (seen.now = ['resolved', value]),
    (error: unknown) => (seen.now = ['rejected', (error as SyncError).code, (error as Error).message]),
  )
  return seen
}

const reasonOf = ({ signal }: Attempt): unknown => (signal.aborted ? signal.reason : undefined)

/** Holds the next call of a verb back until it is told to go on. */
function held(claims: MemoryClaims, verb: 'claim' | 'renew' | 'saveSession'): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  const call = claims[verb].bind(claims) as (...args: readonly unknown[]) => Promise<never>
  vi.spyOn(claims, verb).mockImplementationOnce(async (...args: readonly unknown[]) => {
    await promise
    return call(...args)
  })
  return resolve
}

describe('a permit that is asked for', () => {
  test('takes the lease, reads the record again, and is granted: the attempt starts, as the record says it now', async () => {
    const { claims, order, attempt, permit, started, ask, busy } = rig({
      reread: async (transfer) => Promise.resolve({ ...transfer, priority: 7 }),
    })
    const granted = watched(permit.granted)
    expect([attempt.stage, started, granted.now]).toEqual(['asking', [], 'waits'])
    expect(await ask()).toBe(true)
    await permit.granted
    expect(order).toEqual(['claim a', 'reread'])
    expect(attempt).toMatchObject({ transfer: { key: 'a', priority: 7 }, stage: 'running', changed: false })
    expect(permit.claim).toMatchObject({ transfer: { priority: 7 }, attemptId: attempt.id })
    expect(attempt.id).toMatch(/^[0-9a-f-]{36}$/)
    expect(started).toEqual([attempt])
    expect(claims.leases.size).toBe(1)
    expect([busy, reasonOf(attempt)]).toEqual([[], undefined])
  })

  test('knows what an earlier attempt saved before it is granted', async () => {
    const fresh = Promise.withResolvers<Transfer>()
    const { claims, attempt, permit } = rig({ reread: async () => fresh.promise })
    claims.sessions.set(attempt.transfer.targetKey, { upload: 'u1' })
    const [session, granted] = [watched(permit.session), watched(permit.granted)]
    permit.ask()
    await settle()
    expect([session.now, granted.now]).toEqual([['resolved', { upload: 'u1' }], 'waits'])
    fresh.resolve(attempt.transfer)
    await settle()
    expect(granted.now).toEqual(['resolved', undefined])
  })

  test('of a place that nobody has written to knows of no session', async () => {
    const { permit, ask } = rig()
    await ask()
    expect(await permit.session).toBeUndefined()
  })

  test('has no lease before there is one', () => {
    expect(() => rig().permit.claim).toThrow('no lease')
  })

  test('fewer tries than planned: somebody deleted them, and it is granted', async () => {
    const { attempt, ask } = rig({ planned: { tries: 2 }, reread: async (transfer) => Promise.resolve({ ...transfer, tries: 0 }) })
    expect(await ask()).toBe(true)
    expect(attempt.transfer.tries).toBe(0)
  })
})

/** Nothing may be seen, saved, or started of it. */
async function expectRefused({ attempt, permit, started, claims, clock }: ReturnType<typeof rig>, reason: string): Promise<void> {
  expect(reasonOf(attempt)).toEqual({ kind: 'refused', reason })
  await expect(permit.granted).rejects.toMatchObject({ code: 'ABORTED', message: reason })
  await expect(permit.saveSession({ upload: 'u1' })).rejects.toMatchObject({ code: 'ABORTED' })
  expect(claims.sessions.size).toBe(0)
  expect([started, attempt.stage, permit.isAbandoned()]).toEqual([[], 'asking', false])
  permit.end()
  await settle()
  expect(clock.alarms).toBe(0)
}

const otherSource = (transfer: Transfer): Transfer => {
  if ('error' in transfer.route) return transfer
  return { ...transfer, route: { ...transfer.route, source: { ...transfer.route.source, path: 'other' } } }
}
const otherSite = (transfer: Transfer): Transfer => {
  if ('error' in transfer.route) return transfer
  return { ...transfer, route: { ...transfer.route, sourceSite: siteOf('nas') } }
}
describe('a permit is refused', () => {
  test('when another instance has the place: who asked is told when to look again', async () => {
    const all = rig()
    const { claims, attempt, clock, ask, busy, permit, order } = all
    claims.leases.set(attempt.transfer.targetKey, { attemptId: 'theirs', until: clock.wallTime().getTime() + 9_000 })
    expect(await ask()).toBe(false)
    expect([busy, order]).toEqual([[['a', 9_000]], []])
    await expectRefused(all, 'another instance has it')
    await expect(permit.session).rejects.toMatchObject({ code: 'ABORTED' })
    expect(claims.leases.get(attempt.transfer.targetKey)?.attemptId).toBe('theirs')
    expect(claims.calls).toEqual(['claim a'])
  })

  test.each<[string, (transfer: Transfer) => Transfer | undefined, boolean]>([
    ['when the record is not pending any more', () => undefined, false],
    [
      'when it failed once more meanwhile: its next attempt is for a later scan',
      (transfer) => ({ ...transfer, tries: transfer.tries + 1 }),
      false,
    ],
    ['when its place is another one now: the lease is not on that', (transfer) => ({ ...transfer, targetKey: 'elsewhere' }), true],
    ['when its source is another file now', otherSource, true],
    ['when its source is at another site now', otherSite, true],
    ['when its size is another one now', (transfer) => ({ ...transfer, size: 7 }), true],
    ['when its route leads nowhere now', (transfer) => ({ ...transfer, route: { error: new SyncError('BAD_ROOT', 'x') } }), true],
  ])('%s', async (_title, change, isLookedAtAgain) => {
    const all = rig({ reread: async (transfer) => Promise.resolve(change(transfer)) })
    expect(await all.ask()).toBe(false)
    expect([all.attempt.changed, all.busy]).toEqual([isLookedAtAgain, []])
    await expectRefused(all, isLookedAtAgain ? 'its document was changed' : 'it is not pending as it was planned')
    expect(all.claims.calls).toEqual(['claim a', 'release a'])
    expect(all.claims.leases.size).toBe(0)
  })

  test('a route that leads nowhere, as it did before, is no change', async () => {
    const route = { error: new SyncError('BAD_ROOT', 'x') }
    const { ask } = rig({
      planned: { route },
      reread: async (transfer) => Promise.resolve({ ...transfer, route: { error: new SyncError('BAD_ROOT', 'x') } }),
    })
    expect(await ask()).toBe(true)
  })

  test('when the lease can not be asked for: the fault is told to who wants to know', async () => {
    const all = rig()
    all.claims.fails.claim = new Error('database away')
    all.permit.ask()
    await expect(all.permit.isGranted()).rejects.toThrow('database away')
    await expectRefused(all, 'database away')
    expect(all.claims.calls).toEqual(['claim a'])
  })

  test('when the record can not be read: the fault is told, and the lease is given back', async () => {
    const all = rig({ reread: async () => Promise.reject(new Error('database away')) })
    all.permit.ask()
    await expect(all.permit.isGranted()).rejects.toThrow('database away')
    await expectRefused(all, 'database away')
    expect(all.claims.calls).toEqual(['claim a', 'release a'])
  })

  test('the lease is given back as far as that can be done: the first fault is told, not the second', async () => {
    const all = rig({ reread: async () => Promise.reject(new Error('database away')) })
    all.claims.fails.release = new Error('still away')
    all.permit.ask()
    await expect(all.permit.isGranted()).rejects.toThrow('database away')
    await expectRefused(all, 'database away')
  })

  test('when its lease took so long to be had that it is over: who asked is told to look again at once', async () => {
    const all = rig({ reread: async () => new Promise(() => undefined) })
    const claim = all.claims.claim.bind(all.claims)
    all.claims.claim = async (...call) => {
      const result = await claim(...call)
      await all.clock.advance(LEASE_MS)
      return result
    }
    all.permit.ask()
    await vi.waitFor(() => expect(all.order).toContain('reread'))
    await all.clock.advance(0)
    expect(all.busy).toEqual([['a', 0]])
    await expectRefused(all, 'its lease could not be renewed')
  })

  test('when its lease is lost while the record is read again', async () => {
    const fresh = Promise.withResolvers<Transfer>()
    const all = rig({ reread: async () => fresh.promise })
    all.permit.ask()
    await settle()
    all.claims.leases.clear()
    await all.clock.advance(RENEW_MS)
    fresh.resolve(all.attempt.transfer)
    expect(await all.permit.isGranted()).toBe(false)
    expect(all.busy).toEqual([['a', 0]])
    await expectRefused(all, 'its lease is not ours any more')
  })
})

describe('an attempt that ends', () => {
  test.each<Outcome>([
    { kind: 'released', reason: 'shutdown' },
    { kind: 'dropped', reason: 'the skeleton is gone' },
  ])('while the lease is being asked for ($kind) is answered when that is known, and gives it back', async (outcome) => {
    const { claims, attempt, permit, started, order, clock } = rig()
    const answer = held(claims, 'claim')
    permit.ask()
    attempt.end(outcome)
    await expect(permit.granted).rejects.toMatchObject({ code: 'ABORTED', message: (outcome as { reason: string }).reason })
    await expect(permit.session).rejects.toMatchObject({ code: 'ABORTED' })
    const isGranted = watched(permit.isGranted())
    await settle()
    expect(isGranted.now).toBe('waits')
    answer()
    await settle()
    expect(isGranted.now).toEqual(['resolved', false])
    expect(claims.calls).toEqual(['claim a', 'release a'])
    expect([claims.leases.size, started, order, clock.alarms]).toEqual([0, [], [], 0])
  })

  test('while the record is read again is not granted', async () => {
    const fresh = Promise.withResolvers<Transfer>()
    const { claims, attempt, permit, started } = rig({ reread: async () => fresh.promise })
    permit.ask()
    await settle()
    attempt.end({ kind: 'released', reason: 'shutdown' })
    const isGranted = watched(permit.isGranted())
    await settle()
    expect(isGranted.now).toBe('waits')
    fresh.resolve(attempt.transfer)
    await settle()
    expect([isGranted.now, started]).toEqual([['resolved', false], []])
    permit.end()
    await settle()
    expect(claims.leases.size).toBe(0)
  })

  test('after it was granted stays granted: its result is written, and what it saved is kept', async () => {
    const { attempt, permit, ask, claims } = rig()
    await ask()
    attempt.end({ kind: 'released', reason: 'paused' })
    await permit.granted
    expect(await permit.isGranted()).toBe(true)
    await permit.saveSession({ upload: 'u1' })
    expect(claims.sessions.size).toBe(1)
  })

  test.each<[Outcome, boolean]>([
    [{ kind: 'dropped', reason: 'the skeleton is gone' }, true],
    [{ kind: 'released', reason: 'paused' }, false],
    [{ kind: 'refused', reason: 'another instance has it' }, false],
  ])('%j: will nobody go on with it? %s', async (outcome, isAbandoned) => {
    const { attempt, permit, ask } = rig()
    await ask()
    expect(permit.isAbandoned()).toBe(false)
    attempt.end(outcome)
    expect(permit.isAbandoned()).toBe(isAbandoned)
  })
})

describe('the session', () => {
  test('is saved once there is a lease, and is what the permit knows from then on', async () => {
    const { claims, permit } = rig()
    const answer = held(claims, 'claim')
    const saved = watched(permit.saveSession({ upload: 'u1' }))
    permit.ask()
    await settle()
    expect([saved.now, claims.sessions.size]).toEqual(['waits', 0])
    answer()
    await settle()
    expect(saved.now).toEqual(['resolved', undefined])
    expect(claims.calls).toEqual(['claim a', 'saveSession a'])
    expect(await permit.session).toEqual({ upload: 'u1' })
    expect(permit.claim.session).toEqual({ upload: 'u1' })
  })

  test('that waits for a lease which is refused is not saved', async () => {
    const { claims, permit, attempt } = rig()
    claims.leases.set(attempt.transfer.targetKey, { attemptId: 'theirs', until: Infinity })
    const saved = watched(permit.saveSession({ upload: 'u1' }))
    permit.ask()
    await settle()
    expect(saved.now).toEqual(['rejected', 'ABORTED', 'another instance has it'])
  })

  test('is not saved where the lease is lost: that is neither the file’s fault nor a site’s', async () => {
    const { claims, permit, ask } = rig()
    await ask()
    claims.leases.clear()
    await expect(permit.saveSession({ upload: 'u1' })).rejects.toMatchObject({
      code: 'ABORTED',
      message: 'its progress could not be saved: the lease is not ours any more',
    })
    expect(permit.claim.session).toBeUndefined()
  })

  test('is not lost by a renewal that was under way', async () => {
    const { claims, permit, ask, clock } = rig()
    await ask()
    const answer = held(claims, 'renew')
    await clock.advance(RENEW_MS)
    await permit.saveSession({ upload: 'u1' })
    answer()
    await settle()
    expect(permit.claim.session).toEqual({ upload: 'u1' })
  })

  test('that is saved when the permit has ended already is rejected', async () => {
    const { permit, ask, claims } = rig()
    await ask()
    permit.end()
    await expect(permit.saveSession({ upload: 'u1' })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(claims.sessions.size).toBe(0)
  })

  test('that was just saved when the permit ended is no fault, and brings no lease back', async () => {
    const { permit, ask, claims, clock } = rig()
    await ask()
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
    const save = claims.saveSession.bind(claims)
    vi.spyOn(claims, 'saveSession').mockImplementation(async (...call) => {
      await save(...call)
      await answered
    })
    const saved = watched(permit.saveSession({ upload: 'u1' }))
    await settle()
    permit.end()
    answer()
    await settle()
    expect(saved.now).toEqual(['resolved', undefined])
    expect(() => permit.claim).toThrow('no lease')
    expect([claims.leases.size, claims.sessions.size, clock.alarms]).toEqual([0, 1, 0])
  })
})

/** Times at which it was renewed. */
function renewals(clock: FakeClock, claims: MemoryClaims): number[] {
  const times: number[] = []
  const renew = claims.renew.bind(claims)
  vi.spyOn(claims, 'renew').mockImplementation(async (...call) => {
    times.push(clock.now())
    return renew(...call)
  })
  return times
}

describe('what the target reserved', () => {
  test('is stored with the lease; once it is taken it is the session, and stays behind an attempt that did not end well', async () => {
    const { claims, permit, ask } = rig({ reserve: { id: 'r1' } })
    const taken = watched(permit.takeReserved())
    await settle()
    expect(taken.now).toBe('waits')
    await ask()
    expect(taken.now).toEqual(['resolved', { id: 'r1' }])
    expect(claims.calls).toEqual(['claim a'])
    expect(await permit.session).toEqual({ id: 'r1' })
    expect(await permit.takeReserved()).toBeUndefined()
    permit.end()
    await permit.over()
    expect([...claims.sessions.values()]).toEqual([{ id: 'r1' }])
  })

  test('and was not taken is no session, and goes with the lease', async () => {
    const { claims, permit, ask, attempt } = rig({ reserve: { id: 'r1' } })
    await ask()
    expect(await permit.session).toBeUndefined()
    expect(claims.reserved.get(attempt.transfer.targetKey)).toEqual({ id: 'r1' })
    permit.end()
    await permit.over()
    expect([claims.sessions.size, claims.reserved.size]).toEqual([0, 0])
  })

  test('does not take the place of what an earlier attempt left', async () => {
    const { claims, permit, ask, attempt } = rig({ reserve: { id: 'r1' } })
    claims.sessions.set(attempt.transfer.targetKey, { id: 'r0' })
    await ask()
    expect(await permit.session).toEqual({ id: 'r0' })
    expect(await permit.takeReserved()).toBeUndefined()
  })

  test('is of no use once something else was saved', async () => {
    const { permit, ask } = rig({ reserve: { id: 'r1' } })
    await ask()
    await permit.saveSession({ id: 'r2' })
    expect(await permit.takeReserved()).toBeUndefined()
    expect(await permit.session).toEqual({ id: 'r2' })
  })

  test('waits for a lease that is refused, and is not taken then', async () => {
    const { claims, permit, attempt } = rig({ reserve: { id: 'r1' } })
    claims.leases.set(attempt.transfer.targetKey, { attemptId: 'theirs', until: Infinity })
    const taken = watched(permit.takeReserved())
    permit.ask()
    await settle()
    expect(taken.now).toEqual(['rejected', 'ABORTED', 'another instance has it'])
  })
})

describe('the lease', () => {
  test('is renewed after each third of its time, with what was stored so far, and not once more after the end', async () => {
    const { attempt, permit, ask, claims, clock } = rig()
    await ask()
    const times = renewals(clock, claims)
    const renew: ClaimStore['renew'] = claims.renew.bind(claims)
    const told: unknown[] = []
    claims.renew = async (claim: Claim, progress?: unknown) => {
      told.push(progress)
      return renew(claim, { bytes: 0, size: 0 })
    }
    attempt.progress = { bytes: 3, size: 7 }
    await clock.advance(LEASE_MS * 2)
    expect(times).toEqual([1, 2, 3, 4, 5, 6].map((n) => n * RENEW_MS))
    expect(told[0]).toEqual({ bytes: 3, size: 7 })
    permit.end()
    await clock.advance(LEASE_MS * 10)
    expect(times).toHaveLength(6)
    expect(reasonOf(attempt)).toBeUndefined()
  })

  test('is renewed while the record is still being read again', async () => {
    const { permit, claims, clock, attempt } = rig({ reread: async () => new Promise(() => undefined) })
    permit.ask()
    await settle()
    await clock.advance(LEASE_MS * 2)
    expect(claims.calls.filter((call) => call === 'renew a')).toHaveLength(6)
    expect(reasonOf(attempt)).toBeUndefined()
    permit.end()
  })

  test('has a new end then', async () => {
    const { permit, ask, clock } = rig()
    await ask()
    const { until, localDeadline } = permit.claim
    await clock.advance(RENEW_MS)
    expect(permit.claim.until.getTime()).toBe(until.getTime() + RENEW_MS)
    expect(permit.claim.localDeadline).toBe(localDeadline + RENEW_MS)
    permit.end()
  })

  test('a renewal that takes long is not overtaken by the next', async () => {
    const { permit, ask, claims, clock, attempt } = rig()
    await ask()
    const times: number[] = []
    const renew = claims.renew.bind(claims)
    vi.spyOn(claims, 'renew').mockImplementation(async (...call) => {
      times.push(clock.now())
      await new Promise<void>((resolve) => clock.after(RENEW_MS * 0.3, resolve))
      return renew(...call)
    })
    await clock.advance(RENEW_MS * 3)
    expect(times).toEqual([RENEW_MS, RENEW_MS * 2.3])
    expect(reasonOf(attempt)).toBeUndefined()
    permit.end()
  })

  test('that is not ours any more ends the attempt at once', async () => {
    const { attempt, permit, ask, claims, clock } = rig()
    await ask()
    claims.leases.clear()
    await clock.advance(RENEW_MS - 1)
    expect(reasonOf(attempt)).toBeUndefined()
    await clock.advance(1)
    expect(reasonOf(attempt)).toEqual({ kind: 'released', reason: 'its lease is not ours any more', isLeaseLost: true })
    permit.end()
    expect(clock.alarms).toBe(0)
  })

  test('that can not be renewed ends the attempt when its time is nearly over, not before', async () => {
    const { attempt, permit, ask, claims, clock, busy } = rig()
    await ask()
    claims.fails.renew = new Error('no primary')
    await clock.advance(DEADLINE_MS - 1)
    expect(reasonOf(attempt)).toBeUndefined()
    expect(claims.calls.filter((call) => call === 'renew a')).toHaveLength(2)
    await clock.advance(1)
    expect(reasonOf(attempt)).toEqual({ kind: 'released', reason: 'its lease could not be renewed', isLeaseLost: true })
    expect(busy).toEqual([])
    permit.end()
  })

  test('whose renewal hangs ends the attempt before others may take over', async () => {
    const { attempt, permit, ask, claims, clock } = rig()
    await ask()
    vi.spyOn(claims, 'renew').mockImplementation(async () => new Promise(() => undefined))
    await clock.advance(DEADLINE_MS - 1)
    expect(reasonOf(attempt)).toBeUndefined()
    await clock.advance(1)
    expect(reasonOf(attempt)).toEqual({ kind: 'released', reason: 'its lease could not be renewed', isLeaseLost: true })
    permit.end()
  })

  test('ends the attempt at once when it is found to be over: a process that stood still does not ask first', async () => {
    const { attempt, ask, claims, clock } = rig()
    const claim = claims.claim.bind(claims)
    claims.claim = async (...call) => {
      const result = await claim(...call)
      await clock.advance(LEASE_MS)
      return result
    }
    await ask()
    await clock.advance(0)
    expect(attempt.signal.aborted).toBe(true)
    expect(claims.calls).toEqual(['claim a'])
  })

  test('that could not be renewed once, and then could, is kept', async () => {
    const { attempt, permit, ask, claims, clock } = rig()
    await ask()
    claims.fails.renew = new Error('no primary')
    await clock.advance(RENEW_MS)
    delete claims.fails.renew
    await clock.advance(LEASE_MS * 2)
    expect(reasonOf(attempt)).toBeUndefined()
    permit.end()
  })

  test.each([
    ['unfinished', undefined, 'release a'],
    ['finished', { finished: true }, 'release a finished'],
  ])('is given back at the end, once, %s, and leaves no alarm', async (_title, options, call) => {
    const { permit, ask, claims, clock } = rig()
    await ask()
    permit.end(options)
    permit.end()
    await settle()
    expect(claims.calls).toEqual(['claim a', call])
    expect([claims.leases.size, clock.alarms]).toEqual([0, 0])
  })

  test('that can not be given back ends by itself', async () => {
    const { permit, ask, claims, clock } = rig()
    await ask()
    claims.fails.release = new Error('database away')
    permit.end()
    await settle()
    expect(clock.alarms).toBe(0)
  })

  test.each([false, true])(
    'that is renewed late, after the end, leaves no alarm, and nobody is ended for it (lost: %s)',
    async (isLost) => {
      const { attempt, permit, ask, claims, clock } = rig()
      await ask()
      const answer = held(claims, 'renew')
      await clock.advance(RENEW_MS)
      permit.end()
      if (isLost) claims.leases.clear()
      answer()
      await settle()
      expect([clock.alarms, reasonOf(attempt)]).toEqual([0, undefined])
    },
  )

  test('is renewed with the session that was saved meanwhile, and released with it', async () => {
    const { permit, ask, claims, clock } = rig()
    await ask()
    await permit.saveSession({ upload: 'u1' })
    const release = vi.spyOn(claims, 'release')
    await clock.advance(RENEW_MS)
    permit.end()
    expect(release.mock.calls[0]?.[0]).toMatchObject({ session: { upload: 'u1' } })
  })
})
