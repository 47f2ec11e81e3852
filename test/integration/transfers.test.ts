import { expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import { entry, inArray, inObject, recordOf, representation, T0, wanted } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

test('case 1: array shape, a publish while the service runs is uploaded and marked', async () => {
  const stage = await Stage.open()
  const running = await stage.start()
  const before = new Date()
  await stage.file('p/a.ma', 'abc')
  const document = wanted('{root[work]}/p/a.ma')
  await stage.insert(document)
  const record = await stage.synced(document)
  expect(record).toEqual({ name: 'gdrive', id: expect.stringMatching(/^memory-/) as string, created_dt: expect.any(Date) as Date })
  expect((record['created_dt'] as Date).getTime()).toBeGreaterThanOrEqual(before.getTime() - 1)
  expect(stage.spy().uploads).toEqual(['/My Drive/w/p/a.ma'])
  expect(stage.spy().store.get('/My Drive/w/p/a.ma')?.toString()).toBe('abc')
  const { files, ...rest } = document
  expect(await stage.read(document)).toEqual({ ...rest, files: [{ ...files[0], sites: [{ name: 'studio', created_dt: T0 }, record] }] })
  await running.stop()
  const [started, succeeded] = running.lines.of('transfer.started', 'transfer.succeeded')
  expect(started?.site_sync).toMatchObject({
    project: PROJECT,
    representation_id: String(document._id),
    path: '{root[work]}/p/a.ma',
    tries: 0,
  })
  expect(succeeded?.site_sync).toMatchObject({ site: 'gdrive', provider: 'memory', bytes: 3, file_id: String(files[0]?._id) })
  expect(succeeded?.site_sync?.attempt_id).toBe(started?.site_sync?.attempt_id)
})

test('case 2: object shape, the same, and it stays an object', async () => {
  const stage = await Stage.open()
  const running = await stage.start()
  await stage.file('p/a.ma', 'abc')
  const document = representation([entry('{root[work]}/p/a.ma', inObject({ gdrive: {} }))])
  await stage.insert(document)
  const record = await stage.synced(document)
  expect(record).toEqual({ id: expect.stringMatching(/^memory-/) as string, created_dt: expect.any(Date) as Date })
  expect((await stage.read(document))?.files[0]?.['sites']).toEqual({ studio: { created_dt: T0 }, gdrive: record })
  expect(stage.spy().uploads).toEqual(['/My Drive/w/p/a.ma'])
  await running.stop()
})

test('case 3: sites that are strings are left as they are, byte for byte, with one warning', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.1 } })
  const document = representation([entry('{root[work]}/a.ma', ['studio', 'gdrive']), entry('{root[work]}/b.ma', ['studio', 'gdrive'])])
  const broken = representation([
    'no entry',
    entry('{root[work]}/c.ma', 'text'),
    entry('{root[work]}/d.ma', ['gdrive', { name: 'studio', created_dt: T0 }, { name: 'gdrive' }]),
  ])
  await stage.insert(document)
  const before = (await stage.raw(document)) as Buffer
  expect(before.length).toBeGreaterThan(100)
  await stage.file('d.ma')
  const running = await stage.start()
  await running.lines.scanned(2)
  await stage.insert(broken)
  // What can be read of a broken document is served.
  await stage.synced(broken, { file: 2 })
  await stage.project().updateOne({ _id: document._id }, { $set: { 'data.note': 'touched' } })
  await stage.project().updateOne({ _id: document._id }, { $set: { 'data.note': 'kept as it is' } })
  await stage.settle(running)
  await running.lines.scanned(2)
  expect(await stage.raw(document)).toEqual(before)
  expect(stage.spy().uploads.filter((path) => !path.includes('fence'))).toEqual(['/My Drive/w/d.ma'])
  const warned = running.lines.of('record.unreadable').map(({ site_sync: fields }) => fields?.representation_id)
  expect(warned).toEqual([String(document._id), String(broken._id)])
  await running.stop()
})

test('case 4: what is there already is neither called for nor written', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.1 } })
  const running = await stage.start()
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma', { created_dt: T0 })
  await stage.insert(document)
  await stage.settle(running)
  await running.lines.scanned(3)
  expect(await stage.read(document)).toEqual(document)
  expect(stage.spy().uploads).toHaveLength(1)
  await running.stop()
})

test.each([
  ['array', inArray('gdrive'), { name: 'gdrive' }],
  ['object', inObject({ gdrive: {} }), {}],
] as const)('case 5: a provider that throws spends a try and leaves its message (%s shape)', async (_shape, sites, skeleton) => {
  const stage = await Stage.open()
  stage.spy().failWrites(new SyncError('UNEXPECTED', 'boom'), 'a.ma')
  const running = await stage.start()
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', sites)])
  await stage.insert(document)
  const record = await stage.until(document, 'tries 1', ({ tries }) => tries === 1)
  expect(record).toEqual({ ...skeleton, error: 'boom', tries: 1, last_failed_dt: expect.any(Date) as Date })
  await stage.settle(running)
  // The next attempt is for a later scan: what the service wrote itself wakes nobody.
  expect(await stage.record(document)).toEqual(record)
  expect(running.lines.count('transfer.failed')).toBe(1)
  await running.stop()
})

test('case 6: the last try, and then none however often is scanned', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.1 } })
  stage.spy().failWrites(new SyncError('UNEXPECTED', 'boom'))
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma', { tries: 2, error: 'earlier', last_failed_dt: T0 })
  await stage.insert(document)
  const running = await stage.start()
  await stage.until(document, 'tries 3', ({ tries }) => tries === 3)
  await running.lines.scanned(5)
  expect(await stage.record(document)).toMatchObject({ tries: 3, error: 'boom' })
  expect(running.lines.count('transfer.started')).toBe(1)
  expect(running.lines.of('transfer.exhausted')[0]?.site_sync).toMatchObject({ tries: 3 })
  await running.stop()
})

test.each([3, 4])('case 7: %i tries used up: neither scans nor other updates wake anything', async (tries) => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.1 } })
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma', { tries, error: 'boom', last_failed_dt: T0 })
  await stage.insert(document)
  const running = await stage.start()
  await running.lines.scanned(2)
  await stage.project().updateOne({ _id: document._id }, { $set: { 'data.note': 'other' } })
  await stage.settle(running)
  await running.lines.scanned(2)
  expect(await stage.record(document)).toEqual(recordOf(document.files[0], 'gdrive'))
  expect(running.lines.count('transfer.started')).toBe(1)
  await running.stop()
})

test.each(['array', 'object'] as const)('case 8: unset tries (%s shape) gives an attempt at once, and success cleans up', async (shape) => {
  const stage = await Stage.open()
  await stage.file('a.ma')
  const failed = { tries: 3, error: 'boom', last_failed_dt: T0, progress: 0.5 }
  const sites = shape === 'array' ? inArray({ name: 'gdrive', ...failed }) : inObject({ gdrive: failed })
  const document = representation([entry('{root[work]}/a.ma', sites)])
  await stage.insert(document)
  const running = await stage.start()
  await stage.settle(running)
  expect(stage.spy().uploads).toHaveLength(1)
  const tries = shape === 'array' ? 'files.$[].sites.$[s].tries' : 'files.$[].sites.gdrive.tries'
  const arrayFilters = shape === 'array' ? [{ 's.name': 'gdrive' }] : []
  await stage.project().updateOne({ _id: document._id }, { $unset: { [tries]: '' } }, { arrayFilters })
  const record = await stage.synced(document)
  expect(Object.keys(record).toSorted()).toEqual([...(shape === 'array' ? ['name'] : []), 'created_dt', 'id'].toSorted())
  expect(stage.spy().uploads).toHaveLength(2)
  await running.stop()
})

test('case 9: retry_cnt 0 means no attempt', async () => {
  const stage = await Stage.open({
    settings: {
      loopDelaySeconds: 0.1,
      projects: { include: ['*'], exclude: [], overrides: new Map([['other', { retryCount: 1 }]]) },
      retryCount: 0,
    },
  })
  const running = await stage.start()
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma')
  await stage.insert(document)
  await stage.settle(running, 'other')
  await running.lines.scanned(2)
  expect(await stage.read(document)).toEqual(document)
  expect(running.lines.count('transfer.started')).toBe(1)
  await running.stop()
})

test('case 10: retry_cnt raised from 3 to 5, a file with 3 tries has another attempt', async () => {
  const stage = await Stage.open()
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma', { tries: 3, error: 'boom', last_failed_dt: T0 })
  await stage.insert(document)
  const running = await stage.start()
  await stage.settle(running)
  expect(await stage.read(document)).toEqual(document)
  running.service.reload({ ...stage.settings, retryCount: 5 })
  await stage.synced(document)
  expect(stage.spy().uploads.filter((path) => path.endsWith('a.ma'))).toHaveLength(1)
  await running.stop()
})

test('case 11: tries that are null, a double, or no number', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.1 } })
  const records = [{ tries: null }, { tries: 2.0 }, { tries: '1' }, { tries: '' }]
  const documents = records.map((record, n) => wanted(`{root[work]}/${n}.ma`, record))
  for (const n of records.keys()) await stage.file(`${n}.ma`)
  await stage.insert(...documents)
  const running = await stage.start()
  const [none, two, text, empty] = documents as [(typeof documents)[0], (typeof documents)[0], (typeof documents)[0], (typeof documents)[0]]
  await stage.synced(none)
  await stage.synced(two)
  await stage.settle(running)
  await running.lines.scanned(2)
  expect(await stage.read(text)).toEqual(text)
  expect(await stage.read(empty)).toEqual(empty)
  const warned = running.lines.of('record.unreadable').map(({ site_sync: fields }) => fields?.representation_id)
  expect(new Set(warned)).toEqual(new Set([String(text._id), String(empty._id)]))
  expect(warned).toHaveLength(2)
  await running.stop()
})

test('case 12: created_dt null is pending, in either shape', async () => {
  const stage = await Stage.open()
  await stage.file('a.ma')
  await stage.file('b.ma')
  const array = wanted('{root[work]}/a.ma', { created_dt: null })
  const object = representation([entry('{root[work]}/b.ma', inObject({ gdrive: { created_dt: null } }))])
  await stage.insert(array, object)
  const running = await stage.start()
  await stage.synced(array)
  await stage.synced(object)
  expect(stage.spy().uploads).toHaveLength(2)
  await running.stop()
})

test('case 18: a missing source is told by its whole path and spends a try; its siblings go', async () => {
  const stage = await Stage.open()
  const running = await stage.start()
  await stage.file('p/b.ma')
  const document = representation([entry('{root[work]}/p/a.ma', inArray('gdrive')), entry('{root[work]}/p/b.ma', inArray('gdrive'))])
  await stage.insert(document)
  const record = await stage.until(document, 'tries 1', ({ tries }) => tries === 1)
  expect(record['error']).toContain(stage.studioPath('p/a.ma'))
  await stage.synced(document, { file: 1 })
  expect(stage.spy().uploads).toEqual(['/My Drive/w/p/b.ma'])
  await running.stop()
})

test('case 19: a sequence of 20 frames with 7 slots goes in frame order, every frame with its own record', async () => {
  const stage = await Stage.open({ sites: [{ name: 'gdrive', concurrency: 7 }] })
  const running = await stage.start()
  const frames = Array.from({ length: 20 }, (_, n) => `x.${String(n + 1).padStart(4, '0')}.exr`)
  for (const frame of frames) await stage.file(frame, `pixels of ${frame}`)
  const document = representation(frames.toReversed().map((frame) => entry(`{root[work]}/${frame}`, inArray('gdrive'))))
  await stage.insert(document)
  for (const file of frames.keys()) await stage.synced(document, { file })
  const begun = running.lines.of('transfer.started').map(({ site_sync: fields }) => String(fields?.path).replace('{root[work]}/', ''))
  // Up to 7 begin at once, in any order among themselves; where a claim takes long, a slot that is free again may be first.
  for (const [at, frame] of begun.entries()) expect(Math.abs(frames.indexOf(frame) - at)).toBeLessThan(14)
  expect(begun.toSorted()).toEqual(frames)
  expect(stage.spy().writes.peak).toBeLessThanOrEqual(7)
  const ids = (await stage.read(document))?.files.map((file) => recordOf(file, 'gdrive')?.['id'])
  expect(new Set(ids).size).toBe(20)
  await running.stop()
})

test('case 20: two of three files are there, the third fails: only that one is called for, the others stay as they are', async () => {
  const stage = await Stage.open()
  stage.spy().failWrites(new SyncError('UNEXPECTED', 'boom'))
  for (const name of ['a', 'b', 'c']) await stage.file(name)
  const done = { name: 'gdrive', created_dt: T0, id: 'there' }
  const document = representation([
    entry('{root[work]}/a', inArray(done)),
    entry('{root[work]}/b', inArray(done)),
    entry('{root[work]}/c', inArray('gdrive')),
  ])
  await stage.insert(document)
  const running = await stage.start()
  await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { file: 2 })
  await running.lines.until('transfer.failed')
  expect(stage.spy().uploads).toEqual(['/My Drive/w/c'])
  expect((await stage.read(document))?.files.slice(0, 2)).toEqual(document.files.slice(0, 2))
  await running.stop()
})

test('case 30: not on the publish site, or nobody said: what the record there tells decides', async () => {
  const stage = await Stage.open()
  await stage.file('sibling')
  await stage.file('unsaid')
  await stage.file('absent')
  const document = representation([
    entry('{root[work]}/absent', [{ name: 'studio' }, { name: 'gdrive' }]),
    entry('{root[work]}/sibling', inArray('gdrive')),
    entry('{root[work]}/unsaid', [{ name: 'gdrive' }]),
    entry('{root[work]}/unsaid-and-absent', [{ name: 'gdrive' }]),
  ])
  await stage.insert(document)
  const running = await stage.start()
  await stage.synced(document, { file: 1 })
  await stage.synced(document, { file: 2 })
  await stage.until(document, 'tries 1', ({ tries }) => tries === 1, { file: 3 })
  await stage.settle(running)
  expect((await stage.read(document))?.files[0]).toEqual(document.files[0])
  expect(running.lines.of('transfer.started').some(({ site_sync: fields }) => fields?.path?.endsWith('/absent') === true)).toBe(false)
  await running.stop()
})

test('case 25: an empty file, and a remote file of the same size with other content', async () => {
  const stage = await Stage.open()
  await stage.file('empty', '')
  await stage.file('same', 'new')
  stage.spy().store.put('/My Drive/w/same', 'old')
  const document = representation([entry('{root[work]}/empty', inArray('gdrive')), entry('{root[work]}/same', inArray('gdrive'))])
  await stage.insert(document)
  const running = await stage.start()
  await stage.synced(document)
  await stage.synced(document, { file: 1 })
  expect(stage.spy().store.get('/My Drive/w/empty')).toHaveLength(0)
  expect(stage.spy().store.get('/My Drive/w/same')?.toString()).toBe('new')
  await running.stop()
})

test('case 50: a source that changes while it is sent is not marked; it is sent again as it is then', async () => {
  const stage = await Stage.open()
  await stage.file('a.ma', 'first')
  stage.spy().hold()
  const running = await stage.start()
  const document = wanted('{root[work]}/a.ma')
  await stage.insert(document)
  await waitFor('the upload', () => stage.spy().writes.now === 1)
  await stage.file('a.ma', 'second, and longer')
  stage.spy().release()
  expect((await running.lines.until('transfer.failed')).error?.code).toBe('SOURCE_CHANGED')
  expect(await stage.record(document)).toMatchObject({ tries: 1, error: expect.stringContaining(stage.studioPath('a.ma')) as string })
  await stage.project().updateOne({ _id: document._id }, { $unset: { 'files.0.sites.1.tries': '' } })
  await stage.synced(document)
  expect(stage.spy().store.get('/My Drive/w/a.ma')?.toString()).toBe('second, and longer')
  await running.stop()
})
