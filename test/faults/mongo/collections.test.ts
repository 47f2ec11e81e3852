import type { Document } from 'mongodb'
import { expect, test } from 'vitest'

import { entry, inArray, representation, wanted, type Representation } from '../../support/published.ts'
import { PROJECT, Stage, type Running } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'

const QUIET = { settings: { loopDelaySeconds: 3_600 } }

/** A publish in a collection of its own. */
async function publishIn(stage: Stage, project: string, path: string): Promise<Representation> {
  await stage.file(path)
  const document = wanted(`{root[work]}/${path}`)
  await stage.project(project).insertOne(document)
  return document
}

const names = async (stage: Stage): Promise<string[]> =>
  (await stage.db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).toSorted()

/** Share of one core that this process uses until `work` is done. */
async function busyDuring(work: Promise<unknown>): Promise<number> {
  const [since, cpu] = [performance.now(), process.cpuUsage()]
  await work
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / 1_000 / (performance.now() - since)
}

/** What happens to the collection of a project while one of its files is being sent. */
const UPHEAVALS: Readonly<Record<string, (stage: Stage) => Promise<unknown>>> = {
  dropped: async (stage) => await stage.project().drop(),
  renamed: async (stage) => await stage.project().rename('renamed'),
  'dropped and made anew': async (stage) => {
    await stage.project().drop()
    await stage.db.createCollection(PROJECT)
  },
}

test.each(Object.entries(UPHEAVALS))(
  'a project is %s during an upload: the others go on, nothing is made again, and the new one is served',
  async (what, upheaval) => {
    const stage = await Stage.open({ ...QUIET, sites: [{ name: 'gdrive', concurrency: 8 }] })
    const running = await stage.start()
    stage.spy().hold()
    const document = await stage.publish('during.ma')
    const others = [await publishIn(stage, 'other', 'other/0'), await publishIn(stage, 'other', 'other/1')]
    await waitFor('the uploads', () => stage.spy().writes.now === 3 && running.lines.count('transfer.started') === 3)
    await waitFor('the indexes of both', () => running.lines.count('database.index') === 2)
    await upheaval(stage)
    const after = await names(stage)
    // Nobody asks for a file whose document is gone: its upload does not go on to its end.
    await running.lines.until(what === 'renamed' ? 'transfer.released' : 'transfer.dropped')
    stage.spy().release()
    for (const other of others) await stage.synced(other, { project: 'other' })
    if (what === 'renamed') await stage.synced(document, { project: 'renamed' })
    expect(stage.spy().store.get('/My Drive/w/during.ma') !== undefined).toBe(what === 'renamed')
    await stage.settle(running, 'other')
    expect(await names(stage)).toEqual(after)
    expect(await stage.project().countDocuments()).toBe(0)
    // A project of that name again: its publishes are found, and its scans do not read everything.
    const again = await publishIn(stage, PROJECT, 'again.ma')
    await stage.synced(again)
    await waitFor('its indexes', async () => (await stage.project().indexes()).length === 5)
    expect(await stage.project().countDocuments()).toBe(1)
    expect(running.lines.of('service.unexpected', 'transfer.failed', 'stream.lost', 'database.index_failed')).toEqual([])
    await running.stop()
  },
)

test('another collection is put in the place of a project during an upload: that ends, and the new one is served, with its indexes', async () => {
  const stage = await Stage.open({ settings: { ...QUIET.settings, projects: { include: ['*'], exclude: ['made'], overrides: new Map() } } })
  const running = await stage.start()
  stage.spy().hold()
  await stage.publish('during.ma')
  await waitFor('the upload', () => stage.spy().writes.now === 1 && running.lines.count('transfer.started') === 1)
  await waitFor('the indexes', () => running.lines.count('database.index') === 1)
  const instead = await publishIn(stage, 'made', 'instead.ma')
  await stage.project('made').rename(PROJECT, { dropTarget: true })
  await running.lines.until('transfer.dropped')
  stage.spy().release()
  await stage.synced(instead)
  await waitFor('its indexes', async () => (await stage.project().indexes()).length === 5)
  expect(stage.spy().store.get('/My Drive/w/during.ma')).toBeUndefined()
  await running.stop()
})

test('the whole database is dropped during an upload: the stream is opened again, nothing spins, and what comes then is served', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 1 } })
  const running = await stage.start()
  stage.spy().hold()
  await stage.publish('during.ma')
  await waitFor('the upload', () => stage.spy().writes.now === 1 && running.lines.count('transfer.started') > 0)
  await waitFor('the indexes', () => running.lines.count('database.index') === 1)
  await stage.db.dropDatabase()
  stage.spy().release()
  await running.lines.until('transfer.dropped')
  await running.lines.until('stream.opened', 2)
  expect(await busyDuring(running.lines.scanned(2))).toBeLessThan(0.5)
  expect(await names(stage)).toEqual([])
  const after = await stage.publish('after.ma')
  await stage.synced(after)
  await waitFor('its indexes', async () => (await stage.project().indexes()).length === 5)
  await stage.settle(running)
  expect([running.lines.count('stream.opened'), running.lines.count('stream.lost')]).toEqual([2, 1])
  await running.stop()
})

/** A representation of so many bytes at most; MongoDB takes 16 MiB. */
function huge(path: string, bytes: number): Representation {
  return representation([entry(`{root[work]}/${path}`, inArray('gdrive'))], { ballast: 'x'.repeat(bytes) })
}

test('documents of almost 16 MB, and updates as large again: they are synced, and so is the next', async () => {
  const stage = await Stage.open(QUIET)
  const running = await stage.start()
  await stage.file('huge.ma')
  const document = huge('huge.ma', 15.9 * 1_048_576)
  await stage.insert(document)
  await stage.synced(document)
  // The change and the document after it together are more than any event may hold.
  await stage.file('grown.ma')
  const grown = huge('grown.ma', 100)
  await stage.insert({ ...grown, type: 'other' })
  const update: Document = { $set: { ballast: 'y'.repeat(15.5 * 1_048_576), type: 'representation' } }
  await stage.db.collection(PROJECT).updateOne({ _id: grown._id }, update)
  await stage.synced(grown)
  await stage.db.collection(PROJECT).updateOne({ _id: document._id }, { $set: { ballast: 'z'.repeat(15.8 * 1_048_576) } })
  const next = await stage.publish('next.ma')
  await stage.synced(next)
  await stage.settle(running)
  expect(stage.spy().uploads.filter((path) => !path.includes('fence'))).toHaveLength(3)
  expect(running.lines.of('stream.lost', 'stream.unavailable', 'service.unexpected', 'transfer.failed')).toEqual([])
  await running.stop()
})

test('a page of a scan full of huge documents is read, and all of them are synced', async () => {
  const stage = await Stage.open({ ...QUIET, sites: [{ name: 'gdrive', concurrency: 4 }] })
  const documents: Representation[] = []
  for (let n = 0; n < 6; n++) {
    await stage.file(`${n}`)
    documents.push(huge(`${n}`, 15 * 1_048_576))
    await stage.insert(documents[n] as Representation)
  }
  const running: Running = await stage.start()
  for (const document of documents) await stage.synced(document)
  expect(stage.spy().uploads).toHaveLength(6)
  await running.stop()
})
