import { describe, expect, test } from 'vitest'

import { SyncError, type ErrorCode } from '../../../src/errors.ts'
import { isSuspicion, SiteEvidence, type Suspicion } from '../../../src/pipeline/site-evidence.ts'
import type { Operation } from '../../../src/providers/provider.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

const denied = new SyncError('PERMISSION', 'permission denied')

/** Evidence whose probe fails with what stands in `probe.fails`. */
function evidenceOf() {
  const probe: { fails: SyncError | undefined; calls: [string, Operation][]; hold: Promise<void> | undefined } = {
    fails: undefined,
    calls: [],
    hold: undefined,
  }
  const clock = new FakeClock()
  const evidence = new SiteEvidence({
    clock,
    async probe(site, operation) {
      probe.calls.push([site, operation])
      await probe.hold
      if (probe.fails) throw probe.fails
    },
  })
  return { evidence, probe, clock }
}

const suspicion = (folder: string, more: Partial<Suspicion> = {}): Suspicion => ({
  site: 'nas',
  operation: 'write',
  folder,
  file: `${folder}/${Math.random()}`,
  error: denied,
  startedAt: Infinity,
  signal: new AbortController().signal,
  ...more,
})

describe('a fault is judged by evidence', () => {
  test.each<[ErrorCode, boolean]>([
    ['PERMISSION', true],
    ['DISK_FULL', true],
    ['UNREACHABLE', true],
    ['INTERRUPTED', true],
    ['BUSY', true],
    ['UNEXPECTED', false],
    ['SOURCE_MISSING', false],
    ['REFUSED', false],
    ['CREDENTIALS', false],
    ['QUOTA', false],
    ['ROOT_MISSING', false],
    ['RATE_LIMITED', false],
  ])('%s: %s', (code, expected) => {
    expect(isSuspicion(new SyncError(code, 'x'))).toBe(expected)
  })

  test('unless its provider knows better', () => {
    expect(isSuspicion(new SyncError('QUOTA', 'this file is too large', { certain: false }))).toBe(true)
    expect(isSuspicion(new SyncError('BUSY', 'no more open files', { certain: true }))).toBe(false)
    expect(isSuspicion(new SyncError('UNREACHABLE', 'come back later', { retryAfterMs: 1_000 }))).toBe(false)
  })
})

describe('the root', () => {
  test('works: the file is to blame', async () => {
    const { evidence, probe } = evidenceOf()
    expect(await evidence.judge(suspicion('a'))).toBeUndefined()
    expect(probe.calls).toEqual([['nas', 'write']])
  })

  test('fails too: the site is, by the fault that was seen', async () => {
    const { evidence, probe } = evidenceOf()
    probe.fails = new SyncError('INTERRUPTED', 'input/output error')
    expect(await evidence.judge(suspicion('a'))).toBe(denied)
  })

  test('failed while an attempt was under way: that one is not to blame, although the site is well again', async () => {
    const { evidence, probe, clock } = evidenceOf()
    probe.fails = denied
    const startedAt = clock.now()
    await evidence.judge(suspicion('a', { startedAt }))
    probe.fails = undefined
    expect(await evidence.judge(suspicion('a', { startedAt }))).toBe(denied)
    await clock.advance(1)
    expect(await evidence.judge(suspicion('a', { startedAt: clock.now() }))).toBeUndefined()
  })

  test('fails for a reason that is certain: that is what the site is in trouble with', async () => {
    const { evidence, probe } = evidenceOf()
    probe.fails = new SyncError('ROOT_MISSING', 'not mounted')
    expect(await evidence.judge(suspicion('a'))).toBe(probe.fails)
  })

  test('is tried for reading where reading failed', async () => {
    const { evidence, probe } = evidenceOf()
    await evidence.judge(suspicion('a', { site: 'studio', operation: 'read' }))
    expect(probe.calls).toEqual([['studio', 'read']])
  })

  test('is tried after each fault; who asks meanwhile shares the next try', async () => {
    const { evidence, probe } = evidenceOf()
    const { promise, resolve } = Promise.withResolvers<void>()
    probe.hold = promise
    const verdicts = Array.from({ length: 5 }, async () => evidence.judge(suspicion('a')))
    await settle()
    expect(probe.calls).toHaveLength(1)
    // The site breaks after the first try began: only the second one sees it.
    probe.hold = undefined
    resolve()
    const [first, ...others] = await Promise.all(verdicts)
    expect([first, ...others]).toEqual([undefined, undefined, undefined, undefined, undefined])
    expect(probe.calls).toHaveLength(2)
  })
})

describe('different folders that fail in a row', () => {
  test('are the site’s trouble; two of them, or many files of one, are not', async () => {
    const { evidence } = evidenceOf()
    for (let n = 0; n < 40; n++) expect(await evidence.judge(suspicion('a'))).toBeUndefined()
    expect(await evidence.judge(suspicion('b'))).toBeUndefined()
    expect(await evidence.judge(suspicion('c'))).toBe(denied)
  })

  test('are not, with a success of the same operation in between', async () => {
    const { evidence } = evidenceOf()
    for (const folder of ['a', 'b', 'c', 'd', 'e']) {
      expect(await evidence.judge(suspicion(folder))).toBeUndefined()
      evidence.worked('nas', 'write')
    }
    evidence.worked('nas', 'read')
    for (const folder of ['a', 'b']) expect(await evidence.judge(suspicion(folder))).toBeUndefined()
    evidence.worked('nas', 'read')
    evidence.worked('gdrive', 'write')
    expect(await evidence.judge(suspicion('c'))).toBe(denied)
  })

  test('count from the beginning after that, so that what never succeeds can not keep a site for itself', async () => {
    const { evidence } = evidenceOf()
    const verdicts = []
    for (const folder of ['a', 'b', 'c', 'a', 'b', 'c']) verdicts.push(await evidence.judge(suspicion(folder)))
    expect(verdicts).toEqual([undefined, undefined, denied, undefined, undefined, denied])
  })

  test('are that also for what was under way when it was found out', async () => {
    const { evidence, clock } = evidenceOf()
    const startedAt = clock.now()
    for (const folder of ['a', 'b']) await evidence.judge(suspicion(folder, { startedAt }))
    await clock.advance(1_000)
    expect(await evidence.judge(suspicion('c', { startedAt }))).toBe(denied)
    for (const folder of ['d', 'a', 'a']) expect(await evidence.judge(suspicion(folder, { startedAt }))).toBe(denied)
    await clock.advance(1)
    expect(await evidence.judge(suspicion('e', { startedAt: clock.now() }))).toBeUndefined()
  })

  test('space that is short for three files in a row is short for the site, wherever they are', async () => {
    const { evidence } = evidenceOf()
    const error = new SyncError('DISK_FULL', '4 MB are missing')
    for (const _ of [1, 2]) expect(await evidence.judge(suspicion('a', { error }))).toBeUndefined()
    expect(await evidence.judge(suspicion('a', { error }))).toBe(error)
    // One file again and again is one file.
    for (let n = 0; n < 5; n++) expect(await evidence.judge(suspicion('a', { error, file: 'a/large' }))).toBeUndefined()
  })
})

test('who is told to stop does not wait for the probe', async () => {
  const { evidence, probe } = evidenceOf()
  probe.hold = new Promise(() => {})
  const abort = new AbortController()
  const verdict = evidence.judge(suspicion('a', { signal: abort.signal }))
  abort.abort(new Error('paused'))
  await expect(verdict).rejects.toMatchObject({ code: 'ABORTED' })
})
