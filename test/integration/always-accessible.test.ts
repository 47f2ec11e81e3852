import { ObjectId } from 'mongodb'
import { describe, expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import type { Settings } from '../../src/model/settings.ts'
import { entry, inArray, inObject, recordOf, representation, type Representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const PATHS = ['a.1001.exr', 'a.1002.exr', 'a.1003.exr']

const ALL = ['gdrive', 'nas', 'sftp', 'studio']
const EVERYWHERE = [ALL, ALL, ['gdrive', 'studio']]

async function openStage(settings: Partial<Settings> = {}): Promise<Stage> {
  const sites = ['nas', 'sftp'].map((name) => ({ name, root: new Map([['work', `/${name}`]]) }))
  const stage = await Stage.open({ sites, settings: { alwaysAccessibleOn: ['nas', 'sftp'], loopDelaySeconds: 3_600, ...settings } })
  for (const path of PATHS) await stage.file(path)
  return stage
}

/** A file of each shape. */
function published(): Representation {
  const shapes = [inArray('gdrive'), inObject({ gdrive: {} }), ['studio', 'gdrive']]
  return representation(PATHS.map((path, at) => entry(`{root[work]}/${path}`, shapes[at])))
}

async function everywhere(stage: Stage, document: Representation): Promise<unknown> {
  for (const site of ['nas', 'sftp']) for (const file of [0, 1]) await stage.synced(document, { site, file })
  const { files } = (await stage.read(document)) as Representation
  const names = ({ sites }: (typeof files)[number]): string[] =>
    Array.isArray(sites)
      ? sites.map((each: unknown) => (typeof each === 'string' ? each : (each as { name: string }).name))
      : Object.keys(sites as object)
  return files.map((file) => names(file).toSorted())
}

/** The representations of which is known that they were looked at. */
async function noted(stage: Stage): Promise<readonly string[]> {
  const found = await stage.state
    .collection('appeared')
    .find({ '_id.made': { $exists: true } })
    .toArray()
  return found.map(({ _id }) => String((_id as unknown as { made: ObjectId }).made))
}

test('case 48: by the stream, each site is asked in the own shape of each file, once', async () => {
  const stage = await openStage()
  const running = await stage.start()
  const document = published()
  await stage.insert(document)
  expect(await everywhere(stage, document)).toEqual(EVERYWHERE)
  await stage.settle(running)
  expect(await everywhere(stage, document)).toEqual(EVERYWHERE)
  await running.stop()
})

test('case 48: by one pass, also again', async () => {
  const stage = await openStage()
  const document = published()
  await stage.insert(document)
  for (let pass = 0; pass < 2; pass++) {
    const running = stage.launch({ mode: 'once' })
    await running.ended
    expect(await everywhere(stage, document)).toEqual(EVERYWHERE)
  }
})

test('case 48: a site that fails does not delay the other', async () => {
  const stage = await openStage()
  const running = await stage.start()
  stage.spy('nas').failWrites(new SyncError('QUOTA', 'not today'))
  const document = representation([entry(`{root[work]}/${PATHS[0]}`, inArray('gdrive'))])
  await stage.insert(document)
  await stage.synced(document, { site: 'sftp' })
  const failed = await stage.until(document, 'a failure', ({ error }) => error !== undefined, { site: 'nas' })
  expect(failed).toEqual({ name: 'nas', error: expect.stringContaining('not today') as string })
  await running.stop()
})

test('what is not published, or has a record, or was removed by hand, is left alone', async () => {
  const stage = await openStage()
  const running = await stage.start()
  const path = `{root[work]}/${PATHS[0]}`
  const unpublished = representation([entry(path, [{ name: 'gdrive' }])])
  const named = representation([entry(path, inArray({ name: 'nas', paused: true }, { name: 'sftp', paused: true }))])
  const removed = representation([entry(path, inArray('gdrive'))])
  await stage.insert(unpublished, named, removed)
  for (const site of ['nas', 'sftp']) await stage.synced(removed, { site })
  await stage.project().updateOne({ _id: removed._id }, { $pull: { 'files.0.sites': { name: 'nas' } } as never })
  await stage.settle(running)
  expect((await stage.read(unpublished))?.files).toEqual(unpublished.files.map((file) => expect.objectContaining({ _id: file._id })))
  expect(recordOf((await stage.read(unpublished))?.files[0], 'nas')).toBeUndefined()
  expect(await stage.record(named, { site: 'nas' })).toEqual({ name: 'nas', paused: true })
  expect(await stage.record(removed, { site: 'nas' })).toBeUndefined()
  await running.stop()
})

describe('a record that somebody removed stays removed', () => {
  const pull = { $pull: { 'files.0.sites': { name: 'nas' } } } as never

  test.each(['run', 'once'] as const)('after a restart, another instance beside (%s)', async (mode) => {
    const stage = await openStage()
    const first = await stage.start()
    const removed = representation([entry(`{root[work]}/${PATHS[0]}`, inArray('gdrive'))])
    await stage.insert(removed)
    for (const site of ['nas', 'sftp']) await stage.synced(removed, { site })
    await waitFor('it to be noted', async () => (await noted(stage)).includes(String(removed._id)))
    await stage.project().updateOne({ _id: removed._id }, pull)
    const other = stage.launch({ mode })
    await other.lines.until('scan.finished')
    const later = representation([entry(`{root[work]}/${PATHS[1]}`, inArray('gdrive'))])
    await stage.insert(later)
    await stage.synced(later, { site: 'nas' })
    await Promise.all([first.stop(), other.stop()])
    const again = await stage.start()
    await again.lines.until('scan.finished')
    await stage.settle(again)
    expect(await stage.record(removed, { site: 'nas' })).toBeUndefined()
    await again.stop()
  })

  test('when the change stream tells of the insert again', async () => {
    const stage = await openStage()
    const first = await stage.start()
    const tokens = stage.state.collection('resume_tokens')
    const [token] = await waitFor('a place in the stream', async () => {
      const all = await tokens.find().toArray()
      return all.length > 0 && all
    })
    const removed = representation([entry(`{root[work]}/${PATHS[0]}`, inArray('gdrive'))])
    await stage.insert(removed)
    for (const site of ['nas', 'sftp']) await stage.synced(removed, { site })
    await stage.settle(first)
    await stage.project().updateOne({ _id: removed._id }, { $set: { files: removed.files } })
    await first.stop()
    // Nothing but the stream finds it.
    await stage.state.collection('appeared').updateMany({ until: { $exists: true } }, { $set: { until: new Date(Date.now() + 3_600_000) } })
    await tokens.replaceOne({ _id: token?._id as never }, token as object)
    const again = await stage.start()
    await stage.fence()
    await stage.settle(again)
    expect(await stage.record(removed, { site: 'nas' })).toBeUndefined()
    await again.stop()
  })

  test('what is noted for it is forgotten when no scan goes back so far', async () => {
    const stage = await openStage()
    const file = entry(`{root[work]}/${PATHS[0]}`, inArray('gdrive'))
    const old = { ...representation([file]), _id: ObjectId.createFromTime(Date.now() / 1_000 - 3_600) }
    await stage.insert(old)
    const notes: string[][] = []
    for (let pass = 0; pass < 2; pass++) {
      await stage.launch({ mode: 'once' }).ended
      notes.push([...(await noted(stage))])
    }
    expect(notes).toEqual([[String(old._id)], []])
  })
})

test("a project's own list replaces the general one", async () => {
  const stage = await openStage({
    projects: { include: ['*'], exclude: [], overrides: new Map([[PROJECT, { alwaysAccessibleOn: ['sftp'] }]]) },
  })
  const running = await stage.start()
  const document = representation([entry(`{root[work]}/${PATHS[0]}`, inArray('gdrive'))])
  await stage.insert(document)
  await stage.synced(document, { site: 'sftp' })
  expect(await stage.record(document, { site: 'nas' })).toBeUndefined()
  await running.stop()
})
