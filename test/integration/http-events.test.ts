import { expect, onTestFinished, test } from 'vitest'

import { EventStream } from '../support/event-stream.ts'
import { accessTokens } from '../../src/streams/access-tokens.ts'
import { failCommand } from '../support/fail-command.ts'
import { addressOf, ask, HTTP, newToken, open } from '../support/http-client.ts'
import { entry, inArray, representation, T0 } from '../support/published.ts'
import { PROJECT, Stage, type Running } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const QUIET = { http: HTTP, loopDelaySeconds: 3_600 }
const CHUNK = 65_536

interface Served {
  readonly stage: Stage
  readonly running: Running
  readonly address: string
  readonly look: () => Promise<EventStream>
}

async function serve(settings = {}): Promise<Served> {
  const stage = await Stage.open({ sites: [{ name: 'nas' }], settings: { ...QUIET, ...settings } })
  const running = await stage.start()
  const address = await addressOf(running)
  return { stage, running, address, look: async () => new EventStream(await open(address, '/api/v1/events')) }
}

interface Moving {
  readonly path: string
  readonly site: string
  readonly bytes: number
  readonly size: number
}

test('a snapshot, then what changes: progress, records, sites, pauses; at most four a second of a file', async () => {
  const { stage, running, address, look } = await serve()
  const message = await open(address, '/api/v1/events')
  expect(message.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
    'cache-control': 'no-store',
  })
  message.destroy()
  const stream = await look()
  const { data: snapshot } = await stream.until('snapshot')
  expect(Object.keys(snapshot)).toEqual(expect.arrayContaining(['instances', 'pauses', 'sites', 'running']))

  const spy = stage.spy()
  spy.chunkBytes = CHUNK
  const chunk = Promise.withResolvers<void>()
  spy.gate = async ({ verb, bytes }) => {
    if (verb === 'chunk' && bytes >= 4 * CHUNK) await chunk.promise
  }
  await stage.file('a.mov', Buffer.alloc(8 * CHUNK, 'x'))
  const document = representation([entry('{root[work]}/a.mov', inArray('gdrive'))])
  await stage.insert(document)
  const id = String(document._id)
  const has = (data: Record<string, unknown>, state: string) =>
    (data['items'] as { id: string; sites: { site: string; state: string }[] }[]).some(
      (item) => item.id === id && item.sites.some((at) => at.site === 'gdrive' && at.state === state),
    )
  await stream.until('representations', (data) => has(data, 'pending'))
  const moving = await stream.until('running', (data) => (data['running'] as Moving[]).some(({ bytes }) => bytes > 0))
  expect((moving.data['running'] as Moving[])[0]).toMatchObject({
    path: '{root[work]}/a.mov',
    site: 'gdrive',
    size: 8 * CHUNK,
    representation: id,
    project: PROJECT,
  })
  chunk.resolve()
  await stream.until('running', (data) => (data['ended'] as string[]).length > 0)
  await stream.until('representations', (data) => has(data, 'synced'))
  const times = stream.of('running').map(({ at }) => at)
  const within = times.map((at) => times.filter((other) => other >= at && other < at + 950).length)
  expect(Math.max(...within)).toBeLessThanOrEqual(5)

  await stage.project().deleteOne({ _id: document._id })
  await stream.until('representations', (data) => (data['gone'] as { id: string }[]).some((gone) => gone.id === id))
  await stage.state
    .collection('controls')
    .insertOne({ kind: 'pause', database: stage.db.databaseName, site: 'nas', who: 'anna', since: T0 })
  await stream.until('sites', (data) => (data['pauses'] as object[]).length === 1)
  stream.close()
  await running.stop()
})

test(
  'who begins to look is told how things are when changes can be told, so that nothing is missed in between',
  { timeout: 60_000 },
  async () => {
    const { stage, running, look } = await serve()
    const { client } = stage.db
    const failing = { commands: ['aggregate'], failure: 6, namespace: `${stage.db.databaseName}.$cmd.aggregate` }
    const off = await failCommand(client, failing)
    onTestFinished(off)
    const stream = await look()
    await stage.synced(await stage.publish('early.ma'))
    expect(stream.of('snapshot')).toEqual([])
    await off()
    await stream.until('snapshot', undefined, { withinMs: 30_000 })
    const later = await stage.publish('later.ma')
    await stream.until('representations', (data) => (data['items'] as { id: string }[]).some(({ id }) => id === String(later._id)))
    // Nobody is asked to read again what was read just now.
    expect(stream.of('reload')).toEqual([])
    stream.close()
    await running.stop()
  },
)

test('what another instance has under way is told as well, as long as somebody looks', { timeout: 60_000 }, async () => {
  const { stage, running, look } = await serve({ serve: ['studio'] })
  const worker = await stage.start({ settings: { ...stage.settings, serve: ['*'], http: undefined as never } })
  stage.spy().hold()
  await stage.publish('a.ma')
  await worker.lines.until('transfer.started')
  const reports = async () => await stage.state.collection('instances').find().toArray()
  expect((await reports()).some((report) => 'running' in report || 'watched' in report)).toBe(false)
  const stream = await look()
  await stream.until('running', (data) => (data['running'] as Moving[]).some(({ site }) => site === 'gdrive'), { withinMs: 30_000 })
  stage.spy().release()
  await stream.until('running', (data) => (data['ended'] as string[]).length > 0)
  stream.close()
  await waitFor('the end of telling', async () => (await reports()).every((report) => !('running' in report)), { withinMs: 30_000 })
  await worker.stop()
  await running.stop()
})

test('who does not keep up is told nothing until he does, and then how things are', { timeout: 90_000 }, async () => {
  const { stage, running, address, look } = await serve({ serve: ['studio'] })
  const [slow, quick] = [await look(), await look()]
  await slow.until('snapshot')
  await quick.until('snapshot')
  slow.pause()
  const files = Array.from({ length: 5 }, (_, n) => entry(`{root[work]}/${n}.ma`, inArray({ name: 'gdrive', error: 'x'.repeat(20_000) })))
  const sent = (): number => JSON.stringify(quick.of('representations').map(({ data }) => data)).length
  const documents = Array.from({ length: 100 }, (_, n) => representation(files, { name: `${n} ${'y'.repeat(5_000)}` }))
  await stage.insert(...documents)
  await waitFor(
    'more than any buffer holds',
    async () => {
      await stage
        .project()
        .updateMany({}, [
          { $set: { note: '$$NOW', files: { $map: { input: '$files', in: { $mergeObjects: ['$$this', { n: '$$NOW' }] } } } } },
        ])
      return sent() > 24 * 1_048_576
    },
    { withinMs: 60_000, seen: sent },
  )
  expect((await ask(address, '/api/v1/status')).status).toBe(200)
  slow.resume()
  await waitFor('a second snapshot', () => slow.of('snapshot').length > 1)
  expect(JSON.stringify(slow.events).length).toBeLessThan(sent())
  slow.close()
  quick.close()
  await running.stop()
})

test('a stream ends when its token is revoked', { timeout: 60_000 }, async () => {
  const { stage, running, address } = await serve({ http: { ...HTTP, anonymousRead: false } })
  expect((await ask(address, '/api/v1/events')).status).toBe(401)
  const [token, other] = [await newToken(stage, 'read', 'one'), await newToken(stage, 'read', 'other')]
  const [ending, staying] = [
    new EventStream(await open(address, '/api/v1/events', { token })),
    new EventStream(await open(address, '/api/v1/events', { token: other })),
  ]
  await ending.until('snapshot')
  await accessTokens(stage.state).revoke('one')
  await waitFor('the end of the stream', () => ending.isEnded, { withinMs: 40_000 })
  expect(staying.isEnded).toBe(false)
  staying.close()
  await running.stop()
})
