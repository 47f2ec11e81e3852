import { EventEmitter } from 'node:events'

import type { Db, Document } from 'mongodb'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { STREAM_TIMING, watchChanges } from '../../../src/streams/change-stream.ts'
import type { StreamEvent } from '../../../src/streams/stream-event.ts'
import { changed, replicaSet } from '../../support/topology-events.ts'

/** A change stream whose answers the test gives. */
class FakeStream extends EventEmitter {
  readonly options: Document
  closed = false
  closes = 0
  resumeToken: unknown
  #asked = Promise.withResolvers<Document | null>()

  constructor(options: Document) {
    super()
    this.options = options
  }

  async tryNext(): Promise<Document | null> {
    this.#asked = Promise.withResolvers()
    return await this.#asked.promise
  }

  async answer(token: string, change: Document | null = null): Promise<void> {
    this.resumeToken = { _data: token }
    this.#asked.resolve(change)
    await vi.advanceTimersByTimeAsync(0)
  }

  async close(): Promise<void> {
    this.closed = true
    this.closes++
    await Promise.resolve()
  }
}

beforeEach(() => {
  vi.useFakeTimers()
  return () => vi.useRealTimers()
})
let leave: (() => void) | undefined
afterEach(() => leave?.())

async function watching() {
  const client = new EventEmitter()
  const streams: FakeStream[] = []
  const db = { client, watch: (_filter: unknown, options: Document) => streams[streams.push(new FakeStream(options)) - 1] }
  const saved: unknown[] = []
  const tokens = {
    load: async () => await Promise.resolve(undefined),
    save: async (token: unknown) => {
      saved.push((token as Readonly<Record<string, string>>)['_data'])
      await Promise.resolve()
    },
  }
  const events: StreamEvent[] = []
  const { events$, finished } = watchChanges(db as unknown as Db, tokens)
  const subscription = events$.subscribe((event) => events.push(event))
  leave = () => subscription.unsubscribe()
  await vi.advanceTimersByTimeAsync(0)
  const turn = async (before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): Promise<void> => {
    client.emit('topologyDescriptionChanged', changed(before, now))
    // No time passes.
    await vi.advanceTimersByTimeAsync(0)
  }
  const stream = (index: number): FakeStream => {
    const found = streams[index]
    if (!found) throw new Error(`there are ${streams.length} streams`)
    return found
  }
  return { client, streams, stream, saved, events, finished, turn, leave }
}

const dropped = { operationType: 'drop', ns: { coll: 'project' } }

const [healthy, aDead] = [replicaSet({ a: 'RSPrimary' }), replicaSet({ a: 'Unknown' })]
const bInstead = replicaSet({ a: 'Unknown', b: 'RSPrimary' })
const kinds = (events: readonly StreamEvent[]) => events.map(({ kind }) => kind)

test('its primary dies: it is opened again where it ended as soon as another is known, with no time in between', async () => {
  const { streams, stream, events, turn } = await watching()
  await stream(0).answer('1')
  await stream(0).answer('2')
  await turn(healthy, aDead)
  expect(streams).toHaveLength(1)
  await turn(aDead, bInstead)
  expect(streams).toHaveLength(2)
  expect(stream(0).closes).toBe(1)
  expect(stream(1).options).toMatchObject({ startAfter: { _data: '2' } })
  await stream(1).answer('3')
  expect(kinds(events)).toEqual(['opened', 'lost', 'resumed'])
  expect(events[1]).toMatchObject({ reason: 'b is primary now, instead of a', historyLost: false })
})

test('what an abandoned stream still says is ignored, and what the driver has opened for it meanwhile is closed', async () => {
  const { stream, events, turn } = await watching()
  await stream(0).answer('1')
  await turn(healthy, bInstead)
  await stream(0).answer('9', dropped)
  expect(stream(0).closes).toBe(2)
  await stream(1).answer('2')
  await turn(bInstead, replicaSet({ b: 'Unknown', c: 'RSPrimary' }))
  expect(stream(2).options).toMatchObject({ startAfter: { _data: '2' } })
  expect(kinds(events)).toEqual(['opened', 'lost', 'resumed', 'lost'])
})

test('its primary steps down, and would go on answering: it is opened at the next one all the same', async () => {
  const { stream, events, turn } = await watching()
  await stream(0).answer('1')
  await turn(healthy, replicaSet({}))
  await stream(0).answer('2')
  await turn(replicaSet({}), replicaSet({ b: 'RSPrimary' }))
  expect(stream(1).options).toMatchObject({ startAfter: { _data: '2' } })
  await stream(1).answer('3')
  expect(kinds(events)).toEqual(['opened', 'lost', 'resumed'])
})

test('nobody says that another is primary: silence is noticed all the same', async () => {
  const { streams, stream, events } = await watching()
  await stream(0).answer('1')
  const { awaitMs, graceMs } = STREAM_TIMING
  await vi.advanceTimersByTimeAsync(awaitMs + graceMs - 1)
  expect(kinds(events)).toEqual(['opened'])
  await vi.advanceTimersByTimeAsync(1)
  expect(kinds(events)).toEqual(['opened', 'lost'])
  // After a pause, since nothing says that another will answer.
  expect(streams).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(STREAM_TIMING.backoffMs[0])
  expect(stream(1).options).toMatchObject({ startAfter: { _data: '1' } })
})

test('primaries that die one after the other cost no place in the stream', async () => {
  const { stream, turn } = await watching()
  await stream(0).answer('1')
  const sets = ['a', 'b', 'c', 'a', 'b', 'c', 'a'].map((name) => replicaSet({ [name]: 'RSPrimary' }))
  const died = ['a', 'b', 'c', 'a', 'b', 'c']
  for (const [n, name] of died.entries()) {
    await turn(sets[n] as Record<string, string>, { ...(sets[n + 1] as Record<string, string>), [name]: 'Unknown' })
    expect(stream(n + 1).options).toMatchObject({ startAfter: { _data: '1' } })
  }
})

test('nothing is left behind when its subscriber leaves', async () => {
  const { client, stream, finished, leave: unsubscribe } = await watching()
  await stream(0).answer('1')
  expect(client.listenerCount('topologyDescriptionChanged')).toBe(1)
  unsubscribe?.()
  await finished
  expect([client.listenerCount('topologyDescriptionChanged'), vi.getTimerCount()]).toEqual([0, 0])
})

/** The stream is answered once a second, so often, each time with another place and no change. */
async function quiet(stream: FakeStream, from: number, seconds: number): Promise<void> {
  for (let n = from; n < from + seconds; n++) {
    await vi.advanceTimersByTimeAsync(1_000)
    await stream.answer(String(n))
  }
}

test('the place is saved at once, and then once a minute while nothing is told: each save moves it on', async () => {
  const { stream, saved, finished, leave: unsubscribe } = await watching()
  await stream(0).answer('0')
  expect(saved).toEqual(['0'])
  await quiet(stream(0), 1, 60)
  expect(saved).toEqual(['0'])
  await quiet(stream(0), 61, 1)
  expect(saved).toEqual(['0', '61'])
  await quiet(stream(0), 62, 3)
  unsubscribe?.()
  await finished
  expect(saved).toEqual(['0', '61', '64'])
})

test('after a change the place is saved soon, and after a stream was opened anew', async () => {
  const { stream, saved, turn } = await watching()
  await stream(0).answer('0')
  await quiet(stream(0), 1, 9)
  await stream(0).answer('change', dropped)
  expect(saved).toEqual(['0', 'change'])
  await stream(0).answer('soon after', dropped)
  await quiet(stream(0), 10, 5)
  expect(saved).toEqual(['0', 'change'])
  await quiet(stream(0), 15, 1)
  expect(saved).toEqual(['0', 'change', '15'])
  await quiet(stream(0), 16, 6)
  await turn(healthy, bInstead)
  await stream(1).answer('anew')
  expect(saved).toEqual(['0', 'change', '15', 'anew'])
})
