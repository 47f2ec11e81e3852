import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

import type { WideScope } from '../../src/model/selection.ts'
import type { Settings } from '../../src/model/settings.ts'
import type { Site } from '../../src/model/site.ts'
import { ShadowService } from '../../src/service/shadow/shadow-service.ts'
import { controlStore } from '../../src/streams/control-store.ts'
import { recordingLog } from '../support/log-recorder.ts'
import { entry, inArray, inObject, representation, T0, type Representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

type Lines = ReturnType<typeof recordingLog>['lines']

/** Sites on disk, since shadow mode opens real ones. */
async function openStage(sites: readonly (Partial<Site> & Pick<Site, 'name'>)[], settings: Partial<Settings> = {}): Promise<Stage> {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 3_600, ...settings } })
  const all = new Map(stage.settings.sites)
  for (const site of sites) {
    const onDisk = { provider: 'local_drive', root: new Map([['work', join(stage.dir, site.name)]]), alternativeSites: [], concurrency: 4 }
    all.set(site.name, { ...onDisk, ...site })
  }
  return Object.assign(stage, { settings: { ...stage.settings, sites: all } })
}

async function startShadow(stage: Stage): Promise<Lines> {
  const { lines, ...log } = recordingLog()
  const service = new ShadowService(stage.settings, log)
  const ended = service.run()
  onTestFinished(async () => {
    service.stop()
    await ended
  })
  await lines.until('stream.opened')
  await lines.until('scan.finished')
  return lines
}

async function pause(stage: Stage, ...scopes: readonly WideScope[]): Promise<void> {
  for (const scope of scopes) await controlStore(stage.state, stage.db.databaseName).pause({ ...scope, who: 'anna@ws', since: T0 })
}

const resume = async (stage: Stage, ...scopes: readonly WideScope[]): Promise<void> =>
  await controlStore(stage.state, stage.db.databaseName).resume(scopes)

/** A file for each, and a representation that wants it at these sites. */
async function publish(stage: Stage, path: string, sites: unknown, project = PROJECT): Promise<Representation> {
  await stage.file(path)
  const document = representation([entry(`{root[work]}/${path}`, sites)])
  await stage.project(project).insertOne(document)
  return document
}

const nameOf = (path: unknown): string => String(path).split('/').at(-1) ?? ''
/** `FILE to SITE`, of lines that tell of transfers. */
const copies = (lines: Lines, action: 'shadow.transfer' | 'transfer.succeeded'): readonly string[] =>
  lines
    .of(action)
    .map(({ site_sync: fields }) => `${nameOf(fields?.['path'])} to ${String(fields?.['site'])}`)
    .toSorted()

/** What a service does that starts now; it has ended. */
async function whatRunDoes(stage: Stage, count: number): Promise<readonly string[]> {
  const running = await stage.start()
  await running.lines.until('scan.finished')
  await waitFor('its transfers', () => running.lines.count('transfer.succeeded') >= count)
  await waitFor('the end of what is under way', () => running.service.attempts.length === 0)
  await running.stop()
  return copies(running.lines, 'transfer.succeeded')
}

test('what is paused is told of when its pause is over, as it is sent then', async () => {
  const stage = await openStage([{ name: 'gdrive' }, { name: 'nas' }])
  await pause(stage, {}, { site: 'nas' }, { project: 'other' }, { project: PROJECT, site: 'sftp' })
  await publish(stage, 'both.ma', inArray('gdrive', { name: 'nas', tries: 1, error: 'e', last_failed_dt: T0 }))
  await publish(stage, 'paused.ma', inObject({ gdrive: { paused: true }, nas: {} }))
  await publish(stage, 'other.ma', inArray('gdrive'), 'other')
  const lines = await startShadow(stage)
  const said = (): readonly string[] => copies(lines, 'shadow.transfer')
  expect(lines.of('controls.paused')).toHaveLength(4)
  expect(said()).toEqual([])

  await resume(stage, {})
  await lines.until('shadow.transfer')
  await publish(stage, 'later.ma', inArray('nas', 'gdrive'))
  await lines.until('shadow.transfer', 2)
  expect(said()).toEqual(['both.ma to gdrive', 'later.ma to gdrive'])
  expect(await whatRunDoes(stage, 2)).toEqual(said())

  const before = said()
  await resume(stage, { site: 'nas' }, { project: 'other' })
  await lines.until('shadow.transfer', before.length + 4)
  const after = said().filter((each) => !before.includes(each))
  expect(after).toEqual(['both.ma to nas', 'later.ma to nas', 'other.ma to gdrive', 'paused.ma to nas'])
  expect(await whatRunDoes(stage, 4)).toEqual(after)
  expect(said()).toHaveLength(6)
})

test('a file comes from the site that is not paused', async () => {
  const stage = await openStage([{ name: 'gdrive' }, { name: 'nas' }])
  await pause(stage, { site: 'studio' })
  await publish(stage, 'a.ma', inArray({ name: 'gdrive', created_dt: T0 }, 'nas'))
  await publish(stage, 'b.ma', inArray('nas'))
  const lines = await startShadow(stage)
  expect(lines.of('shadow.transfer')).toMatchObject([{ site_sync: { source: join(stage.dir, 'gdrive', 'a.ma'), site: 'nas' } }])
})

test('of the names of a storage one is sent the file, and the others are marked', async () => {
  const stage = await openStage([{ name: 'gdrive', alternativeSites: ['sftp', 'archive', 'unasked'] }, { name: 'sftp' }])
  const document = await publish(stage, 'one.ma', inArray('gdrive', 'sftp', 'archive', { name: 'done', created_dt: T0 }))
  await publish(stage, 'half.ma', inObject({ gdrive: { created_dt: T0 }, sftp: {}, archive: {} }))
  await pause(stage, { project: PROJECT, site: 'gdrive' })
  // The pause is of that name alone: the storage gets the file under the other.
  const lines = await startShadow(stage)
  const told = lines
    .of('shadow.transfer')
    .map(({ site_sync: fields }) => [nameOf(fields?.['path']), fields?.['site'], fields?.['would_mark']])
  expect(told).toHaveLength(2)
  expect(told).toEqual(
    expect.arrayContaining([
      ['half.ma', 'sftp', ['archive']],
      ['one.ma', 'sftp', ['gdrive', 'archive']],
    ]),
  )
  await resume(stage, { project: PROJECT, site: 'gdrive' })
  await lines.until('controls.resumed')
  await publish(stage, 'last.ma', inArray('gdrive', 'sftp'))
  await lines.until('shadow.transfer', 3)
  const said = copies(lines, 'shadow.transfer')
  await pause(stage, { project: PROJECT, site: 'gdrive' })
  const done = await whatRunDoes(stage, 3)
  expect(done.map((each) => each.split(' ')[0])).toEqual(said.map((each) => each.split(' ')[0]))
  for (const site of ['gdrive', 'sftp', 'archive']) await stage.synced(document, { site })
  expect(await stage.record(document, { site: 'unasked' })).toBeUndefined()
})

test('what appears is asked for at sites of always_accessible_on, also when its pause is over, and once', async () => {
  const stage = await openStage([{ name: 'gdrive' }, { name: 'nas' }, { name: 'sftp' }], {
    alwaysAccessibleOn: ['nas', 'sftp'],
    loopDelaySeconds: 0.5,
  })
  await pause(stage, { site: 'sftp' })
  await publish(stage, 'early.ma', inArray('gdrive'))
  await publish(stage, 'unpublished.ma', [{ name: 'gdrive' }])
  const lines = await startShadow(stage)
  const late = await publish(stage, 'late.ma', inObject({ gdrive: {} }))
  await lines.until('shadow.record', 4)
  await lines.until('shadow.transfer', 5)
  const said = (): readonly string[] => copies(lines, 'shadow.transfer')
  const first = ['early.ma to gdrive', 'early.ma to nas', 'late.ma to gdrive', 'late.ma to nas', 'unpublished.ma to gdrive']
  expect(said()).toEqual(first)
  expect(lines.of('shadow.record').filter(({ site_sync: fields }) => fields?.['representation_id'] === String(late._id))).toMatchObject([
    { site_sync: { site: 'nas', files: 1 } },
    { site_sync: { site: 'sftp', files: 1 } },
  ])
  await resume(stage, { site: 'sftp' })
  await lines.until('shadow.transfer', 7)
  const all = [...first, 'early.ma to sftp', 'late.ma to sftp'].toSorted()
  await lines.until('scan.finished', lines.count('scan.finished') + 2)
  expect(said()).toEqual(all)
  expect(await stage.record(late, { site: 'nas' })).toBeUndefined()
  expect(await stage.state.collection('appeared').countDocuments()).toBe(0)
  // It does what was said, and nothing of that is news.
  expect(await whatRunDoes(stage, all.length)).toEqual(all)
  await lines.until('scan.finished', lines.count('scan.finished') + 2)
  expect(said()).toEqual(all)
  expect(lines.of('shadow.record')).toHaveLength(4)
})
