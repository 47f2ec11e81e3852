import { describe, expect, test } from 'vitest'

import { KINDS } from '../support/direction-kinds.ts'
import { DOWN, openDeletions, SITE, type Deletions } from '../support/deletion-stage.ts'
import { entry, inArray, inObject, recordOf, representation, T0, type Representation, type SiteRecordJson } from '../support/published.ts'
import { waitFor } from '../support/wait-for.ts'

const THERE = { created_dt: T0, id: 'x', mine: 'kept' }
const SHAPES = {
  array: (record: SiteRecordJson, others: Readonly<Record<string, SiteRecordJson>> = {}) =>
    inArray({ name: SITE, ...record }, ...Object.entries(others).map(([name, other]) => ({ name, ...other }))),
  object: (record: SiteRecordJson, others: Readonly<Record<string, SiteRecordJson>> = {}) => inObject({ [SITE]: record, ...others }),
}
const CASES = Object.keys(KINDS).flatMap((kind) => (['array', 'object'] as const).map((shape) => [kind, shape] as const))

async function recordsNow({ stage }: Deletions, document: Representation, site = SITE): Promise<readonly (SiteRecordJson | undefined)[]> {
  return ((await stage.read(document))?.files ?? []).map((file) => recordOf(file, site))
}

const pathOf = (path: string): string => `{root[work]}/${path}`

describe.each(CASES)('%s, %s shape', (kind, shape) => {
  const sites = SHAPES[shape]

  test('a sequence that the publish site has goes, with its records; what is another one stays', async () => {
    const all = await openDeletions(kind)
    const frames = Array.from({ length: 12 }, (_, n) => `x.${1001 + n}.exr`)
    for (const frame of [...frames, 'other.exr']) {
      await all.stage.file(frame)
      await all.put(frame, frame)
    }
    const document = representation(frames.map((frame) => entry(pathOf(frame), sites(THERE))))
    const other = representation([entry(pathOf('other.exr'), sites(THERE))], { context: { project: { name: 'prj' }, asset: 'tree' } })
    await all.stage.insert(document, other)

    const would = await all.remove({ dryRun: true, selection: { site: SITE, asset: 'hero' } })
    expect(would).toMatchObject({ deleted: 12, kept: 0, records: 12, representations: 1 })
    expect(await recordsNow(all, document)).toMatchObject(frames.map(() => THERE))
    expect(await all.get(frames[0] ?? '')).toBe(frames[0])

    const done = await all.remove({ selection: { site: SITE, asset: 'hero' } })
    expect(done).toMatchObject({ deleted: 12, kept: 0, missing: 0, records: 12, representations: 1, skipped: 0 })
    const to = kind === 'Drive' ? 'trash' : 'nowhere'
    expect(done.files.map(({ outcome, path }) => [outcome, path])).toEqual(frames.map((frame) => ['deleted', pathOf(frame)]))
    expect(new Set(done.files.map((file) => file.to))).toEqual(new Set([to]))
    expect(done.log.of('file.deleted')).toHaveLength(12)
    expect(done.log.of('file.deleted')[0]).toMatchObject({ project: 'prj', site: SITE, bytes: 10, extra: { to } })
    expect(await recordsNow(all, document)).toEqual(frames.map(() => undefined))
    expect(await recordsNow(all, document, 'studio')).toMatchObject(frames.map(() => ({ created_dt: T0 })))
    for (const frame of frames) expect(await all.get(frame)).toBeUndefined()
    expect(await all.get('other.exr')).toBe('other.exr')
    expect(await all.stage.state.collection('removals').countDocuments()).toBe(0)
    expect(await all.stage.state.collection('leases').countDocuments()).toBe(0)

    expect(await all.remove({ selection: { site: SITE, asset: 'hero' } })).toMatchObject({ deleted: 0, records: 0, files: [] })
  })

  test('the last copy stays, and so does its record: whatever other records say, and while the other site is down', async () => {
    const all = await openDeletions(kind)
    for (const path of ['lied', 'down', 'other-bytes', 'truncated', 'alone']) await all.put(path, path)
    const { store } = all.stage.spy('nas')
    store.put('/My Drive/w/down', 'down')
    store.put('/My Drive/w/other-bytes', 'other-byteZ')
    store.put('/My Drive/w/truncated', 'trunc')
    const paths = ['lied', 'other-bytes', 'truncated', 'alone']
    const document = representation(
      paths.map((path) => entry(pathOf(path), sites(THERE, path === 'alone' ? {} : { nas: { created_dt: T0 } }))),
    )
    const down = representation([entry(pathOf('down'), sites(THERE, { nas: { created_dt: T0 } }))])
    await all.stage.insert(document, down)
    const before = [await all.stage.raw(document), await all.stage.raw(down)]
    all.fail('nas', { verb: 'stat', path: 'down', with: DOWN })

    const done = await all.remove()
    expect(done).toMatchObject({ deleted: 0, kept: 5, shared: 0, records: 0 })
    const why = new Map(done.files.map((file) => [file.path, [file.outcome, file.reason, file.why]]))
    expect(why.get(pathOf('lied'))).toEqual(['kept', 'last-copy', expect.stringContaining('nas: the file is not there') as string])
    expect(why.get(pathOf('down'))).toEqual(['kept', 'last-copy', expect.stringContaining('nas: the host is down') as string])
    expect(why.get(pathOf('other-bytes'))).toEqual(['kept', 'last-copy', expect.stringContaining('other content') as string])
    expect(why.get(pathOf('truncated'))).toEqual(['kept', 'last-copy', expect.stringContaining('5 bytes there, and 9 here') as string])
    expect(why.get(pathOf('alone'))).toMatchObject(['kept', 'last-copy', expect.any(String) as string])
    expect([await all.stage.raw(document), await all.stage.raw(down)]).toEqual(before)
    for (const path of [...paths, 'down']) expect(await all.get(path)).toBe(path)
    expect(done.log.of('file.kept')).toHaveLength(5)
  })

  test('what another file entry has there stays, and goes with the last of them', async () => {
    const all = await openDeletions(kind)
    for (const path of ['tex', 'own']) {
      await all.stage.file(path)
      await all.put(path, path)
    }
    const one = representation([entry(pathOf('tex'), sites(THERE)), entry(pathOf('own'), sites(THERE))])
    const two = representation([entry('{root[work]}/./sub/..//tex', sites({ paused: true }))], { name: 'abc' })
    const three = representation([entry(pathOf('tex'), sites(THERE))])
    await all.stage.insert(one, two)
    await all.stage.project('another').insertOne(three)

    const first = await all.remove({ selection: { site: SITE, project: 'prj', name: 'ma' } })
    expect(first.files).toMatchObject([
      { path: pathOf('tex'), outcome: 'kept', reason: 'shared', why: expect.stringMatching(/prj|another/) as string },
      { path: pathOf('own'), outcome: 'deleted' },
    ])
    expect(first).toMatchObject({ kept: 1, shared: 1, records: 2 })
    expect(await recordsNow(all, one)).toEqual([undefined, undefined])
    expect(await all.get('tex')).toBe('tex')

    const rest = { site: SITE, all: true } as const
    const would = await all.remove({ dryRun: true, selection: rest })
    expect(would).toMatchObject({ deleted: 1, kept: 1, shared: 1 })
    expect(await all.remove({ selection: rest })).toMatchObject({ deleted: 1, kept: 1, shared: 1, records: 2 })
    expect(await all.get('tex')).toBeUndefined()
  })

  test('two entries of one selection that mean one file: it goes once', async () => {
    const all = await openDeletions(kind)
    await all.stage.file('tex')
    await all.put('tex', 'tex')
    await all.stage.insert(representation([entry(pathOf('tex'), sites(THERE)), entry(pathOf('tex'), sites(THERE))]))
    expect(await all.remove()).toMatchObject({ deleted: 1, kept: 0, records: 2, representations: 1 })
    expect(await all.get('tex')).toBeUndefined()
  })

  test('records that are paused or failed, or whose file is not there', async () => {
    const all = await openDeletions(kind)
    for (const path of ['paused', 'failed', 'absent']) await all.stage.file(path)
    for (const path of ['paused', 'failed']) await all.put(path, path)
    const records = [['paused', { paused: true }] as const, ['failed', { tries: 3, error: 'boom' }] as const, ['absent', THERE] as const]
    const document = representation(records.map(([path, record]) => entry(pathOf(path), sites(record))))
    await all.stage.insert(document)
    expect(await all.remove()).toMatchObject({ deleted: 2, missing: 1, kept: 0, records: 3 })
    expect(await recordsNow(all, document)).toEqual([undefined, undefined, undefined])
    expect([await all.get('paused'), await all.get('failed')]).toEqual([undefined, undefined])
  })

  test('a site that does not say what it has: nothing changes', async () => {
    const all = await openDeletions(kind)
    await all.stage.file('a')
    await all.put('a', 'a')
    const document = representation([entry(pathOf('a'), sites(THERE))])
    await all.stage.insert(document)
    all.fail(SITE, { verb: 'stat', with: DOWN })
    expect(await all.remove()).toMatchObject({
      deleted: 0,
      kept: 1,
      records: 0,
      files: [{ reason: 'not-looked', why: 'the host is down' }],
    })
    expect(await recordsNow(all, document)).toMatchObject([THERE])
  })

  test('a site that refuses to delete, or another file in its place: the record is there again, as it was', async () => {
    const all = await openDeletions(kind)
    for (const path of ['a', 'b', 'c']) {
      await all.stage.file(path)
      await all.put(path, path)
    }
    const document = representation([entry(pathOf('a'), sites(THERE))])
    await all.stage.insert(document)
    const before = await all.stage.read(document)
    all.fail(SITE, { verb: 'remove', path: 'a', with: DOWN })
    expect(await all.remove()).toMatchObject({ deleted: 0, kept: 1, records: 0, files: [{ reason: 'failed' }] })
    expect(await recordsNow(all, document)).toEqual([recordOf(before?.files[0], SITE)])
    expect(await all.get('a')).toBe('a')
    expect(await all.stage.state.collection('removals').countDocuments()).toBe(0)
  })

  test('killed while files are deleted: no record lies, and another run ends it, whatever was selected by state', async () => {
    const all = await openDeletions(kind)
    const frames = Array.from({ length: 12 }, (_, n) => `x.${1001 + n}.exr`)
    for (const frame of frames) {
      await all.stage.file(frame)
      await all.put(frame, frame)
    }
    const document = representation(frames.map((frame) => entry(pathOf(frame), sites(THERE))))
    await all.stage.insert(document)
    const selection = { site: SITE, states: new Set(['synced'] as const) }
    all.fail(SITE, { verb: 'remove', nth: 6, with: 'hang' }, { verb: 'remove', nth: 8, with: 'hang' })
    const killed = all.remove({ selection })
    killed.catch(() => undefined)
    const leftNow = async () => (await Promise.all(frames.map(async (frame) => all.get(frame)))).filter((content) => content !== undefined)
    await waitFor('the others to be gone', async () => (await leftNow()).length === 2)
    // As time does it with the leases of a process that is dead.
    await all.stage.state.collection('leases').deleteMany({})
    for (const [n, record] of (await recordsNow(all, document)).entries()) {
      const isThere = (await all.get(frames[n] ?? '')) !== undefined
      expect([n, isThere, record?.['created_dt'] === undefined]).toEqual([n, isThere, true])
    }
    // Another selection has nothing to do with it.
    expect(await all.remove({ selection: { site: SITE, asset: 'tree' } })).toMatchObject({ deleted: 0 })

    const again = await all.remove({ selection })
    expect(again).toMatchObject({ deleted: 2, kept: 0, records: 0 })
    for (const frame of frames) expect(await all.get(frame)).toBeUndefined()
    expect(await all.stage.state.collection('removals').countDocuments()).toBe(0)
    all.release()
    await killed.catch(() => undefined)
  })
})
