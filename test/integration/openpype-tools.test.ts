import type { Document } from 'mongodb'
import { describe, expect, test } from 'vitest'

import type { Settings } from '../../src/model/settings.ts'
import { entry, inArray, inObject, representation, T0, type Representation, type SiteRecordJson } from '../support/published.ts'
import { Stage, type Running } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

// The updates that OpenPype's own functions make (and people in the shell, for object shape), and what the service does with them. No
// regular scan comes meanwhile, unless a test asks for it: whatever happens was noticed.

const QUIET = { settings: { loopDelaySeconds: 3_600 } }

type Shape = 'array' | 'object'
const SHAPES: readonly Shape[] = ['array', 'object']
const FAILED = { error: 'the disk said no', tries: 1, last_failed_dt: T0 }

const sitesOf = (shape: Shape, record: SiteRecordJson, studio: SiteRecordJson = { created_dt: T0 }): unknown =>
  shape === 'array'
    ? [
        { name: 'studio', ...studio },
        { name: 'gdrive', ...record },
      ]
    : { studio, gdrive: record }

/** The record of a site is set whole, as OpenPype sets it: in one file, or in all of them. */
function setWhole(shape: Shape, site: string, record: SiteRecordJson, file?: number): [Document, Document] {
  const where = file === undefined ? '$[]' : String(file)
  if (shape === 'object') return [{ $set: { [`files.${where}.sites.${site}`]: record } }, {}]
  return [{ $set: { [`files.${where}.sites.$[s]`]: { name: site, ...record } } }, { arrayFilters: [{ 's.name': site }] }]
}

/** Single fields of the record of a site. */
function setFields(shape: Shape, site: string, fields: SiteRecordJson, unset: readonly string[] = []): [Document, Document] {
  const at = shape === 'object' ? `files.$[].sites.${site}` : 'files.$[].sites.$[s]'
  const named = (all: Document): Document => Object.fromEntries(Object.entries(all).map(([field, value]) => [`${at}.${field}`, value]))
  const update = { $set: named(fields), ...(unset.length > 0 && { $unset: named(Object.fromEntries(unset.map((field) => [field, '']))) }) }
  return [update, shape === 'array' ? { arrayFilters: [{ 's.name': site }] } : {}]
}

async function apply(stage: Stage, { _id }: Representation, [change, options]: [Document, Document]): Promise<void> {
  const { matchedCount } = await stage.project().updateOne({ _id }, change, options)
  expect(matchedCount).toBe(1)
}

async function published(stage: Stage, shape: Shape, record: SiteRecordJson, files = 1, studio?: SiteRecordJson): Promise<Representation> {
  const paths = Array.from({ length: files }, (_, n) => `sh010/f.${1001 + n}.exr`)
  for (const path of paths) await stage.file(path)
  const document = representation(paths.map((path) => entry(`{root[work]}/${path}`, sitesOf(shape, record, studio))))
  await stage.insert(document)
  return document
}

async function allSynced(stage: Stage, document: Representation): Promise<void> {
  for (const file of document.files.keys()) await stage.synced(document, { file })
}

/** What is at the site of the published files. */
function leftAt(stage: Stage): string[] {
  const paths = stage.spy().store.paths()
  return paths.filter((path) => path.includes('sh010'))
}

describe.each(SHAPES)('idle (%s shape)', (shape) => {
  test.each([
    ['with tries', FAILED],
    ['without tries', { error: 'quota' }],
  ])('a representation is unpaused, its record written whole, %s: it goes at once', async (_what, record) => {
    const stage = await Stage.open(QUIET)
    const document = await published(stage, shape, { ...record, paused: true })
    const running = await stage.start()
    await stage.fence()
    expect(running.lines.of('transfer.started').filter(({ site_sync: fields }) => fields?.path?.includes('sh010'))).toEqual([])
    await apply(stage, document, setWhole(shape, 'gdrive', record, 0))
    await allSynced(stage, document)
    await running.stop()
  })

  test('a sequence is unpaused by one update of all its files: all go at once', async () => {
    const stage = await Stage.open(QUIET)
    const document = await published(stage, shape, { ...FAILED, paused: true }, 12)
    const running = await stage.start()
    await stage.fence()
    await apply(stage, document, setWhole(shape, 'gdrive', FAILED))
    await allSynced(stage, document)
    await running.stop()
    expect(running.lines.count('transfer.succeeded')).toBe(13)
  })

  test.each([
    [
      'fields',
      (): [Document, Document] => setFields(shape, 'studio', { created_dt: new Date(), id: 'f.exr' }, ['error', 'tries', 'progress']),
    ],
    ['whole', (): [Document, Document] => setWhole(shape, 'studio', { created_dt: new Date() }, 0)],
  ])('somebody marks the file at its source (%s): who waits for it goes at once', async (_what, change) => {
    const stage = await Stage.open(QUIET)
    const document = await published(stage, shape, {}, 1, {})
    const running = await stage.start()
    await stage.fence()
    expect(await stage.record(document)).not.toHaveProperty('created_dt')
    await apply(stage, document, change())
    await allSynced(stage, document)
    await running.stop()
  })

  test('reset of a synced record, of one file or of all', async () => {
    const stage = await Stage.open(QUIET)
    const document = await published(stage, shape, { created_dt: T0, id: 'x' }, 3)
    const running = await stage.start()
    await apply(stage, document, setWhole(shape, 'gdrive', {}, 1))
    await stage.synced(document, { file: 1 })
    await apply(stage, document, setWhole(shape, 'gdrive', {}))
    for (const file of document.files.keys())
      await stage.until(document, 'a new id', ({ id, created_dt: created }) => id !== 'x' && created instanceof Date, { file })
    expect(stage.spy().store.paths()).toHaveLength(3)
    await running.stop()
  })

  test('a failure dated in the future does not hold it back from the next scan', async () => {
    const stage = await Stage.open({ settings: { loopDelaySeconds: 0.5 } })
    for (const when of [new Date(Date.now() + 9 * 3_600_000), new Date('9999-12-31T23:59:59Z')]) {
      const document = await published(stage, shape, { ...FAILED, last_failed_dt: when })
      const running = await stage.start()
      await allSynced(stage, document)
      await running.stop()
      await stage.project().deleteMany({})
    }
    const document = await published(stage, shape, { ...FAILED, last_failed_dt: new Date(Date.now() + 9 * 3_600_000) })
    expect(await stage.launch({ mode: 'once' }).ended).toMatchObject({ synced: 1, failed: 0 })
    await allSynced(stage, document)
  })
})

describe.each(SHAPES)('while it is sent (%s shape)', (shape) => {
  async function underWay(record: SiteRecordJson, files = 1): Promise<{ stage: Stage; document: Representation; running: Running }> {
    const stage = await Stage.open(QUIET)
    stage.spy().hold()
    const running = await stage.start()
    const document = await published(stage, shape, record, files)
    await running.lines.until('transfer.started', Math.min(files, 4))
    return { stage, document, running }
  }

  test.each([
    ['a new one', {}],
    ['one that failed before', FAILED],
  ])('the pause of %s, written whole, ends the transfer; nothing is marked', async (_what, record) => {
    const stage = await Stage.open(QUIET)
    const document = await published(stage, shape, record)
    stage.spy().hold()
    const running = await stage.start()
    await running.lines.until('transfer.started')
    await apply(stage, document, setWhole(shape, 'gdrive', { ...record, paused: true }, 0))
    expect((await running.lines.until('transfer.released')).message).toBe('paused')
    stage.spy().release()
    await stage.fence()
    expect(await stage.record(document)).toEqual({ ...(shape === 'array' && { name: 'gdrive' }), ...record, paused: true })
    expect(leftAt(stage)).toEqual([])
    await running.stop()
  })

  test.each([
    ['the document is deleted', async (stage: Stage, { _id }: Representation) => void (await stage.project().deleteOne({ _id }))],
    [
      'the representation is archived',
      async (stage: Stage, { _id }: Representation) =>
        void (await stage.project().updateOne({ _id }, { $set: { type: 'archived_representation' } })),
    ],
    [
      'the site is removed',
      async (stage: Stage, document: Representation) =>
        await apply(
          stage,
          document,
          shape === 'array'
            ? [{ $pull: { 'files.$[].sites': { name: 'gdrive' } } }, {}]
            : [{ $unset: { 'files.$[].sites.gdrive': '' } }, {}],
        ),
    ],
    [
      'another server marks it',
      async (stage: Stage, document: Representation) =>
        await apply(stage, document, setFields(shape, 'gdrive', { created_dt: new Date(), id: 'theirs' })),
    ],
  ])('%s: the transfer ends at once, and leaves nothing', async (_what, act) => {
    const { stage, document, running } = await underWay({}, 2)
    await act(stage, document)
    await running.lines.until('transfer.dropped', 2)
    stage.spy().release()
    await stage.fence()
    expect(leftAt(stage)).toEqual([])
    await running.stop()
  })
})

test('a priority that the queue window sets at the source counts, unless the target has one of its own', async () => {
  const stage = await Stage.open({ ...QUIET, sites: [{ name: 'gdrive', concurrency: 1 }] })
  stage.spy().hold()
  const running = await stage.start()
  await stage.publish('first.exr')
  await running.lines.until('transfer.started')
  const names = ['plain', 'by-source', 'by-target', 'lowered']
  const documents = new Map<string, Representation>()
  for (const name of names) {
    await stage.file(`${name}.exr`)
    const sites = inArray({ name: 'gdrive', ...(name === 'by-target' && { priority: 90 }), ...(name === 'lowered' && { priority: 10 }) })
    const document = representation([entry(`{root[work]}/${name}.exr`, sites)])
    documents.set(name, document)
    await stage.insert(document)
  }
  for (const name of ['by-source', 'by-target', 'lowered'])
    await apply(stage, documents.get(name) as Representation, setFields('array', 'studio', { priority: 70 }))
  // A further publish is behind these in the change stream.
  await stage.file('last.exr')
  const last = representation([entry('{root[work]}/last.exr', inArray({ name: 'gdrive', priority: 1 }))])
  await stage.insert(last)
  await waitFor('all of them in the queue', async () => {
    const [report] = await stage.state.collection<Document & { _id: string }>('instances').find().toArray()
    const sites = (report?.['sites'] ?? []) as { site: string; queued: number }[]
    return sites.find(({ site }) => site === 'gdrive')?.queued === 5
  })
  stage.spy().release()
  await stage.synced(last)
  expect(stage.spy().uploads.map((path) => path.replace('/My Drive/w/', ''))).toEqual([
    'first.exr',
    'by-target.exr',
    'by-source.exr',
    'plain.exr',
    'lowered.exr',
    'last.exr',
  ])
  await running.stop()
})

test('two instances with one hop each: what one of them brings to Drive, the other takes on from there at once', async () => {
  const stage = await Stage.open({ ...QUIET, sites: [{ name: 'nas' }] })
  const only = (...names: string[]): Settings['sites'] => new Map([...stage.settings.sites].filter(([name]) => names.includes(name)))
  const near = await stage.start({ settings: { ...stage.settings, sites: only('studio', 'gdrive') } })
  const far = await stage.start({
    settings: { ...stage.settings, localId: 'far', publishSite: 'gdrive', remoteSite: 'nas', sites: only('gdrive', 'nas') },
  })
  for (const [shape, sites] of [
    ['array', inArray('gdrive', 'nas')],
    ['object', inObject({ gdrive: {}, nas: {} })],
  ] as const) {
    await stage.file(`${shape}.exr`)
    const document = representation([entry(`{root[work]}/${shape}.exr`, sites)])
    await stage.insert(document)
    for (const site of ['gdrive', 'nas']) await stage.synced(document, { site })
    expect(stage.spy('nas').store.get(`/My Drive/w/${shape}.exr`)?.toString()).toBe(`${shape}.exr`)
  }
  for (const running of [near, far]) await running.stop()
})
