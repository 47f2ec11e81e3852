import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import type { WriteResult } from '../../../src/model/record-result.ts'
import type { Attempt } from '../../../src/pipeline/attempt.ts'
import type { Settled } from '../../../src/pipeline/contracts.ts'
import { writeBack, type WriteBackParts } from '../../../src/pipeline/write-back.ts'
import { FakeClock, settle as allThatCan, START } from '../../support/fake-clock.ts'
import { attemptAt, LEASE_MS, MemoryClaims } from '../../support/memory-claims.ts'
import { transferOf } from '../../support/model-samples.ts'
import { RecordingLog } from '../../support/recording-log.ts'

type Write = Parameters<WriteBackParts['records']['write']>[0]

/** Answers in order, the last one again and again; an error is thrown. */
function rig(answers: readonly (WriteResult | Error)[] = [{ kind: 'written' }], before: (attempt: Attempt) => void = () => {}) {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  const log = new RecordingLog()
  const writes: Write[] = []
  const backlog = new Set<string>()
  /** Called when so many writes were begun. */
  const during = new Map<number, () => Promise<void>>()
  const write = async (one: Write): Promise<WriteResult> => {
    const answer = answers[Math.min(writes.push(one) - 1, answers.length - 1)] as WriteResult | Error
    await Promise.resolve()
    await during.get(writes.length)?.()
    if (answer instanceof Error) throw answer
    return answer
  }
  const parts: WriteBackParts = { records: { write }, clock, log, retryCountOf: () => 3, isBacklogged: (site) => backlog.has(site) }
  const settled = async (outcome: Outcome, tries = 0) => {
    const attempt = await attemptAt(claims, transferOf({ key: 'a', tries }), clock)
    before(attempt)
    await clock.advance(250)
    const results: Settled[] = []
    const work = writeBack(parts, attempt, outcome).then((one) => results.push(one))
    for (await allThatCan(); results.length === 0;) await clock.advance(250)
    await work
    return results[0] as Settled
  }
  return { clock, claims, log, writes, backlog, settle: settled, during }
}

const resultOf = ([write]: readonly Write[]) => write?.result as { readonly error: string }

const synced: Outcome = { kind: 'synced', id: 'remote', bytes: 3, sent: 3 }
const failed: Outcome = { kind: 'failed', error: new SyncError('SOURCE_MISSING', '/mnt/w/a is not there') }
const trouble: Outcome = { kind: 'site-trouble', site: 'gdrive', error: new SyncError('QUOTA', 'full') }

describe('what is written', () => {
  test.each<[Outcome, object]>([
    [synced, { kind: 'synced', id: 'remote' }],
    [failed, { kind: 'failed', error: '/mnt/w/a is not there' }],
    [trouble, { kind: 'site-trouble', error: 'full' }],
  ])('$kind', async (outcome, result) => {
    const { settle, writes } = rig()
    const { attempt, outcome: settled } = await settle(outcome)
    expect(settled).toBe(outcome)
    expect(writes).toEqual([{ address: attempt.transfer, result, until: new Date(START.getTime() + LEASE_MS), lingers: false }])
  })

  test('and lingers with others while more waits for the site', async () => {
    const { settle, writes, backlog } = rig()
    backlog.add('gdrive')
    await settle(synced)
    expect(writes).toMatchObject([{ lingers: true }])
  })

  test.each<Outcome>([
    { kind: 'dropped', reason: 'the skeleton is gone' },
    { kind: 'released', reason: 'paused' },
  ])('$kind: nothing', async (outcome) => {
    const { settle, writes } = rig()
    expect((await settle(outcome)).outcome).toBe(outcome)
    expect(writes).toEqual([])
  })

  test('an error is one line that any reader can show', async () => {
    const message = fc.string({ unit: 'binary', maxLength: 300 })
    await fc.assert(
      fc.asyncProperty(message, async (text) => {
        const { settle, writes } = rig()
        await settle({ kind: 'failed', error: new SyncError('REFUSED', text) })
        const { error } = resultOf(writes)
        expect(error.length).toBeLessThanOrEqual(1_000)
        expect(error.isWellFormed()).toBe(true)
        expect(error).toMatch(/^[^\p{Cc}\u2028\u2029]*$/u)
      }),
      { numRuns: 50 },
    )
  })

  test('a long error is cut between characters', async () => {
    const { settle, writes } = rig()
    await settle({ kind: 'failed', error: new SyncError('REFUSED', '\u{1f40e}'.repeat(600)) })
    const { error } = resultOf(writes)
    expect(error.isWellFormed()).toBe(true)
    expect(error).toMatch(/^\u{1f40e}{499}…$/u)
  })
})

describe('what became of it', () => {
  test.each<[WriteResult, Outcome]>([
    [
      { kind: 'gone', what: 'skeleton' },
      { kind: 'dropped', reason: 'the skeleton is gone' },
    ],
    [
      { kind: 'gone', what: 'document' },
      { kind: 'dropped', reason: 'the document is gone' },
    ],
    [{ kind: 'rewritten' }, { kind: 'dropped', reason: 'the record was rewritten meanwhile' }],
    [{ kind: 'fenced' }, { kind: 'released', reason: 'its lease ended before the result was written', isLeaseLost: true }],
  ])('%j', async (answer, outcome) => {
    const { settle, log } = rig([answer])
    expect((await settle(synced)).outcome).toEqual(outcome)
    expect(log.actions).toEqual([`transfer.${outcome.kind}`])
  })
})

describe('the lease', () => {
  test.each<[Outcome, string]>([
    [synced, 'release a finished'],
    [failed, 'release a'],
    [trouble, 'release a'],
    [{ kind: 'released', reason: 'paused' }, 'release a'],
  ])('is given back: $kind', async (outcome, call) => {
    const { settle, claims } = rig()
    await settle(outcome)
    expect(claims.calls.at(-1)).toBe(call)
    expect(claims.leases.size).toBe(0)
  })

  test('that can not be given back ends by itself', async () => {
    const { settle, claims } = rig()
    claims.fails.release = new Error('database away')
    expect((await settle(synced)).outcome).toBe(synced)
  })

  test('lasts: the result is tried again', async () => {
    const { settle, writes } = rig([new Error('election'), new Error('election'), { kind: 'written' }])
    expect((await settle(synced)).outcome).toBe(synced)
    expect(writes).toHaveLength(3)
  })

  test('was renewed while a slow write carried its former end: the result is written with the new one', async () => {
    const { settle, clock, claims, writes, during } = rig([{ kind: 'fenced' }, { kind: 'written' }])
    during.set(1, async () => clock.advance(LEASE_MS / 3))
    expect((await settle(synced)).outcome).toBe(synced)
    expect(claims.calls).toEqual(['claim a', 'renew a', 'release a finished'])
    expect(writes.map(({ until }) => until.getTime() - START.getTime())).toEqual([LEASE_MS, LEASE_MS / 3 + LEASE_MS])
  })

  test('may be over: the result is given up', async () => {
    const { settle, claims, writes, log } = rig([new Error('no primary')])
    claims.fails.renew = new Error('no primary')
    expect((await settle(synced)).outcome).toEqual({ kind: 'released', reason: 'the result could not be written: no primary' })
    // Four a second, as long as the lease is good for certain.
    expect(writes).toHaveLength((LEASE_MS * 0.8) / 250)
    expect(log.actions).toEqual(['transfer.released'])
  })

  test('is renewed for as long as the result can not be written, and the file is marked at last', async () => {
    const { settle, clock, claims, writes } = rig([...Array.from({ length: 500 }, () => new Error('no primary')), { kind: 'written' }])
    expect((await settle(synced)).outcome).toBe(synced)
    expect(writes).toHaveLength(501)
    expect(clock.now()).toBeGreaterThan(LEASE_MS * 4)
    expect(claims.calls.filter((call) => call === 'renew a').length).toBeGreaterThan(10)
    expect(clock.alarms).toBe(0)
  })

  test('ends with the service: the result is given up at once, and told', async () => {
    const { settle, writes, log } = rig([new Error('no primary')], (attempt) => attempt.end({ kind: 'released', reason: 'shutdown' }))
    expect((await settle(synced)).outcome).toEqual({ kind: 'released', reason: 'the result could not be written: no primary' })
    expect(writes).toHaveLength(1)
    expect(log.actions).toEqual(['transfer.released'])
  })
})

async function told(outcome: Outcome, tries = 0) {
  const { settle, log } = rig()
  await settle(outcome, tries)
  return log.events
}

describe('what is told', () => {
  const common = {
    project: 'PRJ',
    site: 'gdrive',
    path: expect.any(String),
    attemptId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    durationMs: 250,
    provider: 'memory',
  }

  test('success, with what was sent', async () => {
    expect(await told(synced)).toEqual([
      expect.objectContaining({
        action: 'transfer.succeeded',
        ...common,
        bytes: 3,
        extra: { sent_bytes: 3, remote_id: 'remote', source: 'studio' },
      }),
    ])
  })

  test('a failure, and how many there were', async () => {
    expect(await told(failed, 1)).toEqual([expect.objectContaining({ action: 'transfer.failed', ...common, tries: 2 })])
  })

  test.each([2, 3])('the last failure, twice: after %d tries none are left', async (tries) => {
    const events = await told(failed, tries)
    expect(events.map(({ action }) => action)).toEqual(['transfer.failed', 'transfer.exhausted'])
    expect(events[1]).toMatchObject({ ...common, tries: tries + 1 })
  })

  test('trouble of a site, which spends nothing', async () => {
    expect(await told(trouble, 2)).toEqual([expect.objectContaining({ action: 'transfer.failed', level: 'warn', ...common, tries: 2 })])
  })

  test.each<Outcome>([
    { kind: 'dropped', reason: 'the skeleton is gone' },
    { kind: 'released', reason: 'paused' },
  ])('$kind, and why', async (outcome) => {
    expect(await told(outcome)).toEqual([
      expect.objectContaining({ action: `transfer.${outcome.kind}`, ...common, message: (outcome as { reason: string }).reason }),
    ])
  })
})
