import { describe, expect, test, vi } from 'vitest'

import { SyncError, type ErrorCode } from '../../../src/errors.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import type { Transfer } from '../../../src/model/transfer.ts'
import type { Attempt } from '../../../src/pipeline/attempt.ts'
import type { Written } from '../../../src/pipeline/contracts.ts'
import { transfer, type TransferParts } from '../../../src/pipeline/transfer.ts'
import { openByteSource } from '../../../src/providers/byte-source.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { attemptAt, attemptOf, MemoryClaims } from '../../support/memory-claims.ts'
import { MemoryProvider, MemoryStore, type MemoryCall, type MemoryVerb } from '../../support/memory-provider.ts'
import { siteOf, transferOf } from '../../support/model-samples.ts'
import { RecordingLog } from '../../support/recording-log.ts'

const SOURCE = '/studio/p/a.ma'
const TARGET = '/gdrive/p/a.ma'

/** Two sites in memory; what stands in `faults` is thrown by that call of that site, so many times. */
function rig(more: Partial<TransferParts> = {}) {
  const clock = new FakeClock()
  const claims = new MemoryClaims(clock)
  const log = new RecordingLog()
  const faults: { site: string; verb: MemoryVerb | 'get'; error: unknown; times: number; bytes?: number }[] = []
  const strike = (site: string, verb: MemoryVerb | 'get', bytes = 0): void => {
    const fault = faults.find((one) => one.site === site && one.verb === verb && one.times > 0 && bytes >= (one.bytes ?? 0))
    if (!fault) return
    fault.times--
    throw typeof fault.error === 'function' ? fault.error() : fault.error
  }
  const providerOf = (name: string) =>
    new MemoryProvider(siteOf(name), {
      store: new MemoryStore(),
      chunkBytes: 4,
      gate: ({ verb, bytes }: MemoryCall) => strike(name, verb, bytes),
    })
  const [source, target] = [providerOf('studio'), providerOf('gdrive')]
  source.store.put(SOURCE, 'the content')
  const parts: TransferParts = {
    providers: {
      get: async ({ name }) => {
        await Promise.resolve()
        strike(name, 'get')
        return name === 'studio' ? source : target
      },
    },
    openSource: openByteSource,
    log,
    retry: { retries: 2, minTimeout: 0, maxTimeout: 0 },
    judge: async ({ error }) => Promise.resolve(error),
    roots: { isDown: () => false, sift: async () => Promise.resolve() },
    sizes: { check: () => undefined },
    ...more,
  }
  const hold = async (own: Partial<Transfer> = {}): Promise<Attempt> =>
    attemptAt(claims, transferOf({ path: '{root[work]}/p/a.ma', ...own }), clock)
  /** An attempt whose permit comes when the record is read again, which waits for `fresh`. */
  const asking = (fresh: Promise<Transfer | undefined>, own: Partial<Transfer> = {}): Attempt => {
    const transferred = transferOf({ path: '{root[work]}/p/a.ma', ...own })
    const attempt = attemptOf(claims, transferred, clock, { reread: async () => fresh })
    attempt.permit.ask()
    return attempt
  }
  return { clock, parts, source, target, claims, log, faults, hold, asking }
}

const run = async ({ parts, hold }: ReturnType<typeof rig>, own: Partial<Transfer> = {}): Promise<Written | Outcome> =>
  transfer(parts, await hold(own))

describe('sends', () => {
  test('the bytes, and counts them', async () => {
    const all = rig()
    const attempt = await all.hold()
    const written = await transfer(all.parts, attempt)
    expect(written).toMatchObject({ kind: 'written', sent: 11, file: { size: 11 } })
    expect(all.target.store.get(TARGET)?.toString()).toBe('the content')
    expect(attempt.progress).toEqual({ bytes: 11, size: 11 })
  })

  test.each([
    ['nothing is there', undefined, 11],
    ['the same content is there', 'the content', 0],
    ['other content of the same size', 'the CONTENT', 11],
    ['other content of another size', 'the', 11],
  ])('%s', async (_title, there, sent) => {
    const all = rig()
    if (there !== undefined) all.target.store.put(TARGET, there)
    expect(await run(all)).toMatchObject({ kind: 'written', sent })
    expect(all.target.calls.write).toBe(sent === 0 ? 0 : 1)
    expect(all.target.store.get(TARGET)?.toString()).toBe('the content')
  })

  test('an empty file', async () => {
    const all = rig()
    all.source.store.put(SOURCE, '')
    expect(await run(all)).toMatchObject({ kind: 'written', sent: 0, file: { size: 0 } })
    expect(all.target.calls.write).toBe(1)
    expect(all.target.store.get(TARGET)?.length).toBe(0)
  })
})

test('a route that leads nowhere fails, and no site is asked', async () => {
  const all = rig()
  const error = new SyncError('BAD_ROOT', 'no such root')
  expect(await run(all, { route: { error } })).toEqual({ kind: 'failed', error })
  expect(all.source.calls).toEqual(all.target.calls)
})

test('a source that is not there names its whole path, and nothing is sent', async () => {
  const all = rig()
  all.source.store.files.clear()
  expect(await run(all)).toMatchObject({ kind: 'failed', error: { code: 'SOURCE_MISSING', message: expect.stringContaining(SOURCE) } })
  expect(all.target.calls.write).toBe(0)
})

const OF_FILE: ErrorCode[] = [
  'SOURCE_CHANGED',
  'SOURCE_UNREADABLE',
  'NOT_A_FILE',
  'BAD_PATH',
  'TARGET_CONFLICT',
  'VERIFY_FAILED',
  'REFUSED',
]
const OF_SITE: ErrorCode[] = [
  'MISCONFIGURED',
  'CREDENTIALS',
  'PERMISSION',
  'QUOTA',
  'RATE_LIMITED',
  'ROOT_MISSING',
  'DISK_FULL',
  'UNREACHABLE',
]
const PLACES: [site: string, verb: MemoryVerb | 'get'][] = [
  ['studio', 'get'],
  ['studio', 'stat'],
  ['studio', 'read'],
  ['gdrive', 'get'],
  ['gdrive', 'stat'],
  ['gdrive', 'write'],
  ['gdrive', 'chunk'],
]

describe.each(PLACES)('a fault of %s in %s', (site, verb) => {
  const failing = async (error: unknown, more: Partial<TransferParts> = {}, times = Infinity): Promise<Outcome | Written> => {
    const all = rig(more)
    all.faults.push({ site, verb, error, times })
    return run(all)
  }

  test.each(OF_FILE)('%s is the file’s', async (code) => {
    const error = new SyncError(code, 'x')
    expect(await failing(error)).toEqual({ kind: 'failed', error })
  })

  test.each(OF_SITE)('%s is trouble of that site, and of no other', async (code) => {
    const error = new SyncError(code, 'x', { retryAfterMs: 7 })
    expect(await failing(error)).toEqual({ kind: 'site-trouble', error, site })
  })

  test('that nobody foresaw is the file’s', async () => {
    expect(await failing(new RangeError('oops'), { judge: async () => Promise.resolve(undefined) })).toMatchObject({
      kind: 'failed',
      error: { code: 'UNEXPECTED', message: 'oops' },
    })
  })

  test('that is an abortion gives it back', async () => {
    expect(await failing(new SyncError('ABORTED', 'stopped'))).toEqual({ kind: 'released', reason: 'stopped' })
  })

  test('that asks for a day is trouble of that site at once, with the time it asked for', async () => {
    const cause = new SyncError('INTERRUPTED', 'status 503', { retryAfterMs: 86_400_000 })
    const outcome = await failing(cause, {}, 1)
    expect(outcome).toMatchObject({ kind: 'site-trouble', site, error: { code: 'UNREACHABLE', cause, retryAfterMs: 86_400_000 } })
  })

  test('that does not pass is trouble of that site in the end', async () => {
    const cause = new SyncError('INTERRUPTED', 'reset')
    const outcome = await failing(cause)
    expect(outcome).toMatchObject({ kind: 'site-trouble', site, error: { code: 'UNREACHABLE', cause } })
    expect((outcome as { error: SyncError }).error.message).toBe(`site ${JSON.stringify(site)} is unreachable: reset`)
  })

  test.each<ErrorCode>(['INTERRUPTED', 'BUSY', 'PERMISSION', 'DISK_FULL', 'UNREACHABLE'])(
    '%s, which the evidence does not put on the site, is the file’s',
    async (code) => {
      const error = new SyncError(code, 'x')
      expect(await failing(error, { judge: async () => Promise.resolve(undefined) })).toEqual({ kind: 'failed', error })
    },
  )

  test.each<ErrorCode>(['CREDENTIALS', 'QUOTA', 'ROOT_MISSING', 'RATE_LIMITED'])('%s needs no evidence', async (code) => {
    const judge = vi.fn<TransferParts['judge']>(async () => Promise.resolve(undefined))
    expect(await failing(new SyncError(code, 'x'), { judge })).toMatchObject({ kind: 'site-trouble', site })
    expect(judge).not.toHaveBeenCalled()
  })

  test('names what was done, and where', async () => {
    const seen: unknown[] = []
    const judge: TransferParts['judge'] = async ({ signal: _signal, error: _error, startedAt: _startedAt, ...suspicion }) => {
      seen.push(suspicion)
      return Promise.resolve(undefined)
    }
    await failing(new SyncError('PERMISSION', 'x'), { judge })
    const root = site === 'studio' ? '/studio' : '/gdrive'
    expect(seen).toEqual([{ site, operation: site === 'studio' ? 'read' : 'write', folder: `${root}/p`, file: `${root}/p/a.ma` }])
  })
})

describe.each(PLACES.filter(([, verb]) => verb !== 'get'))('a fault of %s in %s that passes', (site, verb) => {
  test('is told, and the file arrives', async () => {
    const all = rig()
    all.faults.push({ site, verb, error: new SyncError('INTERRUPTED', 'reset'), times: 2 })
    expect(await run(all)).toMatchObject({ kind: 'written' })
    expect(all.log.actions).toEqual(['transfer.retried', 'transfer.retried'])
    expect(all.log.events[0]).toMatchObject({
      site: 'gdrive',
      path: '{root[work]}/p/a.ma',
      attemptId: expect.any(String),
      error: { code: 'INTERRUPTED' },
    })
  })
})

function undeclared(): Partial<Transfer> {
  const { route } = transferOf({ path: '{root[work]}/p/a.ma' })
  return 'error' in route ? {} : { route: { ...route, sourceSite: siteOf('studio', { declared: false }) } }
}

describe('a root that came with the document', () => {
  test('says nothing about any site: its fault is the file’s', async () => {
    const all = rig()
    const error = new SyncError('ROOT_MISSING', 'not mounted')
    all.faults.push({ site: 'studio', verb: 'stat', error, times: 1 })
    expect(await run(all, undeclared())).toEqual({ kind: 'failed', error })
  })

  test('a fault of the target is the target’s all the same', async () => {
    const all = rig()
    all.faults.push({ site: 'gdrive', verb: 'write', error: new SyncError('QUOTA', 'full'), times: 1 })
    expect(await run(all, undeclared())).toMatchObject({ kind: 'site-trouble', site: 'gdrive' })
  })
})

describe('told to stop', () => {
  const stops: Outcome[] = [
    { kind: 'dropped', reason: 'the skeleton is gone' },
    { kind: 'released', reason: 'paused' },
    { kind: 'refused', reason: 'another instance has it' },
  ]
  test.each(stops)('in the middle of a file: $kind', async (outcome) => {
    const all = rig()
    const attempt = await all.hold()
    const error = (): SyncError => {
      attempt.end(outcome)
      return new SyncError('INTERRUPTED', 'reset')
    }
    all.faults.push({ site: 'gdrive', verb: 'chunk', error, times: 1, bytes: 4 })
    expect(await transfer(all.parts, attempt)).toEqual(outcome)
    expect(all.target.store.get(TARGET)).toBeUndefined()
    expect(all.log.events).toEqual([])
  })

  test.each(stops)('before it begins: $kind', async (outcome) => {
    const all = rig()
    const attempt = await all.hold()
    attempt.end(outcome)
    expect(await transfer(all.parts, attempt)).toEqual(outcome)
    expect(all.target.calls.write).toBe(0)
  })

  test('twice: the first reason counts', async () => {
    const all = rig()
    const attempt = await all.hold()
    for (const outcome of stops) attempt.end(outcome)
    expect(await transfer(all.parts, attempt)).toEqual(stops[0])
  })
})

describe('a permit that is still being asked for', () => {
  test('keeps nobody from reading and sending: the file is seen once it is granted', async () => {
    const all = rig()
    const fresh = Promise.withResolvers<Transfer | undefined>()
    const attempt = all.asking(fresh.promise)
    const ended = transfer(all.parts, attempt)
    await vi.waitFor(() => expect(attempt.progress).toEqual({ bytes: 11, size: 11 }))
    await settle()
    expect(all.target.store.paths()).toEqual([])
    fresh.resolve(attempt.transfer)
    expect(await ended).toMatchObject({ kind: 'written', sent: 11 })
    expect(all.target.store.paths()).toEqual([TARGET])
  })

  test('and is refused: nothing is seen, and the outcome says so', async () => {
    const all = rig()
    const fresh = Promise.withResolvers<Transfer | undefined>()
    const attempt = all.asking(fresh.promise)
    const ended = transfer(all.parts, attempt)
    await vi.waitFor(() => expect(attempt.progress).toEqual({ bytes: 11, size: 11 }))
    fresh.resolve(undefined)
    expect(await ended).toEqual({ kind: 'refused', reason: 'it is not pending as it was planned' })
    expect(all.target.store.paths()).toEqual([])
    expect(all.log.events).toEqual([])
  })

  test('is not needed to find that the file is there already', async () => {
    const all = rig()
    all.target.store.put(TARGET, 'the content')
    const attempt = all.asking(new Promise(() => undefined))
    expect(await transfer(all.parts, attempt)).toMatchObject({ kind: 'written', sent: 0 })
  })

  test('is no news: faults that pass meanwhile are not told', async () => {
    const all = rig()
    all.faults.push({ site: 'studio', verb: 'stat', error: new SyncError('INTERRUPTED', 'reset'), times: 2 })
    const fresh = Promise.withResolvers<Transfer | undefined>()
    const attempt = all.asking(fresh.promise)
    const ended = transfer(all.parts, attempt)
    await vi.waitFor(() => expect(attempt.progress.bytes).toBe(11))
    fresh.resolve(attempt.transfer)
    expect(await ended).toMatchObject({ kind: 'written' })
    expect(all.log.actions).toEqual([])
  })
})

describe('the session', () => {
  test('is saved, and a repetition goes on from there', async () => {
    const all = rig()
    all.faults.push({ site: 'gdrive', verb: 'chunk', error: new SyncError('INTERRUPTED', 'reset'), times: 1, bytes: 8 })
    const attempt = await all.hold()
    expect(await transfer(all.parts, attempt)).toMatchObject({ kind: 'written' })
    expect(all.target.bytes.written).toBe(11)
    expect(all.claims.sessions.get(attempt.transfer.targetKey)).toEqual(await attempt.permit.session)
    expect(all.claims.calls.filter((call) => call.startsWith('saveSession'))).toHaveLength(1)
  })

  test('of an earlier attempt is passed on', async () => {
    const all = rig()
    all.faults.push({ site: 'gdrive', verb: 'chunk', error: new SyncError('QUOTA', 'full'), times: 1, bytes: 8 })
    const first = await all.hold()
    await transfer(all.parts, first)
    first.permit.end()
    await settle()
    expect(await run(all, { key: first.transfer.key, targetKey: first.transfer.targetKey })).toMatchObject({ kind: 'written' })
    expect(all.target.bytes.written).toBe(11)
  })

  test('can not be saved, the database is away: the file is given back, and no try is spent', async () => {
    const all = rig()
    all.claims.fails.saveSession = new Error('connection pool was cleared')
    expect(await run(all)).toEqual({ kind: 'released', reason: expect.stringContaining('connection pool was cleared') })
  })
})
