import { describe, expect, test } from 'vitest'

import type { WideScope } from '../../src/model/selection.ts'
import { controlStore } from '../../src/streams/control-store.ts'
import { serverTime } from '../../src/streams/scan.ts'
import { entry, inArray, representation, T0, type Representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

/** Long enough that no regular scan finds what the end of a pause should have woken. */
const QUIET = { loopDelaySeconds: 3_600 }
const CHUNK = 65_536
const SIZE = 32 * CHUNK

async function pause({ state, db }: Stage, scope: WideScope, lastsMs?: number): Promise<void> {
  const since = await serverTime(state)
  const until = lastsMs === undefined ? {} : { until: new Date(since.getTime() + lastsMs) }
  await controlStore(state, db.databaseName).pause({ ...scope, who: 'anna@ws', since, why: 'the line is needed', ...until })
}

async function resume({ state, db }: Stage, ...scopes: readonly WideScope[]): Promise<void> {
  await controlStore(state, db.databaseName).resume(scopes)
}

/** Resolves when a service that has nothing to do asked for pauses that long ago, and will not ask so soon again. */
async function lastLook({ state }: Stage, agoMs: number): Promise<void> {
  const profile = state.collection('system.profile')
  const asked = { op: 'query', ns: `${state.databaseName}.controls` }
  await state.command({ profile: 2 })
  const before = await profile.countDocuments(asked)
  await waitFor('a look', async () => (await profile.countDocuments(asked)) > before)
  const since = performance.now()
  await state.command({ profile: 0 })
  await waitFor('the look to be old', () => performance.now() - since > agoMs)
}

/** Takes the first half of a file, and then nothing until `go`. */
function stopHalfway(stage: Stage, site = 'gdrive') {
  const stopped = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const spy = stage.spy(site)
  spy.chunkBytes = CHUNK
  spy.gate = async ({ verb, bytes }) => {
    if (verb !== 'chunk' || bytes < SIZE / 2) return
    stopped.resolve()
    await go.promise
  }
  return { stopped: stopped.promise, go: () => go.resolve(), spy }
}

async function publishLarge(stage: Stage, record = {}): Promise<Representation> {
  await stage.file('large.mov', Buffer.alloc(SIZE, 'x'))
  const document = representation([entry('{root[work]}/large.mov', inArray({ name: 'gdrive', ...record }))])
  await stage.insert(document)
  return document
}

describe('a running transfer', () => {
  test.each<[string, WideScope]>([
    ['its site', { site: 'gdrive' }],
    ['the site that it comes from', { site: 'studio' }],
    ['its project', { project: PROJECT }],
    ['its site in its project', { project: PROJECT, site: 'gdrive' }],
    ['everything', {}],
  ])('of %s stops within a chunk, spends no try, and goes on from where it was', async (_, scope) => {
    const stage = await Stage.open({ settings: QUIET })
    const { stopped, go, spy } = stopHalfway(stage)
    const failed = { tries: 1, error: 'e', last_failed_dt: T0 }
    const document = await publishLarge(stage, failed)
    // What had failed has its attempt by the first scan.
    const running = await stage.start()
    await stopped
    await pause(stage, scope)
    const line = await running.lines.until('transfer.released')
    expect(line.message).toContain('is paused by anna@ws: the line is needed')
    go()
    await waitFor('the end of what is under way', () => running.service.attempts.length === 0)
    expect(await stage.record(document)).toEqual({ name: 'gdrive', ...failed })
    expect(spy.bytesWritten).toBeLessThanOrEqual(SIZE / 2 + CHUNK)

    await resume(stage, scope)
    await running.lines.until('transfer.started', 2)
    expect(await stage.synced(document)).not.toHaveProperty('tries')
    expect(spy.bytesWritten).toBeLessThanOrEqual(SIZE + CHUNK)
    expect(running.lines.count('transfer.started')).toBe(2)
    await running.stop()
  })

  test('goes on from another site where the one that it came from is paused', async () => {
    const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: QUIET })
    stage.spy().store.put('/My Drive/w/a.ma', 'a.ma')
    await stage.file('a.ma')
    await pause(stage, { site: 'studio' })
    const running = await stage.start()
    const document = representation([
      entry('{root[work]}/a.ma', [{ name: 'studio', created_dt: T0 }, { name: 'gdrive', created_dt: T0 }, { name: 'nas' }]),
    ])
    await stage.insert(document)
    await stage.synced(document, { site: 'nas' })
    expect(stage.spy().calls.read).toBeGreaterThan(0)
    await running.stop()
  })
})

test('it survives restarts, later work waits too, and other sites go on', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: QUIET })
  await pause(stage, { site: 'gdrive' })
  const before = await stage.publish('before.ma')
  const documents = [before]
  for (const name of ['first.ma', 'second.ma']) {
    const running = await stage.start()
    expect(running.lines.of('controls.paused').map(({ message }) => message)).toEqual([
      'site "gdrive" is paused by anna@ws: the line is needed',
    ])
    documents.push(await stage.publish(name))
    await stage.fence({ site: 'nas' })
    await running.lines.until('scan.finished')
    await running.stop()
    expect(running.lines.count('transfer.started')).toBe(1)
  }
  expect(stage.spy().uploads).toEqual([])
  const running = await stage.start()
  await running.lines.until('scan.finished')
  await resume(stage, { site: 'gdrive' })
  await running.lines.until('controls.resumed')
  for (const document of documents) await stage.synced(document)
  await running.stop()
})

test('it holds for all instances', async () => {
  const stage = await Stage.open({ settings: QUIET })
  stage.spy().hold()
  const instances = [await stage.start(), await stage.start()]
  const documents = await Promise.all(Array.from({ length: 12 }, async (_, n) => stage.publish(`${n}.ma`)))
  await waitFor('work at both', () => instances.every(({ lines }) => lines.count('transfer.started') > 0))
  await pause(stage, { site: 'gdrive' })
  for (const { lines } of instances) await lines.until('controls.paused')
  await waitFor('the end of what is under way', () => instances.every(({ service }) => service.attempts.length === 0))
  const tries = await Promise.all(documents.map(async (document) => (await stage.record(document))?.['tries']))
  expect(tries).toEqual(documents.map(() => undefined))
  stage.spy().release()
  expect(stage.spy().store.paths()).toEqual([])
  await resume(stage, { site: 'gdrive' })
  for (const document of documents) await stage.synced(document)
  for (const running of instances) await running.stop()
})

test('a service that had nothing to do starts nothing that was paused meanwhile', async () => {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: QUIET })
  const running = await stage.start()
  await running.lines.until('scan.finished')
  await lastLook(stage, 1_600)
  await pause(stage, { site: 'gdrive' })
  const document = await stage.publish('a.ma')
  await stage.fence({ site: 'nas' })
  expect([running.lines.count('controls.paused', 'transfer.started'), stage.spy().uploads]).toEqual([2, []])
  await resume(stage, { site: 'gdrive' })
  await stage.synced(document)
  await running.stop()
})

test('it ends by itself, and one that is over holds nothing', async () => {
  const stage = await Stage.open({ settings: QUIET })
  await pause(stage, { site: 'gdrive' }, -1_000)
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  expect(running.lines.count('controls.paused')).toBe(0)
  await waitFor('the end of what is under way', () => running.service.attempts.length === 0)
  await lastLook(stage, 1_600)
  await pause(stage, { site: 'gdrive' }, 3_000)
  const document = await stage.publish('b.ma')
  await running.lines.until('controls.paused')
  const end = await running.lines.until('controls.resumed')
  expect(end.message).toBe('site "gdrive" goes on')
  await stage.synced(document)
  await running.stop()
})

test('a pause of a project leaves others alone; what a wider pause holds stays held', async () => {
  const stage = await Stage.open({ settings: QUIET })
  await pause(stage, { project: PROJECT })
  const running = await stage.start()
  await running.lines.until('scan.finished')
  const document = await stage.publish('a.ma')
  await stage.fence({ project: 'other' })
  await pause(stage, {})
  await running.lines.until('controls.paused', 2)
  await resume(stage, { project: PROJECT })
  await running.lines.until('controls.resumed')
  await waitFor('the scan for what goes on', () => running.lines.text.includes('"reason":"resumed"'))
  expect((await stage.record(document))?.['created_dt']).toBeUndefined()
  await resume(stage, {})
  await stage.synced(document)
  await running.stop()
})

test('one that nobody can read holds nothing; neither does one of another database', async () => {
  const stage = await Stage.open({ settings: QUIET })
  await controlStore(stage.state, 'another').pause({ who: 'anna@ws', since: T0 })
  const odd = { kind: 'pause', database: stage.db.databaseName, who: 1, since: 'x' }
  await stage.state.collection('controls').insertMany([
    { ...odd, site: 5 },
    { ...odd, project: [] },
  ])
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  expect(running.lines.count('controls.paused')).toBe(0)
  await running.stop()
})

test('by command: what, until when, by whom and why; documents stay as they are', { timeout: 120_000 }, async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const document = representation([entry('{root[work]}/a.ma', inArray({ name: 'mirror' }))])
  await stage.file('a.ma')
  await stage.insert(document)
  const id = String(document._id)
  const before = await stage.raw(document)
  const run = async (...args: readonly string[]) => {
    const command = new ServiceProcess([...args, '--config', config])
    return { code: await command.end(), stdout: command.stdout, stderr: command.stderr }
  }
  const json = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await run(...args, '--json')
    expect([code, stderr.includes('"stack"')]).toEqual([0, false])
    return JSON.parse(stdout) as Record<string, readonly Record<string, unknown>[]>
  }
  const kept = async () => stage.state.collection('controls').countDocuments()

  expect(await json('pause', '--all', '--dry-run')).toMatchObject({ records: 0, representations: 0, dry_run: true, pauses: [{}] })
  expect([await kept(), await stage.state.collection('audit').countDocuments()]).toEqual([0, 0])
  for (const [wrong, says] of [
    [['pause', '--site', 'miror'], 'did you mean "mirror"?'],
    [['pause', '--all', '--for', '2 hours'], 'such as "2h"'],
    [['pause', '--all', '--until', '2001-01-01'], 'which is over'],
    [['pause', '--asset', 'hero', '--for', '2h'], 'one in records has no end'],
  ] as const) {
    const { code, stderr } = await run(...wrong)
    expect([code, stderr]).toEqual([2, expect.stringContaining(says)])
  }

  const told = await run('pause', '--site', 'mirror', '--for', '2h', '--why', 'the line is needed')
  expect([told.code, told.stdout]).toEqual([
    0,
    expect.stringMatching(/^site "mirror" is paused until .*Z by .*@.*: the line is needed\.\n$/),
  ])
  expect(told.stderr).toContain('controls.changed')
  const site = {
    site: 'mirror',
    why: 'the line is needed',
    until: expect.any(String) as string,
    who: expect.stringContaining('@') as string,
  }
  expect(await json('pause', '--project', PROJECT)).toMatchObject({ pauses: [{ project: PROJECT }] })
  expect((await json('status'))['pauses']).toMatchObject([site, { project: PROJECT }])
  expect((await run('status')).stdout).toMatch(/Paused since .*Z: site "mirror" is paused until .*Z by .*@.*: the line is needed\./)
  const [file] = (await json('explain', id))['files'] ?? []
  expect(file).toMatchObject({ state: 'pending', reason: expect.stringMatching(/is paused .*by .*@/) as string })

  const scan = await run('scan', '--once', '--log-format', 'json')
  expect([scan.code, scan.stdout]).toEqual([0, expect.stringContaining('controls.paused')])
  expect(scan.stdout).not.toContain('transfer.started')
  expect((await stage.raw(document))?.equals(before as Buffer)).toBe(true)

  expect(await json('resume', '--project', PROJECT)).toMatchObject({ pauses: [{ project: PROJECT }], still_paused: [site] })
  expect(await json('resume', '--all')).toMatchObject({ pauses: [site], still_paused: [] })
  expect((await run('resume', '--all')).stdout).toContain('0 changed')
  expect(await kept()).toBe(0)
  const audited = await stage.state.collection('audit').find().sort({ at: 1 }).toArray()
  expect(audited.map(({ action, selection }) => [action, selection])).toEqual([
    ['pause', { site: 'mirror' }],
    ['pause', { project: PROJECT }],
    ['resume', { project: PROJECT }],
    ['resume', { all: true }],
    ['resume', { all: true }],
  ])
  expect(audited[0]).toMatchObject({ why: 'the line is needed', until: expect.any(Date) as Date, records: 0, representations: 0 })
  expect((await run('scan', '--once')).code).toBe(0)
  await stage.synced(document, { site: 'mirror' })
})
