import { MongoServerError, type Document } from 'mongodb'
import { expect, test } from 'vitest'

import { entry, inArray, inObject, representation, T0, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'

/** A production on sites in memory, of so many documents in which the first half is on `gdrive` already. */
async function produced(count: number, sitesOf: (n: number) => unknown): Promise<Stage> {
  const stage = await Stage.open({
    sites: [
      { name: 'studio', provider: 'memory', root: new Map([['work', '/mnt/w']]) },
      { name: 'gdrive', concurrency: 64 },
    ],
    settings: { loopDelaySeconds: 3_600 },
  })
  const documents: Representation[] = []
  for (let n = 0; n < count; n++) {
    stage.spy('studio').store.put(`/mnt/w/${n}`, `content of ${n}`)
    if (n < count / 2) stage.spy('gdrive').store.put(`/My Drive/w/${n}`, `content of ${n}`)
    documents.push(representation([entry(`{root[work]}/${n}`, sitesOf(n))]))
  }
  await stage.insert(...documents)
  return stage
}

/** How many documents say that the file is there. */
const marked = async (stage: Stage): Promise<number> =>
  await stage.db.collection('prj').countDocuments({
    $or: [
      { 'files.0.sites.gdrive.created_dt': { $exists: true } },
      { 'files.0.sites': { $elemMatch: { name: 'gdrive', created_dt: { $exists: true } } } },
    ],
  })

test('case 39: the documented recipe on object shape: what was there is marked again by its checksum, the rest is sent, each once', async () => {
  const count = 10_000
  const stage = await produced(count, (n) => inObject(n < count / 2 ? { gdrive: { created_dt: T0, id: `memory-${n}` } } : {}))
  const running = await stage.start()
  await running.lines.until('scan.finished')
  const before = process.memoryUsage().rss
  await stage.project().updateMany({ type: 'representation' }, { $set: { 'files.$[].sites.gdrive': {} } })
  await running.lines.until('transfer.succeeded', count, { withinMs: 200_000, seen: () => running.lines.count('transfer.succeeded') })
  expect(await marked(stage)).toBe(count)
  expect(stage.spy().uploads).toHaveLength(count / 2)
  expect(new Set(stage.spy().uploads).size).toBe(count / 2)
  expect((await stage.project().findOne({ 'files.path': '{root[work]}/7' }))?.files[0]?.['sites']).toEqual({
    studio: { created_dt: T0 },
    gdrive: { created_dt: expect.any(Date) as Date, id: expect.any(String) as string },
  })
  // The logger keeps every line of it in memory; the service keeps nothing.
  expect(process.memoryUsage().rss - before).toBeLessThan(500 * 1024 * 1024)
  await running.stop()
  expect(running.lines.of('transfer.failed', 'transfer.dropped')).toEqual([])
}, 240_000)

test('case 39: its twin on array shape: a skeleton is pushed to every file', async () => {
  const count = 10_000
  const stage = await produced(count, () => inArray())
  const running = await stage.start()
  await running.lines.until('scan.finished')
  await stage.db.collection('prj').updateMany({ type: 'representation' }, { $push: { 'files.$[].sites': { name: 'gdrive' } } } as Document)
  await running.lines.until('transfer.succeeded', count, { withinMs: 200_000, seen: () => running.lines.count('transfer.succeeded') })
  expect(await marked(stage)).toBe(count)
  expect(stage.spy().uploads).toHaveLength(count / 2)
  await running.stop()
}, 240_000)

test('case 39: on a collection of both shapes the server ends the recipe midway: what was changed is synced, the rest is as it was', async () => {
  const stage = await produced(40, (n) => (n === 30 ? inArray('nas') : inObject({})))
  const running = await stage.start()
  await running.lines.until('scan.finished')
  const recipe = stage.project().updateMany({ type: 'representation' }, { $set: { 'files.$[].sites.gdrive': {} } })
  await expect(recipe).rejects.toThrow(MongoServerError)
  await running.lines.until('transfer.succeeded', 30)
  stage.spy('studio').store.put('/mnt/w/fence/0', 'x')
  await stage.settle(running)
  const rest = await stage
    .project()
    .find({ 'files.path': { $in: [30, 31, 39].map((n) => `{root[work]}/${n}`) } })
    .toArray()
  expect(rest.map(({ files }) => files[0]?.['sites'])).toEqual([inArray('nas'), inObject({}), inObject({})])
  expect(stage.spy().uploads.filter((path) => !path.includes('fence'))).toHaveLength(10)
  expect(await marked(stage)).toBe(31)
  await running.stop()
})
