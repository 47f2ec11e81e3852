import { expect, test } from 'vitest'

import { driveService, expectExact, foldersOf, openDriveStage, sequence } from '../../support/drive-stage.ts'
import { recordOf } from '../../support/published.ts'
import type { Running } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'

const TEN = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`sh010/v1/a.${1001 + n}.exr`, 500 + n]))

const filesOf = (letter: string): Record<string, number> =>
  Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`seq${n % 5}/sh${n % 10}/${letter}/f.${n}`, 10 + n]))

const atDrive = ({ service }: Running) => service.attempts.filter(({ transfer }) => transfer.site === 'gdrive')

/** The time of the provider: its waits end when the test says so. */
class HeldClock {
  /** How long each of those that wait was to last. Milliseconds. */
  readonly waits: number[] = []
  #ahead = 0
  #passed = Promise.withResolvers<void>()

  now(): number {
    return Date.now() + this.#ahead
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.waits.push(ms)
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const abort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    await Promise.race([this.#passed.promise, aborted]).finally(() => signal.removeEventListener('abort', abort))
  }

  pass(ms: number): void {
    this.#ahead += ms
    this.#passed.resolve()
    this.#passed = Promise.withResolvers()
  }
}

/** Nothing but the reason was written: no try, no date. */
const REASON_ONLY = { name: 'gdrive', error: expect.any(String) as string }

test('429 with Retry-After: no request in that time, no try, the other sites go on; then everything arrives', async () => {
  const all = await openDriveStage()
  const { stage, drive } = all
  const first = await sequence(stage, TEN, ['gdrive', 'nas'])
  drive.fault({ on: 'upload.multipart', effect: { kind: 'error', status: 429, reason: 'rateLimitExceeded', retryAfter: '60' } })
  const clock = new HeldClock()
  const running = await stage.start(driveService(stage, { clock }))
  await stage.insert(first.document)
  await waitFor('the refusal', () => drive.journal.of('upload.multipart').find(({ status }) => status === 429))
  // What was under way when it was refused was sent before.
  await waitFor('the end of what is under way', () => clock.waits.length > 0 && atDrive(running).length === 0)
  const { entries } = drive.journal
  const sent = entries.length
  // The site is left alone meanwhile, the other one served: its files and one that is published only now.
  const second = await sequence(stage, { 'sh020/b.exr': 10 }, ['nas'])
  await stage.insert(second.document)
  for (const file of first.document.files.keys()) await stage.synced(first.document, { site: 'nas', file })
  await stage.synced(second.document, { site: 'nas' })
  expect(entries.slice(sent).map(({ operation }) => operation)).toEqual([])
  for (const ms of clock.waits) expect(ms).toBeGreaterThan(30_000)
  clock.pass(60_000)
  await expectExact(all, [first])
  expect(running.lines.count('site.cooling')).toBe(1)
  expect(running.lines.of('transfer.failed').every(({ site_sync: fields }) => fields?.tries === 0)).toBe(true)
  await running.stop()
})

test('a service account without storage: parked within one attempt, told of shared drives; it goes on when there is some, without a restart', async () => {
  const all = await openDriveStage({ drive: { storageLimit: 0 } })
  const { stage, drive } = all
  const ten = await sequence(stage, TEN, ['gdrive', 'nas'])
  await stage.insert(ten.document)
  const running = await stage.start(driveService(stage))
  const cooling = await running.lines.until('site.cooling')
  expect(cooling).toMatchObject({
    error: { code: 'QUOTA', message: expect.stringContaining('shared drive') as string },
    site_sync: { site: 'gdrive' },
  })
  await running.lines.until('site.cooling', 2)
  for (const file of ten.document.files.keys()) await stage.synced(ten.document, { site: 'nas', file })
  const records = (await stage.read(ten.document))?.files.map((file) => recordOf(file, 'gdrive')) ?? []
  for (const record of records.filter((one) => one?.['error'] !== undefined)) expect(record).toEqual(REASON_ONLY)
  expect(records.filter((one) => one?.['error'] !== undefined).length).toBeGreaterThan(0)
  expect(drive.journal.count('upload.multipart', 'upload.start')).toBeLessThanOrEqual(3)
  drive.settings.storageLimit = Infinity
  await running.lines.until('site.recovered')
  await expectExact(all, [ten])
  await running.stop()
})

test('the file limit of a shared drive: left alone with the remedy, no storm; it goes on when there is room', async () => {
  const all = await openDriveStage({ root: '/Show/w' })
  const { stage, drive } = all
  drive.addFolder('w', { parent: drive.addSharedDrive('Show') })
  const ten = await sequence(stage, TEN)
  drive.fault({ on: 'upload.multipart', effect: { kind: 'error', status: 403, reason: 'teamDriveFileLimitExceeded' }, times: 1_000 })
  const running = await stage.start(driveService(stage))
  await stage.insert(ten.document)
  await running.lines.until('site.cooling', 2)
  // As many as went at once, and one each time it is tried again.
  expect(drive.journal.count('upload.multipart')).toBeLessThanOrEqual(8 + running.lines.count('site.cooling'))
  const reason = await stage.until(ten.document, 'the reason', ({ error }) => error !== undefined)
  expect(reason).toEqual(REASON_ONLY)
  expect(reason['error']).toContain('remove items from it')
  drive.clearFaults()
  await expectExact(all, [ten], 'Show/w')
  expect(drive.journal.count('files.delete')).toBe(0)
  await running.stop()
})

test('750 GB a day are used up: told from a rate limit, left alone, and gone on with', async () => {
  const all = await openDriveStage()
  const { stage, drive } = all
  const ten = await sequence(stage, TEN)
  drive.fault({
    on: 'upload.multipart',
    effect: { kind: 'error', status: 403, reason: 'userRateLimitExceeded', message: 'User rate limit exceeded.', retryAfter: '0' },
    times: 1_000,
  })
  const running = await stage.start(driveService(stage))
  await stage.insert(ten.document)
  const told = await waitFor('the daily limit', () => running.lines.of('site.cooling').find(({ error }) => error?.code === 'QUOTA'))
  expect(told.error?.message).toContain('750 GB')
  expect(told.site_sync?.['for_ms']).toBe(30 * 60_000)
  drive.clearFaults()
  await expectExact(all, [ten])
  await running.stop()
})

test('stored wrongly twice: not left there, not marked, one try; the next attempt is right', async () => {
  const all = await openDriveStage({ settings: { loopDelaySeconds: 0.3 } })
  const { stage, drive } = all
  const one = await sequence(stage, { 'a.exr': 500 })
  drive.fault({ on: 'upload.multipart', effect: { kind: 'corrupt' }, times: 2 })
  const running = await stage.start(driveService(stage))
  await stage.insert(one.document)
  const failed = await running.lines.until('transfer.failed')
  expect(failed).toMatchObject({ error: { code: 'VERIFY_FAILED' }, site_sync: { tries: 1 } })
  await expectExact(all, [one])
  await running.stop()
  expect(running.lines.count('transfer.failed')).toBe(1)
})

test('folders of one name, made by somebody else before and meanwhile: the oldest is used, no further one is made', async () => {
  const all = await openDriveStage()
  const { stage, drive, w } = all
  const oldest = drive.addFolder('sh010', { parent: w, createdTime: '2020-01-01T00:00:00.000Z' })
  drive.addFolder('sh010', { parent: w, createdTime: '2021-01-01T00:00:00.000Z' })
  const before = await sequence(stage, { 'sh010/v1/a.exr': 100, 'sh010/v1/b.exr': 100 })
  const running = await stage.start(driveService(stage))
  await stage.insert(before.document)
  await expectExact(all, [before])
  drive.addFolder('v1', { parent: oldest })
  drive.addFolder('sh010', { parent: w })
  const after = await sequence(stage, { 'sh010/v1/c.exr': 100, 'sh010/v2/d.exr': 100 })
  await stage.insert(after.document)
  await expectExact(all, [before, after])
  const folders = drive.tree().filter((path) => path.endsWith('/'))
  expect(folders.filter((path) => path === 'My Drive/w/sh010/')).toHaveLength(3)
  expect(folders.filter((path) => path === 'My Drive/w/sh010/v1/')).toHaveLength(2)
  expect(folders.filter((path) => path === 'My Drive/w/sh010/v2/')).toHaveLength(1)
  const parents = new Set(drive.files().map(({ parent }) => parent))
  expect(parents.size).toBe(2)
  const warnings = running.lines.of('site.warning').map(({ message }) => message)
  expect(warnings[0]).toContain('2 folders named "sh010"')
  expect(new Set(warnings).size).toBe(warnings.length)
  await running.stop()
})

test('a folder that somebody moved to the trash is made again; nothing goes to the trash', async () => {
  const all = await openDriveStage()
  const { stage, drive } = all
  const running = await stage.start(driveService(stage))
  const before = await sequence(stage, { 'sh010/v1/a.exr': 100 })
  await stage.insert(before.document)
  await expectExact(all, [before])
  const [folder] = drive.store.all().filter(({ name }) => name === 'sh010')
  drive.trash(folder?.id ?? '')
  const after = await sequence(stage, { 'sh010/v1/b.exr': 100, 'sh010/v1/c.exr': 300_000, 'sh010/d.exr': 1 })
  await stage.insert(after.document)
  await expectExact(all, [after])
  expect(drive.tree().filter((path) => path.endsWith('/'))).toEqual(foldersOf([after]))
  await running.stop()
})

test('two services create the same new folders at once: every folder is there once, every file once', async () => {
  const all = await openDriveStage({ drive: { latencyMs: 40 } })
  const { stage, drive } = all
  const both = [await sequence(stage, filesOf('a')), await sequence(stage, filesOf('b')), await sequence(stage, filesOf('both'))]
  // Connections are shared by what they were opened with: two of them are two processes as far as Drive can tell.
  const one = await stage.start(driveService(stage))
  const other = await stage.start(driveService(stage, { timeouts: { connectMs: 10_000, idleMs: 59_999 } }))
  await stage.insert(...both.map(({ document }) => document))
  await expectExact(all, both)
  expect(drive.tree().filter((path) => path.endsWith('/'))).toEqual(foldersOf(both))
  await one.stop()
  await other.stop()
  const done = [one, other].map(({ lines }) => lines.count('transfer.succeeded'))
  expect((done[0] ?? 0) + (done[1] ?? 0)).toBe(60)
  expect(Math.min(...done)).toBeGreaterThan(0)
})
