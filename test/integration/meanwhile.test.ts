import { ObjectId, type Document } from 'mongodb'
import { expect, test } from 'vitest'

import { entry, inArray, inObject, recordOf, representation, T0, type Representation } from '../support/published.ts'
import { PROJECT, Stage, type Running } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

/** With a change stream the service hears of it during the upload; without one the write-back finds out. */
const MODES = ['run', 'once'] as const

/** A service that is in the middle of sending `a.ma`, the first file of the document; `b.ma` is there already. */
async function sending(
  mode: (typeof MODES)[number],
  sites: unknown,
): Promise<{ stage: Stage; running: Running; document: Representation }> {
  const stage = await Stage.open({ sites: [{ name: 'nas' }] })
  await stage.file('a.ma')
  const document = representation([
    entry('{root[work]}/a.ma', sites),
    entry('{root[work]}/b.ma', inArray({ name: 'gdrive', created_dt: T0, id: 'b' })),
  ])
  await stage.insert(document)
  stage.spy().hold()
  const running = stage.launch({ mode })
  await waitFor('the upload', () => stage.spy().writes.now === 1 && running.lines.count('transfer.started') > 0)
  return { stage, running, document }
}

/** Lets the upload go on and waits for the end of its attempt. */
async function goOn(stage: Stage, running: Running, mode: (typeof MODES)[number]): Promise<void> {
  // The stream has told by then what happened, wherever there is a stream.
  if (mode === 'run') await running.lines.until('transfer.dropped')
  stage.spy().release()
  await running.lines.until('transfer.dropped')
  if (mode === 'once') await running.ended
}

async function update(stage: Stage, { _id }: Representation, change: Document): Promise<void> {
  expect((await stage.db.collection(PROJECT).updateOne({ _id }, change)).modifiedCount).toBe(1)
}

test.each(MODES)('case 13: array shape, the record is pulled during the upload: nothing makes it again (%s)', async (mode) => {
  const { stage, running, document } = await sending(mode, inArray('gdrive'))
  await update(stage, document, { $pull: { 'files.0.sites': { name: 'gdrive' } } })
  const before = await stage.raw(document)
  await goOn(stage, running, mode)
  expect(running.lines.of('transfer.dropped')[0]?.message).toContain('skeleton')
  await running.stop()
  expect(await stage.raw(document)).toEqual(before)
})

test.each(MODES)('case 14: object shape, the record is unset during the upload: nothing makes it again (%s)', async (mode) => {
  const { stage, running, document } = await sending(mode, inObject({ gdrive: {} }))
  await update(stage, document, { $unset: { 'files.0.sites.gdrive': '' } })
  const before = await stage.raw(document)
  await goOn(stage, running, mode)
  expect(running.lines.of('transfer.dropped')[0]?.message).toContain('skeleton')
  await running.stop()
  expect(await stage.raw(document)).toEqual(before)
})

test.each(MODES)('case 15: the document is deleted during the upload: it stays so, and the service goes on (%s)', async (mode) => {
  const { stage, running, document } = await sending(mode, inArray('gdrive'))
  await stage.project().deleteOne({ _id: document._id })
  // A deletion alone wakes nobody; what the upload brings finds no document.
  stage.spy().release()
  await running.lines.until('transfer.dropped')
  expect(running.lines.of('transfer.dropped')[0]?.message).toContain('document')
  if (mode === 'run') await stage.settle(running, 'another')
  else await running.ended
  expect(await stage.project().countDocuments()).toBe(0)
  await running.stop()
})

test('case 16: the files are replaced during the upload: the old result is dropped, the new entries are sent', async () => {
  const { stage, running, document } = await sending('run', inArray('gdrive'))
  await stage.file('a2.ma')
  const fresh = [entry('{root[work]}/a.ma', inArray('gdrive')), entry('{root[work]}/a2.ma', inArray('gdrive'))]
  await update(stage, document, { $set: { files: fresh } })
  await running.lines.until('transfer.dropped')
  stage.spy().release()
  await stage.synced(document)
  await stage.synced(document, { file: 1 })
  expect((await stage.read(document))?.files.map(({ _id }) => _id)).toEqual(fresh.map(({ _id }) => _id))
  await running.stop()
})

test.each([
  ['array', inArray({ name: 'gdrive', tries: 1, error: 'earlier', last_failed_dt: T0 }), 'files.0.sites.1', { name: 'gdrive', note: 1 }],
  ['object', inObject({ gdrive: { tries: 1, error: 'earlier', last_failed_dt: T0 } }), 'files.0.sites.gdrive', { note: 1 }],
] as const)(
  'a record that is reset during the upload (%s shape): the late result is dropped, the skeleton has an attempt of its own',
  async (...row) => {
    const [, sites, path, skeleton] = row
    const { stage, running, document } = await sending('run', sites)
    await update(stage, document, { $set: { [path]: skeleton } })
    await stage.fence({ site: 'nas' })
    stage.spy().release()
    await running.lines.until('transfer.dropped')
    const record = await stage.synced(document)
    expect(record['note']).toBe(1)
    expect(running.lines.count('transfer.started')).toBe(3)
    await running.stop()
  },
)

test.each(MODES)('a changed priority, an unknown field, another file: the result counts, and all of it stays (%s)', async (mode) => {
  const { stage, running, document } = await sending(mode, inArray('gdrive'))
  const frame = { ...entry('{root[work]}/c.ma', inArray({ name: 'gdrive', created_dt: T0 })), _id: new ObjectId() }
  // The entries move: a result goes by what they are.
  await update(stage, document, { $push: { files: { $each: [frame], $position: 0 } } })
  await update(stage, document, {
    $push: { 'files.1.sites': { $each: [{ name: 'other' }], $position: 0 } },
    $set: { 'files.2.note': 'n', more: [1] },
  })
  await update(stage, document, { $set: { 'files.1.sites.2.priority': 70, 'files.1.sites.2.note': 'kept' } })
  stage.spy().release()
  const record = await stage.synced(document, { file: 1 })
  expect(record).toMatchObject({ priority: 70, note: 'kept' })
  const after = await stage.read(document)
  expect(after).toMatchObject({ more: [1], files: [frame, { sites: [{ name: 'other' }, {}, {}] }, { note: 'n' }] })
  if (mode === 'once') await running.ended
  await running.stop()
})

test('case 40: a paused file is left alone; unset, or set to false, it goes at once, and the others never wait', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 3_600 } })
  for (const name of ['a', 'b', 'c']) await stage.file(name)
  const running = await stage.start()
  const document = representation([
    entry('{root[work]}/a', inArray({ name: 'gdrive', paused: true })),
    entry('{root[work]}/b', inArray('gdrive')),
    entry('{root[work]}/c', inObject({ gdrive: { paused: true, tries: 1, error: 'e', last_failed_dt: T0 } })),
  ])
  await stage.insert(document)
  await stage.synced(document, { file: 1 })
  await stage.settle(running)
  expect((await stage.read(document))?.files.filter((_, n) => n !== 1)).toEqual(document.files.filter((_, n) => n !== 1))
  const others = recordOf((await stage.read(document))?.files[1], 'gdrive')

  await update(stage, document, { $unset: { 'files.0.sites.1.paused': '' } })
  await stage.synced(document)
  expect(await stage.record(document, { file: 2 })).toEqual(recordOf(document.files[2], 'gdrive'))
  // What had failed before it was paused is due at once, too.
  await update(stage, document, { $set: { 'files.2.sites.gdrive.paused': false } })
  await stage.synced(document, { file: 2 })
  expect(await stage.record(document, { file: 1 })).toEqual(others)
  await running.stop()
})

test('case 41: paused during the upload it stops within a piece, spends no try, and goes on from there afterwards', async () => {
  const stage = await Stage.open()
  const spy = stage.spy()
  spy.chunkBytes = 1_000
  await stage.file('big', Buffer.alloc(20_000, 'x'))
  const middle = Promise.withResolvers<void>()
  spy.gate = async ({ verb, bytes }) => {
    if (verb === 'chunk' && bytes === 7_000) await middle.promise
  }
  const running = await stage.start()
  const document = representation([entry('{root[work]}/big', inArray('gdrive'))])
  await stage.insert(document)
  await waitFor('the middle of the upload', () => spy.calls.chunk === 8)
  await update(stage, document, { $set: { 'files.0.sites.1.paused': true } })
  const released = await running.lines.until('transfer.released')
  expect(released.message).toContain('paused')
  expect(spy.calls.chunk).toBe(8)
  middle.resolve()
  spy.gate = undefined
  expect(await stage.record(document)).toEqual({ name: 'gdrive', paused: true })
  await update(stage, document, { $unset: { 'files.0.sites.1.paused': '' } })
  await stage.synced(document)
  // Not a byte was sent twice.
  expect(spy.bytesWritten).toBe(20_000)
  expect(spy.store.get('/My Drive/w/big')?.length).toBe(20_000)
  await running.stop()
})

test('case 46: with one slot the more urgent goes first, and what is made urgent while it waits overtakes', async () => {
  const stage = await Stage.open({ sites: [{ name: 'gdrive', concurrency: 1 }, { name: 'nas' }] })
  const running = await stage.start()
  const documents = new Map<string, Representation>()
  const publish = async (name: string, priority?: number): Promise<void> => {
    documents.set(name, await stage.publish(name, priority === undefined ? {} : { priority }))
  }
  stage.spy().hold()
  await publish('blocker')
  await waitFor('the first upload', () => stage.spy().writes.now === 1 && running.lines.count('transfer.started') > 0)
  for (const [name, priority] of [['ten', 10], ['plain'], ['ninety', 90], ['raised', 10]] as const) await publish(name, priority)
  await stage.fence({ site: 'nas' })
  await update(stage, documents.get('raised') as Representation, { $set: { 'files.0.sites.1.priority': 99 } })
  await stage.fence({ site: 'nas' })
  stage.spy().release()
  for (const document of documents.values()) await stage.synced(document)
  expect(stage.spy().uploads.map((path) => path.split('/').at(-1))).toEqual(['blocker', 'raised', 'ninety', 'plain', 'ten'])
  await running.stop()
})
