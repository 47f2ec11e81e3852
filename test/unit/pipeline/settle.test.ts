import { LRUCache } from 'lru-cache'
import { describe, expect, test, vi } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import type { RecordResult, WriteResult } from '../../../src/model/record-result.ts'
import type { Transfer } from '../../../src/model/transfer.ts'
import type { Settled } from '../../../src/pipeline/contracts.ts'
import { settle, type SettleParts } from '../../../src/pipeline/settle.ts'
import { openByteSource } from '../../../src/providers/byte-source.ts'
import { FakeClock, settle as allThatCan } from '../../support/fake-clock.ts'
import { attemptOf, LEASE_MS, MemoryClaims } from '../../support/memory-claims.ts'
import { MemoryProvider, type MemoryCall } from '../../support/memory-provider.ts'
import { siteOf, transferOf } from '../../support/model-samples.ts'
import { RecordingLog } from '../../support/recording-log.ts'

const SOURCE = '/studio/p/a.ma'
const TARGET = '/gdrive/p/a.ma'

/** One attempt between two sites in memory. Its record is read again when `fresh` says so; `diary` is what happened, in order. */
function rig({ gate = (_site: string, _call: MemoryCall): Promise<void> | void => undefined } = {}) {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  const log = new RecordingLog()
  const diary: string[] = []
  const results: RecordResult[] = []
  const fresh = Promise.withResolvers<Transfer | undefined>()
  const providers = {
    studio: new MemoryProvider(siteOf('studio'), { chunkBytes: 4, gate: (call) => gate('studio', call) }),
    gdrive: new MemoryProvider(siteOf('gdrive'), { chunkBytes: 4, gate: (call) => gate('gdrive', call) }),
  }
  providers.studio.store.put(SOURCE, 'the content')
  const written = Promise.withResolvers<WriteResult>()
  const refused = new LRUCache<string, true>({ max: 10 })
  const parts: SettleParts = {
    transfer: {
      providers: { get: async ({ name }) => Promise.resolve(providers[name as 'gdrive']) },
      openSource: openByteSource,
      log,
      retry: { retries: 1, minTimeout: 0, maxTimeout: 0 },
      judge: async ({ error }) => Promise.resolve(error),
      roots: { isDown: () => false, sift: async () => Promise.resolve() },
      sizes: { check: () => undefined },
    },
    writeBack: {
      records: {
        write: async ({ result }) => {
          results.push(result)
          diary.push(`write ${result.kind}`)
          return written.promise
        },
      },
      clock,
      log,
      retryCountOf: () => 3,
      isBacklogged: () => false,
    },
    work: {
      verified: (attempt, outcome) => {
        diary.push(`verified ${outcome.kind}`)
        attempt.verified(outcome)
        return () => diary.push('written')
      },
    },
    refused,
    showProgress: () => {
      diary.push('progress')
      return () => {
        if (diary.at(-1) !== 'no progress') diary.push('no progress')
      }
    },
  }
  const transfer = transferOf({ key: 'a', path: '{root[work]}/p/a.ma' })
  const attempt = attemptOf(claims, transfer, clock, {
    reread: async () => fresh.promise,
    started: () => diary.push('started'),
  })
  const run = (): { settled: Settled | undefined; error: unknown; isOver: boolean } => {
    const seen: ReturnType<typeof run> = { settled: undefined, error: undefined, isOver: false }
    void settle(parts, attempt)
      .then(
        (settled) => (seen.settled = settled),
        (error: unknown) => (seen.error = error),
      )
      .finally(() => (seen.isOver = true))
    return seen
  }
  const { gdrive } = providers
  return {
    clock,
    claims,
    log,
    diary,
    results,
    refused,
    fresh,
    written,
    transfer,
    attempt,
    run,
    ...providers,
    files: () => gdrive.store.paths(),
  }
}

const allSent = async ({ gdrive }: ReturnType<typeof rig>): Promise<void> => {
  await vi.waitFor(() => expect(gdrive.bytes.written).toBe(11))
  await allThatCan()
}

describe('an attempt', () => {
  test('copies while its permit is asked for, is seen once it is granted, and writes its result', async () => {
    const all = rig()
    const seen = all.run()
    await allSent(all)
    expect([all.files(), all.diary, all.results]).toEqual([[], ['progress'], []])
    all.fresh.resolve(all.transfer)
    await vi.waitFor(() => expect(all.results).toHaveLength(1))
    expect([all.files(), seen.isOver]).toEqual([[TARGET], false])
    all.written.resolve({ kind: 'written' })
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen.settled).toEqual({
      attempt: all.attempt,
      outcome: { kind: 'synced', id: expect.stringMatching(/^memory-/) as string, bytes: 11, sent: 11 },
    })
    expect(all.diary).toEqual(['progress', 'started', 'verified synced', 'no progress', 'write synced', 'written', 'no progress'])
    expect(all.log.actions).toEqual(['transfer.succeeded'])
  })

  test('leaves its sites before its result is written: whoever is told `verified` may give the slot to another', async () => {
    const all = rig()
    all.run()
    all.fresh.resolve(all.transfer)
    await vi.waitFor(() => expect(all.results).toHaveLength(1))
    expect(all.diary.indexOf('verified synced')).toBeLessThan(all.diary.indexOf('write synced'))
    expect([all.diary.includes('written'), all.attempt.stage]).toEqual([false, 'verified'])
  })

  test('of a file that is there already needs no bytes, and its permit all the same', async () => {
    const all = rig()
    all.gdrive.store.put(TARGET, 'the content')
    const seen = all.run()
    await vi.waitFor(() => expect(all.gdrive.calls.stat).toBe(1))
    await allThatCan()
    expect([seen.isOver, all.results]).toEqual([false, []])
    all.written.resolve({ kind: 'written' })
    all.fresh.resolve(all.transfer)
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen.settled?.outcome).toMatchObject({ kind: 'synced', sent: 0 })
    expect(all.diary[1]).toBe('started')
  })
})

/** Nothing is told, written, or left of it. */
async function expectNothing(all: ReturnType<typeof rig>): Promise<void> {
  expect([all.files(), all.results, all.log.events]).toEqual([[], [], []])
  expect(all.diary).toEqual(['progress', 'no progress'])
  all.attempt.permit.end()
  await allThatCan()
  expect(all.clock.alarms).toBe(0)
}

describe('a permit that is refused', () => {
  test('when all is sent: nothing is seen, told, or written', async () => {
    const all = rig()
    const seen = all.run()
    await allSent(all)
    all.fresh.resolve(undefined)
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect([seen.settled, seen.error]).toEqual([undefined, undefined])
    await expectNothing(all)
  })

  test('at once, because another instance has the place: it ends within a chunk', async () => {
    const wall = Promise.withResolvers<void>()
    const all = rig({ gate: async (site, { verb }) => (site === 'gdrive' && verb === 'stat' ? wall.promise : undefined) })
    all.claims.leases.set(all.transfer.targetKey, { attemptId: 'theirs', until: Infinity })
    const seen = all.run()
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect([seen.settled, seen.error, all.gdrive.bytes.written]).toEqual([undefined, undefined, 0])
    await expectNothing(all)
  })

  test('is waited for the next time, before anything is copied', async () => {
    const all = rig()
    all.refused.set(all.transfer.key, true)
    const seen = all.run()
    await allThatCan()
    expect([seen.isOver, all.gdrive.calls.stat, all.studio.calls.read, all.diary]).toEqual([false, 0, 0, []])
    all.fresh.resolve(undefined)
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect([seen.settled, all.gdrive.calls.stat, all.refused.has(all.transfer.key)]).toEqual([undefined, 0, true])
  })

  test('is remembered, and forgotten once there is one', async () => {
    const all = rig()
    const first = all.run()
    all.fresh.resolve(undefined)
    await vi.waitFor(() => expect(first.isOver).toBe(true))
    expect(all.refused.has(all.transfer.key)).toBe(true)
    const next = rig()
    next.refused.set(next.transfer.key, true)
    next.fresh.resolve(next.transfer)
    next.written.resolve({ kind: 'written' })
    const second = next.run()
    await vi.waitFor(() => expect(second.isOver).toBe(true))
    expect([second.settled?.outcome.kind, next.refused.has(next.transfer.key)]).toEqual(['synced', false])
  })

  test('for a file that is there already: its record is not touched', async () => {
    const all = rig()
    all.gdrive.store.put(TARGET, 'the content')
    const seen = all.run()
    await vi.waitFor(() => expect(all.gdrive.calls.stat).toBe(1))
    all.fresh.resolve(undefined)
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect([seen.settled, all.results, all.log.events, all.diary]).toEqual([undefined, [], [], ['progress', 'no progress']])
  })

  test('for a file that failed meanwhile: no try is spent', async () => {
    const all = rig()
    all.studio.store.files.clear()
    const seen = all.run()
    await vi.waitFor(() => expect(all.studio.calls.stat).toBe(1))
    await allThatCan()
    expect(seen.isOver).toBe(false)
    all.fresh.resolve({ ...all.transfer, tries: 1 })
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen.settled).toBeUndefined()
    await expectNothing(all)
  })

  test('because its document was changed: it is to be looked at again', async () => {
    const all = rig()
    const seen = all.run()
    all.fresh.resolve({ ...all.transfer, size: 7 })
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect([seen.settled, all.attempt.changed]).toEqual([undefined, true])
    await expectNothing(all)
  })

  test.each([
    ['asked for', (all: ReturnType<typeof rig>) => void (all.claims.fails.claim = new Error('database away'))],
    ['read again', (all: ReturnType<typeof rig>) => all.fresh.reject(new Error('database away'))],
  ])('because it could not be %s: that is told, and nothing is left', async (_title, spoil) => {
    const all = rig()
    spoil(all)
    const seen = all.run()
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen).toMatchObject({ settled: undefined, error: { message: 'database away' } })
    await expectNothing(all)
  })
})

describe('a permit that is withdrawn before it is granted', () => {
  test.each<Outcome>([
    { kind: 'released', reason: 'shutdown' },
    { kind: 'dropped', reason: 'the skeleton is gone' },
  ])('$kind: nobody is told of what never started', async (outcome) => {
    const all = rig()
    const seen = all.run()
    await allSent(all)
    all.attempt.end(outcome)
    await allThatCan()
    // The record is still being read.
    expect(seen.isOver).toBe(false)
    all.fresh.resolve(all.transfer)
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen.settled).toBeUndefined()
    await expectNothing(all)
  })
})

describe('an outcome that is known before the permit is', () => {
  test('waits for it: a failure is told and written once the transfer has started', async () => {
    const all = rig()
    all.studio.store.files.clear()
    const seen = all.run()
    await vi.waitFor(() => expect(all.studio.calls.stat).toBe(1))
    await allThatCan()
    expect([seen.isOver, all.diary, all.log.events]).toEqual([false, ['progress'], []])
    all.fresh.resolve(all.transfer)
    all.written.resolve({ kind: 'written' })
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(all.diary.slice(0, 3)).toEqual(['progress', 'started', 'verified failed'])
    expect(all.results).toMatchObject([{ kind: 'failed' }])
    expect(all.log.actions).toEqual(['transfer.failed'])
  })

  test('is the trouble of a site, which is told then', async () => {
    const quota = new SyncError('QUOTA', 'full')
    const all = rig({
      gate: (site, { verb }) => {
        if (site === 'gdrive' && verb === 'write') throw quota
      },
    })
    const seen = all.run()
    await vi.waitFor(() => expect(all.gdrive.calls.write).toBe(1))
    await allThatCan()
    expect(all.diary).toEqual(['progress'])
    all.fresh.resolve(all.transfer)
    all.written.resolve({ kind: 'written' })
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen.settled?.outcome).toEqual({ kind: 'site-trouble', site: 'gdrive', error: quota })
  })
})

describe('a lease that is lost', () => {
  test('while it is sent: given back, nothing is seen or written', async () => {
    const wall = Promise.withResolvers<void>()
    const all = rig({
      gate: async (site, { verb, bytes }) => (site === 'gdrive' && verb === 'chunk' && bytes > 0 ? wall.promise : undefined),
    })
    const seen = all.run()
    all.fresh.resolve(all.transfer)
    await vi.waitFor(() => expect(all.diary).toContain('started'))
    all.claims.leases.clear()
    await all.clock.advance(LEASE_MS / 3)
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen.settled?.outcome).toEqual({ kind: 'released', reason: 'its lease is not ours any more', isLeaseLost: true })
    expect([all.files(), all.results, all.log.actions]).toEqual([[], [], ['transfer.released']])
  })

  test('while the result is written: the file is there, its record is left to who has the lease now', async () => {
    const all = rig()
    const seen = all.run()
    all.fresh.resolve(all.transfer)
    await vi.waitFor(() => expect(all.results).toHaveLength(1))
    all.claims.leases.clear()
    await all.clock.advance(LEASE_MS / 3)
    all.written.resolve({ kind: 'fenced' })
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen.settled?.outcome).toEqual({ kind: 'released', reason: 'its lease ended before the result was written', isLeaseLost: true })
    expect([all.files(), all.log.actions, all.clock.alarms]).toEqual([[TARGET], ['transfer.released'], 0])
  })

  test('for which another instance marked the file meanwhile: dropped', async () => {
    const all = rig()
    const seen = all.run()
    all.fresh.resolve(all.transfer)
    await vi.waitFor(() => expect(all.results).toHaveLength(1))
    all.written.resolve({ kind: 'rewritten' })
    await vi.waitFor(() => expect(seen.isOver).toBe(true))
    expect(seen.settled?.outcome).toMatchObject({ kind: 'dropped' })
  })
})
