import { ObjectId } from 'mongodb'
import { expect, test } from 'vitest'

import { EventStream } from '../support/event-stream.ts'
import { addressOf, ask, HTTP, open } from '../support/http-client.ts'
import { entry, inArray, inObject, representation, T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const QUIET = { http: HTTP, loopDelaySeconds: 3_600 }
const THERE = { created_dt: T0 }

const file = (n: number, sites: object) => entry(`{root[work]}/${n}.exr`, sites)

async function serve(settings = {}) {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { ...QUIET, ...settings } })
  const running = await stage.start()
  const address = await addressOf(running)
  const list = async (query: string) => {
    const { body } = await ask(address, `/api/v1/transfers?${query}`)
    return (body['items'] as { id: string }[]).map(({ id }) => id)
  }
  const totals = async () => (await ask(address, '/api/v1/projects')).body['totals']
  return { stage, running, address, list, totals }
}

test('"whole" is what has no open record and one at least that says it is there; it is counted so, too', async () => {
  const { stage, running, list, totals } = await serve({ serve: ['studio'] })
  const documents = {
    array: representation([file(1, inArray({ name: 'gdrive', ...THERE }))]),
    object: representation([file(2, inObject({ gdrive: THERE }))]),
    studioOnly: representation([file(3, inArray())]),
    half: representation([file(4, inArray({ name: 'gdrive', ...THERE })), file(5, inArray('gdrive'))]),
    paused: representation([file(6, inObject({ gdrive: { paused: true } }))]),
    exhausted: representation([file(7, inArray({ name: 'gdrive', tries: 3, error: 'x' }))]),
    unknownSite: representation([file(8, inArray({ name: 'elsewhere' }))]),
    nothing: representation('nonsense', { type: 'representation' }),
  }
  await stage.insert(...Object.values(documents), representation([], { type: 'version' }))
  const ids = (...of: readonly (keyof typeof documents)[]) => of.map((name) => String(documents[name]._id)).toSorted()
  expect((await list('state=whole')).toSorted()).toEqual(ids('array', 'object', 'studioOnly', 'unknownSite'))
  expect((await list('state=whole&site=gdrive')).toSorted()).toEqual(ids('array', 'object'))
  expect(await totals()).toEqual([{ project: 'prj', representations: 8, whole: 4, estimated: false }])
  await running.stop()
})

test('what is being sent now is listed as "syncing", and only that', async () => {
  const { stage, running, list, address } = await serve()
  stage.spy().hold()
  const moving = await stage.publish('a.ma')
  const other = representation([entry('{root[work]}/b.ma', inArray({ name: 'nas', paused: true }))])
  await stage.insert(other)
  await running.lines.until('transfer.started')
  expect(await list('state=syncing')).toEqual([String(moving._id)])
  expect(await list('state=syncing&site=nas')).toEqual([])
  expect((await ask(address, '/api/v1/transfers?state=syncing,failed')).status).toBe(400)
  stage.spy().release()
  await stage.synced(moving)
  await waitFor('nothing under way', async () => (await list('state=syncing')).length === 0)
  await running.stop()
})

test('a large collection is estimated by a sample, at the cost of a small one', { timeout: 90_000 }, async () => {
  const { stage, running, totals, address } = await serve({ serve: ['studio'] })
  const made = Array.from({ length: 20_000 }, (_, n) => {
    const sites = inArray({ name: 'gdrive', ...(n % 4 === 0 ? { paused: true } : THERE) })
    return {
      ...representation([entry(`{root[work]}/${n}.exr`, sites)]),
      _id: new ObjectId(),
      type: n % 2 === 0 ? 'representation' : 'version',
    }
  })
  await stage.project().insertMany(made)
  await stage.db.command({ profile: 2 })
  const [found] = (await totals()) as { representations: number; whole: number; estimated: boolean }[]
  await stage.db.command({ profile: 0 })
  expect(found?.estimated).toBe(true)
  // Half of all, give or take what a sample of 400 may be wrong by.
  expect(Math.abs(Number(found?.representations) - 10_000)).toBeLessThan(2_500)
  expect(Math.abs(Number(found?.whole) - 5_000)).toBeLessThan(2_500)
  const profiled = await stage.db
    .collection('system.profile')
    .find({ 'command.pipeline.0.$sample': { $exists: true } })
    .toArray()
  expect(profiled.map(({ docsExamined }) => Number(docsExamined) <= 1_000)).toEqual([true])

  const stream = new EventStream(await open(address, '/api/v1/events'))
  const { data } = await stream.until('projects', undefined, { withinMs: 30_000 })
  expect(data['totals']).toEqual([expect.objectContaining({ project: 'prj', estimated: true, representations: found?.representations })])
  stream.close()
  await running.stop()
})
