import { ObjectId } from 'mongodb'
import { expect, test } from 'vitest'

import { accessTokens } from '../../src/streams/access-tokens.ts'
import { addressOf, ask, HTTP, newToken } from '../support/http-client.ts'
import { entry, inArray, representation, T0, type Representation } from '../support/published.ts'
import { PROJECT, Stage, type Running } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

/** Long enough that nothing is found by looking again and again. */
const QUIET = { http: HTTP, loopDelaySeconds: 3_600 }

async function serve(settings = {}): Promise<{ stage: Stage; running: Running; address: string }> {
  const stage = await Stage.open({ settings: { ...QUIET, ...settings } })
  const running = await stage.start()
  return { stage, running, address: await addressOf(running) }
}

const path = ({ _id }: Pick<Representation, '_id'>, query: string): string =>
  `/api/v1/representations/${PROJECT}/${String(_id)}/wait?${query}`

test('200 as soon as all files of a sequence are at the site', async () => {
  const { stage, running, address } = await serve()
  stage.spy().hold()
  await Promise.all([0, 1, 2].map(async (n) => stage.file(`${n}.exr`)))
  const document = representation([0, 1, 2].map((n) => entry(`{root[work]}/${n}.exr`, inArray('gdrive'))))
  await stage.insert(document)
  const waiting = ask(address, path(document, 'site=gdrive&timeout=60'))
  await running.lines.until('transfer.started')
  stage.spy().release()
  expect(await waiting).toMatchObject({
    status: 200,
    body: { id: String(document._id), project: PROJECT, site: 'gdrive', state: 'synced', files: 3 },
  })
  expect(await ask(address, path(document, 'site=gdrive&timeout=0'))).toMatchObject({ status: 200 })
  expect(await ask(address, path(document, 'site=studio'))).toMatchObject({ status: 200 })
  await running.stop()
})

test('a token that is revoked while it waits is told nothing', async () => {
  const { stage, running, address } = await serve()
  const token = await newToken(stage, 'read', 'farm')
  stage.spy().hold()
  const document = await stage.publish('a.ma')
  const waiting = ask(address, path(document, 'site=gdrive&timeout=60'), { token })
  await running.lines.until('transfer.started')
  await accessTokens(stage.state).revoke('farm')
  stage.spy().release()
  expect(await waiting).toMatchObject({ status: 401, body: { detail: expect.stringContaining('revoked') as string } })
  await running.stop()
})

test('409 says why as soon as one is exhausted', async () => {
  const { stage, running, address } = await serve({ retryCount: 1 })
  await stage.file('another.ma')
  const document = representation([entry('{root[work]}/not-there.ma', inArray('gdrive'))])
  await stage.insert(document)
  const answer = await ask(address, path(document, 'site=gdrive&timeout=60'))
  expect([answer.status, answer.type]).toEqual([409, 'application/problem+json; charset=utf-8'])
  expect(answer.body).toMatchObject({
    detail: expect.stringContaining('1 of 1 files') as string,
    files: [{ tries: 1, path: '{root[work]}/not-there.ma' }],
  })
  await running.stop()
})

test('408 when time is over, 404 for what is not there, or not any more; 400 for what can not be meant', async () => {
  const { stage, running, address } = await serve({ serve: ['studio'] })
  const document = representation([
    entry('{root[work]}/a.ma', inArray('gdrive')),
    entry('{root[work]}/b.ma', inArray({ name: 'gdrive', created_dt: T0 })),
  ])
  await stage.insert(document)
  expect(await ask(address, path(document, 'site=gdrive&timeout=0.2'))).toMatchObject({
    status: 408,
    body: { detail: '1 of 2 files are at gdrive; the others are not there yet' },
  })
  expect((await ask(address, path({ _id: new ObjectId() }, 'site=gdrive'))).status).toBe(404)
  for (const query of ['', 'site=nowhere', 'site=gdrive&timeout=x', 'site=gdrive&timeout=-1', 'site=gdrive&timeout=100000']) {
    expect([query, (await ask(address, path(document, query))).status]).toEqual([query, 400])
  }
  const waiting = ask(address, path(document, 'site=gdrive&timeout=60'))
  const other = ask(address, path(document, 'site=gdrive&timeout=60'))
  await stage.project().deleteOne({ _id: document._id })
  expect([(await waiting).status, (await other).status]).toEqual([404, 404])
  await running.stop()
})

test('a thousand who wait cost next to nothing: one stream, and a look at what changed', { timeout: 120_000 }, async () => {
  const { stage, running, address } = await serve({ serve: ['studio'] })
  const documents = Array.from({ length: 100 }, (_, n) => representation([entry(`{root[work]}/${n}.ma`, inArray('gdrive'))]))
  await stage.insert(...documents)
  const asked = { op: 'query', ns: stage.project().namespace, 'command.filter._id': { $exists: true } }
  const reads = async () => await stage.db.collection('system.profile').countDocuments(asked)
  await stage.db.createCollection('system.profile', { capped: true, size: 16 * 1_048_576 })
  await stage.db.command({ profile: 2 })
  const waiting = documents.flatMap((document) =>
    Array.from({ length: 10 }, async () => ask(address, path(document, 'site=gdrive&timeout=100'))),
  )
  const looked = async (): Promise<number | false> => {
    const count = await reads()
    return count >= waiting.length && count
  }
  const before = await waitFor('the first look of each', looked, { withinMs: 60_000, seen: reads })
  const unrelated = representation([entry('{root[work]}/u.ma', inArray('gdrive'))])
  await stage.insert(unrelated)
  for (let n = 0; n < 20; n++) await stage.project().updateOne({ _id: unrelated._id }, { $set: { [`files.0.note${n}`]: n } })
  await stage.project().updateOne({ _id: documents[0]?._id as ObjectId }, { $set: { 'files.0.sites.1.created_dt': T0 } })
  expect((await Promise.all(waiting.slice(0, 10))).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
  // The service looks at what changed as well, and the last who came had their first look; a thousand who asked would be far more.
  expect((await reads()) - before).toBeLessThan(200)
  await stage.db.command({ profile: 0 })

  await stage.project().updateMany({}, { $set: { 'files.0.sites.1.created_dt': T0 } })
  expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([200]))
  await running.stop()
})

test('who waits is answered when the service ends', async () => {
  const { stage, running, address } = await serve({ serve: ['studio'] })
  const document = representation([entry('{root[work]}/a.ma', inArray('gdrive'))])
  await stage.insert(document)
  const waiting = ask(address, path(document, 'site=gdrive&timeout=60')).then(
    ({ status }) => status,
    () => 'closed',
  )
  await ask(address, path(document, 'site=gdrive&timeout=0.1'))
  await running.stop()
  expect([503, 'closed']).toContain(await waiting)
})
