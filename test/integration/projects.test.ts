import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { hurriedClock } from '../support/hurried-clock.ts'
import { entry, inArray, inObject, representation, wanted, type Representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

test('case 26: remote_site "" means alive, and nothing else', async () => {
  const stage = await Stage.open({ settings: { remoteSite: '' } })
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma')
  await stage.insert(document)
  const running = await stage.start()
  expect(running.lines.of('service.ready')[0]?.message).toContain('remote_site')
  await stage.project().updateOne({ _id: document._id }, { $set: { 'data.note': 'other' } })
  const { synced, failed } = await running.stop()
  expect({ synced, failed }).toEqual({ synced: 0, failed: 0 })
  expect((await stage.read(document))?.files).toEqual(document.files)
  // Not even in a database of its own.
  expect(await stage.state.listCollections().toArray()).toEqual([])
  expect(await stage.project().indexes()).toHaveLength(1)
  expect(stage.spy().calls).toMatchObject({ stat: 0, write: 0, probe: 0 })
})

test('case 36: every project that is enabled is served, also one that is made while the service runs', async () => {
  const overrides = new Map([['off', { enabled: false }]])
  const stage = await Stage.open({
    settings: { loopDelaySeconds: 3_600, projects: { include: ['*'], exclude: ['test_*'], overrides } },
  })
  const place = async (project: string): Promise<Representation> => {
    await stage.file(project)
    const document = wanted(`{root[work]}/${project}`)
    await stage.project(project).insertOne(document)
    return document
  }
  await stage.db.createCollection('one')
  await stage.db.createCollection('two')
  const early = [await place('off'), await place('test_1')] as const
  const running = await stage.start()
  await running.lines.until('scan.finished')
  const late = [await place('off'), await place('test_1')] as const
  for (const project of ['one', 'two', 'made.later', 'ünder šcore']) await stage.synced(await place(project), { project })
  for (const documents of [early, late]) {
    expect(await stage.read(documents[0], 'off')).toEqual(documents[0])
    expect(await stage.read(documents[1], 'test_1')).toEqual(documents[1])
  }
  expect(running.lines.count('transfer.started')).toBe(4)
  await running.stop()
})

test('an override of one project holds for that project alone', async () => {
  const overrides = new Map([['far', { remoteSite: 'nas', retryCount: 1, publishSite: 'hall' }]])
  const stage = await Stage.open({
    sites: [{ name: 'nas' }, { name: 'hall' }],
    settings: { projects: { include: ['*'], exclude: [], overrides } },
  })
  stage.spy('hall').store.put('/My Drive/w/x', 'from the hall')
  const document = representation([entry('{root[work]}/x', [{ name: 'hall', created_dt: new Date() }, { name: 'nas' }])])
  await stage.project('far').insertOne(document)
  const running = await stage.start()
  await stage.synced(document, { project: 'far', site: 'nas' })
  expect(stage.spy('nas').store.get('/My Drive/w/x')?.toString()).toBe('from the hall')
  await running.stop()
})

const files = (): Representation['files'] => [
  entry('{root[work]}/a.ma', inObject({ gdrive: {} })),
  entry('{root[work]}/a.ma', inArray('gdrive')),
]

test('case 37: what is no representation, or has no files, is ignored and never written', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.1 } })
  await stage.file('a.ma')
  const documents = [
    representation(files(), { type: 'archived_representation' }),
    representation(files(), { type: 'version' }),
    representation(files(), { type: null }),
    representation([], {}),
    representation(null, {}),
    representation('text', {}),
    representation({ 0: 'no array' }, {}),
    representation([entry('{root[work]}/a.ma', null), null, 7]),
  ]
  const { files: _, ...without } = representation([])
  await stage.insert(...documents)
  const running = await stage.start()
  await running.lines.scanned()
  const more = documents.map((document) => ({ ...document, _id: representation([])._id }))
  await stage.insert(...more, without as unknown as Representation)
  // The documented recipe, gone over everything: what is no representation is woken for nothing.
  const others = { type: { $in: ['archived_representation', 'version', null] } }
  const again = { $set: { 'files.$[f].sites.gdrive': {}, 'files.$[f].sites.nas': {} } }
  await stage.db
    .collection(PROJECT)
    .updateMany({ ...others, files: { $type: 'array' } }, again, { arrayFilters: [{ 'f.sites.gdrive': {} }] })
  await stage.settle(running)
  await running.lines.scanned(2)
  for (const document of [...documents.slice(3), ...more.slice(3), without as unknown as Representation]) {
    expect(await stage.read(document)).toEqual(document)
  }
  expect(
    await stage.project().countDocuments({
      ...others,
      $or: [{ 'files.sites.gdrive.created_dt': { $exists: true } }, { 'files.sites.id': { $exists: true } }],
    }),
  ).toBe(0)
  expect(running.lines.count('transfer.started')).toBe(1)
  expect(stage.spy().uploads).toHaveLength(1)
  await running.stop()
})

test('a site that one project alone declares is probed when it is in trouble, before more is sent there', async () => {
  const far = { name: 'far', provider: 'memory', root: new Map([['work', '/far']]), concurrency: 1, alternativeSites: [] }
  const overrides = new Map([[PROJECT, { sites: new Map([['far', far]]) }]])
  const stage = await Stage.open({ settings: { projects: { include: ['*'], exclude: [], overrides } } })
  const down = new SyncError('UNREACHABLE', 'the host is down', { certain: true })
  const calls: string[] = []
  stage.spy('far').gate = ({ verb }) => {
    calls.push(verb)
    if (verb === 'write' && !calls.includes('up')) throw down
  }
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('far'))])
  const running = await stage.start({ clock: hurriedClock(50) })
  await stage.insert(document)
  await running.lines.until('site.cooling')
  await waitFor('a probe of the site', () => calls.includes('probe'))
  calls.push('up')
  await stage.synced(document, { site: 'far' })
  expect(calls.filter((verb) => verb === 'probe').length).toBeGreaterThan(0)
  await running.stop()
})
