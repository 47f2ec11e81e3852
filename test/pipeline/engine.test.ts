import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { SyncError, type ErrorCode } from '../../src/errors.ts'
import type { RepresentationDocument } from '../../src/model/document.ts'
import { EngineRig, type EngineRigOptions } from '../support/engine-rig.ts'
import { LEASE_MS } from '../support/memory-claims.ts'
import type { MemoryVerb } from '../support/memory-provider.ts'
import { CREATED, documentOf, fileOf } from '../support/model-samples.ts'
import type { RecordingLog } from '../support/recording-log.ts'

/** One file, wanted at gdrive and perhaps elsewhere; its bytes are on disk. */
function publish(
  rig: EngineRig,
  id: string,
  { content = `content of ${id}`, path = `p/${id}.ma`, record = {}, others = [] as object[] } = {},
): RepresentationDocument {
  const sites = [{ name: 'studio', created_dt: CREATED }, { name: 'gdrive', ...record }, ...others]
  const document = documentOf([fileOf(sites, { _id: `file of ${id}`, path: `{root[work]}/${path}` })], { _id: id })
  rig.documents.put(document)
  if (content !== '') rig.sites.studio.store.put(`/studio/${path}`, content)
  return document
}

/** Holds the calls of a verb back until it is opened. */
function barrier(site: string, verb: MemoryVerb, from = 0) {
  const { promise, resolve } = Promise.withResolvers<void>()
  let waiting = 0
  const gate: EngineRigOptions['gate'] = async (at, call) => {
    if (at !== site || call.verb !== verb || call.bytes < from) return
    waiting++
    await promise
  }
  return { gate, open: resolve, waiting: () => waiting }
}

const ENDS = ['transfer.succeeded', 'transfer.failed', 'transfer.dropped', 'transfer.released'] as const

/** Attempts that were not ended by exactly one line. */
function unbalanced({ events }: RecordingLog): readonly string[] {
  const balance = new Map<string, { starts: number; ends: number }>()
  for (const { action, attemptId = 'none' } of events) {
    const of = balance.get(attemptId) ?? { starts: 0, ends: 0 }
    if (action === 'transfer.started') of.starts++
    if ((ENDS as readonly string[]).includes(action)) of.ends++
    if (of.starts + of.ends > 0) balance.set(attemptId, of)
  }
  return [...balance].filter(([, { starts, ends }]) => starts !== 1 || ends !== 1).map(([attempt]) => attempt)
}

describe('a publish', () => {
  test('that is told by a change arrives, and its record says so', async () => {
    const rig = new EngineRig()
    publish(rig, 'a')
    rig.changed('a')
    await rig.idle()
    expect(rig.sites.gdrive.store.get('/gdrive/p/a.ma')?.toString()).toBe('content of a')
    expect(rig.documents.record('a')).toEqual({ name: 'gdrive', id: expect.stringMatching(/^memory-/), created_dt: rig.clock.wallTime() })
    expect(rig.log.actions.filter((action) => action.startsWith('transfer.'))).toEqual(['transfer.started', 'transfer.succeeded'])
    expect(rig.claims.leases.size).toBe(0)
  })

  test('has what its target reserves stored with its lease, from the second file on: the first opens the site', async () => {
    const rig = new EngineRig({ limit: 1 })
    const seen: unknown[] = []
    const claim = rig.claims.claim.bind(rig.claims)
    rig.claims.claim = async (transfer, attemptId, options) => {
      seen.push(options?.reserve)
      return await claim(transfer, attemptId, options)
    }
    rig.sites.gdrive.reserve = () => ({ id: 'r' })
    for (const id of ['a', 'b']) {
      publish(rig, id)
      rig.changed(id)
      await rig.idle()
    }
    expect(seen).toEqual([undefined, { id: 'r' }])
    expect([rig.claims.sessions.size, rig.claims.reserved.size]).toEqual([0, 0])
  })

  test('that nobody told is found by a scan, and sent once', async () => {
    const rig = new EngineRig()
    for (const id of ['a', 'b', 'c', 'd', 'e']) publish(rig, id)
    rig.scan()
    for (const id of ['a', 'c']) rig.changed(id)
    rig.scan()
    await rig.idle()
    expect(rig.sites.gdrive.calls.write).toBe(5)
    expect(rig.sites.gdrive.writes.peak).toBeLessThanOrEqual(2)
  })

  test('of one path in two representations is sent once, and both are marked', async () => {
    const rig = new EngineRig({ limit: 5 })
    for (const id of ['a', 'b', 'c']) publish(rig, id, { path: 'p/same.ma', content: 'the same' })
    rig.scan()
    await rig.idle()
    expect(rig.sites.gdrive.calls.write).toBe(1)
    for (const id of ['a', 'b', 'c']) expect(rig.documents.record(id)).toHaveProperty('created_dt')
  })

  test('is complete with the bytes, not with the mark: a wiped record is marked again without sending', async () => {
    const rig = new EngineRig()
    publish(rig, 'a')
    rig.sites.gdrive.store.put('/gdrive/p/a.ma', 'content of a')
    rig.scan()
    await rig.idle()
    expect(rig.sites.gdrive.calls.write).toBe(0)
    expect(rig.log.of('transfer.succeeded')[0]?.extra).toMatchObject({ sent_bytes: 0 })
  })
})

describe('a failure', () => {
  test('spends one try a regular scan, until none are left', async () => {
    const rig = new EngineRig()
    publish(rig, 'a', { content: '' })
    for (let scans = 0; scans < 6; scans++) {
      rig.changed('a')
      await rig.idle()
      await rig.clock.advance(1_000)
      rig.scan()
      await rig.idle()
    }
    expect(rig.documents.record('a')).toMatchObject({ tries: 3, error: expect.stringContaining('/studio/p/a.ma') })
    expect(rig.log.of('transfer.failed').map(({ tries }) => tries)).toEqual([1, 2, 3])
    expect(rig.log.of('transfer.exhausted')).toHaveLength(1)
    expect(rig.sites.gdrive.calls.write).toBe(0)
  })

  test('is wiped by deleting tries: a new attempt comes at once', async () => {
    const rig = new EngineRig()
    publish(rig, 'a', { record: { tries: 3, error: 'boom', last_failed_dt: CREATED } })
    rig.scan()
    await rig.idle()
    expect(rig.log.of('transfer.started')).toHaveLength(0)
    delete rig.documents.record('a')?.['tries']
    rig.changed('a')
    await rig.idle()
    expect(Object.keys(rig.documents.record('a') ?? {}).toSorted()).toEqual(['created_dt', 'id', 'name'])
  })

  test('of a site spends none; the site is left alone, others go on, and later all arrives', async () => {
    let isFull = true
    const quota = new SyncError('QUOTA', 'full', { retryAfterMs: 30_000 })
    const rig = new EngineRig({
      gate: (site, { verb }) => {
        if (isFull && site === 'gdrive' && verb === 'write') throw quota
      },
    })
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) publish(rig, id, { others: [{ name: 'nas' }] })
    rig.scan()
    await rig.until(() => rig.log.of('transfer.succeeded').length === 6)
    expect(rig.sites.nas.calls.write).toBe(6)
    expect(rig.sites.gdrive.calls.write).toBeLessThanOrEqual(2)
    expect(rig.documents.record('a')).toMatchObject({ error: 'full' })
    expect(rig.documents.record('a')).not.toHaveProperty('tries')
    isFull = false
    await rig.clock.advance(29_999)
    expect(rig.log.of('transfer.succeeded')).toHaveLength(6)
    await rig.clock.advance(1)
    await rig.idle()
    expect(rig.log.of('site.recovered')).toHaveLength(1)
    expect(rig.log.of('transfer.succeeded')).toHaveLength(12)
    expect(rig.documents.record('a')).not.toHaveProperty('error')
  })
})

describe('meanwhile', () => {
  test('the skeleton is taken away: the transfer ends within a chunk, and nothing is written', async () => {
    const wall = barrier('gdrive', 'chunk', 4)
    const rig = new EngineRig({ gate: wall.gate })
    const { files } = publish(rig, 'a')
    rig.changed('a')
    await rig.until(() => wall.waiting() > 0)
    const [file] = files as { sites: unknown[] }[]
    file?.sites.pop()
    rig.changed('a')
    await rig.idle()
    expect(rig.log.actions.at(-1)).toBe('transfer.dropped')
    expect(rig.documents.record('a')).toBeUndefined()
    expect(rig.sites.gdrive.store.paths()).toEqual([])
  })

  test('it is paused: given back without a try, and later it goes on where it was', async () => {
    let isHeld = true
    const wall = barrier('gdrive', 'chunk', 8)
    const rig = new EngineRig({ gate: async (...call) => (isHeld ? wall.gate?.(...call) : undefined) })
    publish(rig, 'a')
    rig.changed('a')
    await rig.until(() => wall.waiting() > 0)
    Object.assign(rig.documents.record('a') ?? {}, { paused: true })
    rig.changed('a')
    await rig.idle()
    expect(rig.log.of('transfer.released')).toMatchObject([{ message: 'paused' }])
    expect(rig.documents.record('a')).toEqual({ name: 'gdrive', paused: true })
    isHeld = false
    delete rig.documents.record('a')?.['paused']
    rig.changed('a')
    await rig.idle()
    expect(rig.documents.record('a')).toHaveProperty('created_dt')
    expect(rig.sites.gdrive.bytes.written).toBe('content of a'.length)
  })

  test('the record is reset: the late result is dropped, and the fresh skeleton gets an attempt at once', async () => {
    const wall = barrier('gdrive', 'chunk', 4)
    const rig = new EngineRig({ gate: wall.gate })
    publish(rig, 'a', { record: { tries: 1, error: 'old', last_failed_dt: CREATED } })
    rig.scan()
    await rig.until(() => wall.waiting() > 0)
    for (const field of ['tries', 'error', 'last_failed_dt']) delete rig.documents.record('a')?.[field]
    rig.changed('a')
    await rig.until(() => rig.engine.attempts.every(({ changed }) => changed))
    wall.open()
    await rig.until(() => rig.log.of('transfer.succeeded').length === 1)
    expect(rig.log.of('transfer.dropped')).toMatchObject([{ message: 'the record was rewritten meanwhile' }])
    expect(rig.sites.gdrive.calls.write).toBe(1)
    expect(rig.documents.record('a')).toHaveProperty('created_dt')
  })

  test('the service stops: what runs ends well, nothing else begins', async () => {
    const wall = barrier('gdrive', 'write')
    const rig = new EngineRig({ gate: wall.gate, limit: 1 })
    for (const id of ['a', 'b', 'c']) publish(rig, id)
    rig.scan()
    await rig.until(() => wall.waiting() > 0)
    rig.stop()
    rig.changed('b')
    wall.open()
    await rig.until(() => rig.isComplete)
    expect(rig.log.of('transfer.started')).toHaveLength(1)
    expect(rig.log.of('transfer.succeeded')).toHaveLength(1)
    expect(rig.claims.leases.size).toBe(0)
    expect(rig.clock.alarms).toBe(0)
  })

  test('the time of grace is over: what runs is given back', async () => {
    const wall = barrier('gdrive', 'write')
    const rig = new EngineRig({ gate: wall.gate })
    publish(rig, 'a')
    rig.scan()
    await rig.until(() => wall.waiting() > 0)
    rig.stop()
    rig.engine.abort('shutdown')
    await rig.until(() => rig.isComplete)
    expect(rig.log.of('transfer.released')).toMatchObject([{ message: 'shutdown' }])
    expect(rig.documents.record('a')).toEqual({ name: 'gdrive' })
    expect(rig.claims.leases.size).toBe(0)
  })

  test('its lease is lost: given back at once, and looked at again soon, not only by the next scan', async () => {
    let isHeld = true
    const wall = barrier('gdrive', 'chunk', 4)
    const rig = new EngineRig({ gate: async (...call) => (isHeld ? wall.gate?.(...call) : undefined) })
    publish(rig, 'a')
    rig.changed('a')
    await rig.until(() => wall.waiting() > 0)
    isHeld = false
    rig.claims.fails.renew = new Error('no primary')
    await rig.clock.advance(LEASE_MS * 0.8)
    await rig.until(() => rig.log.of('transfer.released').length === 1)
    expect(rig.log.of('transfer.succeeded')).toHaveLength(0)
    await rig.clock.advance(2_000)
    await rig.idle()
    expect(rig.log.of('transfer.succeeded')).toHaveLength(1)
    expect(rig.documents.record('a')).not.toHaveProperty('tries')
  })

  test('another instance is at it: looked at again when its lease is over', async () => {
    const rig = new EngineRig()
    publish(rig, 'a')
    rig.claims.leases.set('gdrive\0/gdrive\0p/a.ma', { attemptId: 'theirs', until: rig.clock.wallTime().getTime() + 10_000 })
    rig.changed('a')
    await rig.idle()
    expect(rig.log.of('transfer.started')).toHaveLength(0)
    await rig.clock.advance(13_000)
    await rig.idle()
    expect(rig.log.of('transfer.succeeded')).toHaveLength(1)
  })

  test('two transfers of one document that can not be claimed do not keep each other going', async () => {
    const rig = new EngineRig()
    publish(rig, 'a', { others: [{ name: 'nas' }] })
    rig.claims.fails.claim = new Error('no primary')
    rig.changed('a')
    await Promise.resolve()
    for (let changes = 0; changes < 20; changes++) {
      rig.changed('a')
      await Promise.resolve()
    }
    await rig.idle()
    expect(rig.log.of('service.unexpected').length).toBeLessThan(20)
  })

  test('the database is away: the claim fails, the stream goes on, and a scan finds the file', async () => {
    const rig = new EngineRig()
    publish(rig, 'a')
    rig.claims.fails.claim = new Error('no primary')
    rig.changed('a')
    await rig.idle()
    expect(rig.log.of('service.unexpected')).toHaveLength(1)
    delete rig.claims.fails.claim
    await rig.clock.advance(5_000)
    await rig.idle()
    expect(rig.log.of('transfer.succeeded')).toHaveLength(1)
    expect(rig.error).toBeUndefined()
  })
})

const CODES: readonly ErrorCode[] = ['SOURCE_CHANGED', 'REFUSED', 'QUOTA', 'UNREACHABLE', 'INTERRUPTED', 'BUSY', 'ABORTED', 'UNEXPECTED']
const fault = fc.record({
  site: fc.constantFrom('studio', 'gdrive', 'nas'),
  verb: fc.constantFrom<MemoryVerb[]>('stat', 'read', 'write', 'chunk'),
  code: fc.constantFrom(...CODES),
  times: fc.integer({ min: 1, max: 3 }),
})
const meddling = fc.constantFrom('nothing', 'pause', 'remove', 'rewrite', 'mark', 'no claims', 'no sessions', 'no writes')

test('whatever goes wrong, each transfer that was started is ended by exactly one line, and in the end all is there that can be', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fault, { maxLength: 5 }), fc.array(meddling, { minLength: 1, maxLength: 4 }), async (faults, meddlings) => {
      const left = faults.map((one) => ({ ...one }))
      const rig = new EngineRig({
        gate: (site, { verb }) => {
          const due = left.find((one) => one.site === site && one.verb === verb && one.times-- > 0)
          if (due) throw new SyncError(due.code, `${due.code} of ${site}`)
        },
      })
      const ids = ['a', 'b', 'c', 'd']
      for (const id of ids) publish(rig, id, { others: [{ name: 'nas' }] })
      rig.scan()
      for (const [n, what] of meddlings.entries()) {
        const id = ids[n] as string
        const record = rig.documents.record(id) ?? {}
        if (what === 'pause') record['paused'] = true
        if (what === 'remove') record['name'] = 'elsewhere'
        if (what === 'rewrite') record['error'] = 'by hand'
        if (what === 'mark') record['created_dt'] = CREATED
        if (what === 'no claims') rig.claims.fails.claim = new Error('no primary')
        if (what === 'no sessions') rig.claims.fails.saveSession = new Error('no primary')
        if (what === 'no writes') rig.documents.failsWrites = 1
        rig.changed(id)
        await Promise.resolve()
      }
      await rig.clock.advance(1_000)
      for (const verb of ['claim', 'saveSession'] as const) delete rig.claims.fails[verb]
      for (const id of ids) delete rig.documents.record(id)?.['paused']
      // Regular scans, and time for sites to recover.
      for (let scans = 0; scans < 6; scans++) {
        await rig.clock.advance(1_000_000)
        rig.scan()
        await rig.idleInTime()
      }
      expect(rig.error).toBeUndefined()
      expect(unbalanced(rig.log)).toEqual([])
      const records = ids
        .flatMap((id) => [rig.documents.record(id), rig.documents.record(id, 'nas')])
        .filter((record) => record !== undefined)
      for (const record of records) expect(record['created_dt'] !== undefined || record['tries'] === 3).toBe(true)
      expect(rig.claims.leases.size).toBe(0)
      rig.stop()
      await rig.until(() => rig.isComplete)
      expect(rig.clock.alarms).toBe(0)
    }),
    { numRuns: 40 },
  )
}, 120_000)
