import { expect, test } from 'vitest'

import { EventStream } from '../support/event-stream.ts'
import { addressOf, ask, HTTP, open } from '../support/http-client.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const QUIET = { loopDelaySeconds: 3_600 }
const CHUNK = 65_536

interface Flow {
  readonly site: string
  readonly bytes: readonly number[]
}
interface Ended {
  readonly id: string
  readonly path: string
  readonly outcome: string
}

const sum = (flows: readonly Flow[]) => flows.map(({ site, bytes }) => [site, bytes.reduce((total, each) => total + each, 0)])
const arrived = (throughput: unknown) => Number(sum(throughput as readonly Flow[])[0]?.[1])

test(
  'the last hour of all instances: of one without HTTP, of one that is gone, and of the one that is asked',
  { timeout: 90_000 },
  async () => {
    const stage = await Stage.open({ settings: { ...QUIET, http: HTTP } })
    const viewer = await stage.start({ settings: { ...stage.settings, serve: ['studio'] } })
    const address = await addressOf(viewer)
    const list = async (path: string) => (await ask(address, path)).body['items']
    expect([await list('/api/v1/throughput'), await list('/api/v1/recent')]).toEqual([[], []])

    const worker = await stage.start({ settings: { ...stage.settings, http: undefined as never } })
    await stage.synced(await stage.publish('a.ma'))
    const recent = async () => (await list('/api/v1/recent')) as readonly Ended[]
    await waitFor('what the worker did', async () => (await recent()).length === 1, { withinMs: 30_000 })
    expect(await recent()).toEqual([
      expect.objectContaining({ project: PROJECT, path: '{root[work]}/a.ma', site: 'gdrive', source: 'studio', outcome: 'synced' }),
    ])
    await worker.stop()
    const before = sum((await list('/api/v1/throughput')) as readonly Flow[])
    await viewer.stop()

    const alone = await stage.start()
    const again = await addressOf(alone)
    const stream = new EventStream(await open(again, '/api/v1/events'))
    const { data: snapshot } = await stream.until('snapshot')
    expect(sum(snapshot['throughput'] as readonly Flow[])).toEqual(before)
    expect((snapshot['ended'] as readonly Ended[]).map(({ path }) => path)).toEqual(['{root[work]}/a.ma'])
    await stage.publish('c.ma')
    const { data } = await stream.until('activity', ({ ended }) => (ended as readonly Ended[]).some(({ path }) => path.endsWith('c.ma')), {
      withinMs: 20_000,
    })
    expect((data['ended'] as readonly Ended[]).map(({ path }) => path)).toEqual(['{root[work]}/c.ma'])
    stream.close()
    await alone.stop()
  },
)

test('where nobody has HTTP on, nothing is written of it', async () => {
  const stage = await Stage.open({ settings: QUIET })
  const running = await stage.start()
  await stage.synced(await stage.publish('a.ma'))
  await running.stop()
  expect(await stage.state.collection('activity').countDocuments()).toBe(0)
})

test('a large file counts while it is being sent', { timeout: 60_000 }, async () => {
  const stage = await Stage.open({ settings: { ...QUIET, http: HTTP } })
  const running = await stage.start()
  const stream = new EventStream(await open(await addressOf(running), '/api/v1/events'))
  await stream.until('snapshot')
  const spy = stage.spy()
  spy.chunkBytes = CHUNK
  const rest = Promise.withResolvers<void>()
  spy.gate = async ({ verb, bytes }) => {
    if (verb === 'chunk' && bytes >= 4 * CHUNK) await rest.promise
  }
  await stage.file('a.mov', Buffer.alloc(8 * CHUNK, 'x'))
  const large = representation([entry('{root[work]}/a.mov', inArray('gdrive'))])
  await stage.insert(large)
  await stream.until('speeds', ({ speeds }) => JSON.stringify(speeds).includes('gdrive'))
  await stream.until('activity', ({ throughput }) => arrived(throughput) >= 3 * CHUNK, { withinMs: 20_000 })
  rest.resolve()
  await stage.synced(large)
  const whole = await stream.until('activity', ({ throughput }) => arrived(throughput) >= 8 * CHUNK, { withinMs: 20_000 })
  expect(arrived(whole.data['throughput'])).toBe(8 * CHUNK)
  stream.close()
  await running.stop()
})
