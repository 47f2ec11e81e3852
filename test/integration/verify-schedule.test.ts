import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { Pauses } from '../../src/model/pauses.ts'
import type { VerifySchedule } from '../../src/model/settings.ts'
import type { Clock } from '../../src/pipeline/clock.ts'
import { ScheduledVerify } from '../../src/service/verify/verify-schedule.ts'
import { hurriedClock, UNHURRIED_LEASE_SECONDS } from '../support/hurried-clock.ts'
import { recordingLog } from '../support/log-recorder.ts'
import { openProduction, SITE } from '../support/looked-production.ts'
import type { MemoryCall } from '../support/memory-provider.ts'
import { entry, inArray, inObject, representation, T0, type Representation } from '../support/published.ts'
import { Stage, type Running } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const DAY_MS = 86_400_000
const SCHEDULE: VerifySchedule = { every: '7d', everyMs: 7 * DAY_MS, rate: 1_000, sites: ['gdrive'] }

/** A clock whose days pass when the test says so; who waits, waits a fiftieth of the time. */
class DayClock {
  #aheadMs = 0
  readonly clock: Clock = { ...hurriedClock(50), wallTime: () => new Date(Date.now() + this.#aheadMs) }

  pass(ms: number): void {
    this.#aheadMs += ms
  }
}

interface Scheduled {
  readonly stage: Stage
  readonly days: DayClock
  readonly start: (more?: Partial<VerifySchedule>) => Promise<Running>
  /** What is to happen to each look at a file there. */
  readonly hinder: (how: ((call: MemoryCall) => Promise<void> | void) | undefined) => void
  /** How often it was asked at the site for each file, in the order of the documents. */
  readonly looks: () => readonly number[]
}

/** A production of so many representations, all of which are at `gdrive` by their records. */
async function openScheduled(count: number, schedule: Partial<VerifySchedule> = {}): Promise<Scheduled & { documents: Representation[] }> {
  const stage = await Stage.open({
    sites: [{ name: 'nas' }],
    settings: { leaseSeconds: UNHURRIED_LEASE_SECONDS },
  })
  const all = { ...SCHEDULE, ...schedule }
  const days = new DayClock()
  const documents: Representation[] = []
  for (let n = 0; n < count; n++) {
    const path = `${n}.ma`
    await stage.file(path)
    for (const site of ['gdrive', 'nas']) stage.spy(site).store.put(`/My Drive/w/${path}`, Buffer.from(path), T0)
    const there = { created_dt: T0, id: 'x' }
    const sites = n % 2 === 0 ? inArray({ name: 'gdrive', ...there }, { name: 'nas', ...there }) : inObject({ gdrive: there, nas: there })
    documents.push(representation([entry(`{root[work]}/${path}`, sites)]))
  }
  await stage.insert(...documents)
  const stats: string[] = []
  let hindrance: ((call: MemoryCall) => Promise<void> | void) | undefined
  stage.spy().gate = async (call) => {
    if (call.verb !== 'stat') return
    stats.push(call.path)
    await hindrance?.(call)
  }
  return {
    stage,
    days,
    documents,
    start: async (more = {}) =>
      await stage.start({ clock: days.clock, settings: { ...stage.settings, verifySchedule: { ...all, ...more } } }),
    hinder: (how) => (hindrance = how),
    looks: () => documents.map((_, n) => stats.filter((path) => path.endsWith(`/${n}.ma`)).length),
  }
}

test('a running service looks regularly, reports what it finds, and changes nothing', async () => {
  const { stage, days, documents, start } = await openScheduled(4)
  expect(stage.spy().store.files.delete('/My Drive/w/1.ma')).toBe(true)
  stage.spy().store.put('/My Drive/w/2.ma', Buffer.from('9.ma'), T0)
  const before = await Promise.all(documents.map(async (document) => await stage.raw(document)))
  const running = await start()
  const finished = await running.lines.until('verify.finished')
  expect(finished).toMatchObject({
    'log.level': 'warn',
    site_sync: { site: 'gdrive', looked: 4, missing: 1, changed: 1, not_looked: 0 },
  })
  const found = running.lines
    .of('verify.found')
    .map(({ site_sync: fields }) => `${String(fields?.['path'])} ${String(fields?.['finding'])} at ${String(fields?.['site'])}`)
  expect(found.toSorted()).toEqual(['{root[work]}/1.ma missing at gdrive', '{root[work]}/2.ma changed at gdrive'])
  const after = await Promise.all(documents.map(async (document) => await stage.raw(document)))
  expect(after).toEqual(before)
  const audits = async () => await stage.state.collection('audit').find({}).toArray()
  expect(await waitFor('the audit', async () => (await audits()).length === 1 && (await audits()))).toMatchObject([
    { who: running.service.id, action: 'verify', selection: { site: 'gdrive', schedule: '7d' }, records: 0, looked: 4, wrong: 2 },
  ])
  // The next one begins when it is time for it, and not before.
  days.pass(8 * DAY_MS)
  await running.lines.until('verify.finished', 2)
  expect(running.lines.of('verify.started')).toHaveLength(2)
  await running.stop()
})

test('a round that was ended is not begun again before it is time for it', async () => {
  const { stage, days, start, looks } = await openScheduled(2)
  const first = await start()
  await first.lines.until('verify.finished')
  await first.stop()
  days.pass(6 * DAY_MS)
  const lookedBefore = looks()
  const rounds = async () => await stage.state.collection('verify_rounds').find({}).toArray()
  const [round] = await waitFor('the round to be kept', async () => {
    const all = await rounds()
    return all[0]?.['finished'] instanceof Date && all
  })
  // The round of another site is due, in the same turns.
  const second = await start({ sites: ['gdrive', 'nas'] })
  expect(await second.lines.until('verify.finished')).toMatchObject({ site_sync: { site: 'nas' } })
  expect(looks()).toEqual(lookedBefore)
  expect(await rounds()).toContainEqual(round)
  await second.stop()
})

test('after a restart it goes on where it was', async () => {
  const { start, looks, hinder } = await openScheduled(6)
  const { promise: reached, resolve } = Promise.withResolvers<void>()
  const { promise: ended, reject } = Promise.withResolvers<void>()
  hinder(async ({ path }) => {
    if (!path.endsWith('/3.ma')) return
    resolve()
    await ended
  })
  const first = await start()
  await reached
  first.service.stop()
  reject(new SyncError('ABORTED', 'told to end'))
  await first.stop()
  expect(looks().slice(0, 3)).toEqual([1, 1, 1])
  hinder(undefined)
  const second = await start()
  expect(await second.lines.until('verify.finished')).toMatchObject({ site_sync: { looked: 6, missing: 0 } })
  // What was looked at before was not looked at again.
  expect(looks().slice(0, 3)).toEqual([1, 1, 1])
  expect(looks().slice(4)).toEqual([1, 1])
  await second.stop()
})

test('two instances look once; of one that died, the other takes over when its lease has ended', async () => {
  const { stage, start, looks } = await openScheduled(8)
  const name = `verify ${JSON.stringify([stage.settings.mongo.database, 'gdrive'])}`
  const until = new Date(Date.now() + 3_000)
  await stage.state.collection('leases').insertOne({ _id: name as never, owner: 'dead', attempt: 'dead', until, expires: until })
  const [one, other] = [await start(), await start()]
  await Promise.race([one.lines.until('verify.finished'), other.lines.until('verify.finished')])
  const started = [one, other].flatMap(({ lines }) => lines.of('verify.started'))
  expect(started).toHaveLength(1)
  expect(new Date(String(started[0]?.['@timestamp'])).getTime()).toBeGreaterThanOrEqual(until.getTime())
  expect(looks()).toEqual(Array.from({ length: 8 }, () => 1))
  await Promise.all([one.stop(), other.stop()])
})

test('nothing is missing because a site is down: it waits, others go on, and it goes on when the site is back', async () => {
  const { start, hinder } = await openScheduled(4, { sites: ['gdrive', 'nas'] })
  hinder(({ path }) => {
    if (path.endsWith('/2.ma')) throw new SyncError('UNREACHABLE', 'nobody answers')
  })
  const running = await start()
  expect(await running.lines.until('verify.waiting')).toMatchObject({ site_sync: { site: 'gdrive' } })
  expect(await running.lines.until('verify.finished')).toMatchObject({ site_sync: { site: 'nas', looked: 4, missing: 0 } })
  hinder(undefined)
  await running.lines.until('verify.finished', 2)
  const [, finished] = running.lines.of('verify.finished')
  expect(finished).toMatchObject({ site_sync: { site: 'gdrive', looked: 4, missing: 0, not_looked: 0 } })
  expect(running.lines.of('verify.found')).toEqual([])
  await running.stop()
})

test('what is in trouble for more than a day is passed over: one file, or all that can not be reached', async () => {
  const { days, start, hinder, looks } = await openScheduled(8)
  let isWhole = false
  hinder(({ path }) => {
    if (isWhole || path.endsWith('/2.ma')) throw new SyncError('UNREACHABLE', 'nobody answers')
  })
  const running = await start()
  await running.lines.until('verify.waiting')
  days.pass(DAY_MS + 60_000)
  expect(await running.lines.until('verify.finished')).toMatchObject({ site_sync: { looked: 8, missing: 0, not_looked: 1 } })
  isWhole = true
  days.pass(7 * DAY_MS)
  await running.lines.until('verify.waiting', 2)
  const before = looks()
  days.pass(DAY_MS + 60_000)
  await running.lines.until('verify.finished', 2)
  expect(running.lines.of('verify.finished')[1]).toMatchObject({ site_sync: { looked: 8, missing: 0, not_looked: 8 } })
  // After three of them in a row nobody is asked again.
  expect(looks().slice(3)).toEqual(before.slice(3))
  expect(running.lines.of('verify.found')).toEqual([])
  await running.stop()
})

test.each(['local', 'memory', 'Drive'])('a site of each kind: %s', async (kind) => {
  const production = await openProduction(kind)
  const { stage } = production.drive
  for (const name of ['good', 'gone', 'other']) await stage.file(name, 'content')
  await production.put('good', 'content')
  await production.put('other', 'CONTENT')
  const there = { created_dt: T0, id: 'x' }
  await stage.insert(
    representation([
      entry('{root[work]}/good', inObject({ [SITE]: there })),
      entry('{root[work]}/gone', inArray({ name: SITE, ...there })),
    ]),
    representation([entry('{root[work]}/other', inArray({ name: SITE, ...there }))]),
  )
  const settings = { ...production.settings, verifySchedule: { ...SCHEDULE, sites: [SITE] } }
  const running = await stage.start({ clock: new DayClock().clock, settings })
  expect(await running.lines.until('verify.finished')).toMatchObject({ site_sync: { site: SITE, looked: 3, missing: 1, changed: 1 } })
  await running.stop()
})

test('a paused site is left alone until it is resumed', async () => {
  const { stage, start, looks } = await openScheduled(2, { sites: ['gdrive', 'nas'] })
  const controls = stage.state.collection('controls')
  const pause = { kind: 'pause', database: stage.settings.mongo.database, site: 'gdrive', who: 'anna', since: T0 }
  await controls.insertOne({ _id: 'pause' as never, ...pause })
  const running = await start()
  expect(await running.lines.until('verify.finished')).toMatchObject({ site_sync: { site: 'nas' } })
  expect(looks()).toEqual([0, 0])
  await controls.deleteMany({})
  await running.lines.until('verify.finished', 2)
  expect(running.lines.of('verify.finished')[1]).toMatchObject({ site_sync: { site: 'gdrive', looked: 2, not_looked: 0 } })
  await running.stop()
})

test('pauses are asked for before it goes on with a round, and it is known that one is under way', async () => {
  const { stage, days, hinder, looks } = await openScheduled(1)
  const { lines, ...log } = recordingLog()
  const look = Promise.withResolvers<void>()
  hinder(async () => await look.promise)
  const holding = new Pauses([{ site: 'gdrive', who: 'anna@ws', since: T0 }])
  const pauses = { current: Pauses.NONE, asked: 0, fresh: async () => await Promise.resolve() }
  pauses.fresh = async () => {
    pauses.current = ++pauses.asked === 1 ? holding : Pauses.NONE
    await Promise.resolve()
  }
  await using verify = new ScheduledVerify({
    id: 'a',
    settings: stage.settings,
    schedule: SCHEDULE,
    log,
    clock: days.clock,
    state: stage.state,
    misconfigured: new Map(),
    providers: { get: async (site) => await Promise.resolve(stage.spy(site.name).open(site)) },
    pauses,
  })
  await waitFor('the pause to be heard of', () => pauses.asked === 1 && !verify.isLooking)
  expect([looks(), lines.count('verify.started')]).toEqual([[0], 0])
  pauses.current = Pauses.NONE
  await waitFor('a look', () => looks()[0] === 1)
  expect(verify.isLooking).toBe(true)
  look.resolve()
  await lines.until('verify.finished')
  await waitFor('the end of the round', () => !verify.isLooking)
})

test('without a schedule nothing is looked at', async () => {
  const stage = await Stage.open()
  const running = await stage.start({ clock: new DayClock().clock })
  await stage.fence()
  expect(await stage.state.collection('verify_rounds').countDocuments({})).toBe(0)
  await running.stop()
})
