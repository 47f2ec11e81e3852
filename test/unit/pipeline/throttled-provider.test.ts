import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import type { Bandwidth } from '../../../src/model/bandwidth.ts'
import { Line } from '../../../src/pipeline/line.ts'
import { ThrottledProvider } from '../../../src/pipeline/throttled-provider.ts'
import { FakeClock, settle, START } from '../../support/fake-clock.ts'
import { MemoryProvider } from '../../support/memory-provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { permitOf } from '../../support/permits.ts'

const RATE = 100_000
const CHUNK = 50_000
const content = Buffer.alloc(20 * CHUNK, 'x')
const at = { root: '/r', path: 'f' }

function rig(bandwidth: Bandwidth = RATE, chunkBytes = CHUNK) {
  const clock = new FakeClock()
  const inner = new MemoryProvider({ name: 'site', provider: 'memory', root: '/r', alternativeSites: [] }, { chunkBytes })
  const provider = new ThrottledProvider(inner, new Line({ clock, bandwidth, sharers: () => 1 }))
  const controller = new AbortController()
  return { clock, inner, provider, controller, signal: controller.signal }
}

/** In small steps, with time for streams in each. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    for (let turns = 0; turns < 4; turns++) await settle()
    await clock.advance(50)
  }
  for (let turns = 0; turns < 4; turns++) await settle()
}

test('what is read comes as fast as the line bears, and no more than a chunk or two is held on the way', async () => {
  const { clock, inner, provider, signal } = rig()
  inner.store.put('/r/f', content)
  const stream = await provider.read(at, { signal })
  let came = 0
  stream.on('data', (piece: Buffer) => {
    came += piece.length
  })
  for (let seconds = 1; seconds <= 5; seconds++) {
    await pass(clock, 1_000)
    expect(came).toBeLessThanOrEqual(seconds * RATE + RATE / 2)
    expect(came).toBeGreaterThan((seconds - 1) * RATE)
    expect(inner.bytes.read - came).toBeLessThanOrEqual(6 * CHUNK)
  }
  await pass(clock, 10_000)
  expect(came).toBe(content.length)
})

test('who stops reading stops the site, and leaves nothing that waits', async () => {
  const { clock, inner, provider, signal } = rig()
  inner.store.put('/r/f', content)
  const stream = await provider.read(at, { signal })
  stream.resume()
  await pass(clock, 1_000)
  const { read } = inner.bytes
  stream.destroy()
  await settle()
  await pass(clock, 10_000)
  expect(clock.alarms).toBe(0)
  expect(inner.bytes.read - read).toBeLessThanOrEqual(CHUNK)
})

test('what is written goes as fast as the line bears, and ends at once when it is told to', async () => {
  const { clock, inner, provider, controller, signal } = rig()
  const source = memorySource(content, { chunkBytes: CHUNK })
  const writing = provider.write(at, source, { signal, permit: permitOf(), onProgress: () => undefined })
  writing.catch(() => undefined)
  await pass(clock, 4_000)
  expect(inner.bytes.written).toBeGreaterThan(3 * RATE - CHUNK)
  expect(inner.bytes.written).toBeLessThanOrEqual(4 * RATE + RATE / 2)
  controller.abort()
  await expect(writing).rejects.toMatchObject({ code: 'ABORTED' })
  const { written } = inner.bytes
  await pass(clock, 10_000)
  expect([inner.bytes.written, clock.alarms]).toEqual([written, 0])
})

/** So long after the start of the test's clock, in minutes of the day. */
function minutesOf(ms: number): number {
  const time = new Date(START.getTime() + ms)
  return time.getHours() * 60 + time.getMinutes()
}

describe('a time of the day with another limit reaches a running transfer within a piece of a quarter of a second', () => {
  const MINUTE_MS = 60_000
  /** From the start of the test's clock to the next full minute. */
  const beginsAt = MINUTE_MS - (START.getTime() % MINUTE_MS)
  /** A minute of it, between times at the usual rate. */
  const bandwidthWith = (limit: number): Bandwidth => [
    { from: minutesOf(beginsAt), to: minutesOf(beginsAt + MINUTE_MS), limit },
    { from: 0, to: 24 * 60, limit: RATE },
  ]
  const piece = RATE / 4
  const large = Buffer.alloc(2_000_000, 'x')

  /** What has gone by, in bytes. */
  async function reading({ inner, provider, signal }: ReturnType<typeof rig>): Promise<() => number> {
    inner.store.put('/r/f', large)
    const stream = await provider.read(at, { signal })
    let came = 0
    stream.on('data', (chunk: Buffer) => (came += chunk.length))
    stream.on('error', () => undefined)
    return () => came
  }

  async function writing({ inner, provider, signal }: ReturnType<typeof rig>): Promise<() => number> {
    const source = memorySource(large)
    provider.write(at, source, { signal, permit: permitOf(), onProgress: () => undefined }).catch(() => undefined)
    return await Promise.resolve(() => inner.bytes.written)
  }

  test.each([
    ['read, slower', reading, RATE / 10],
    ['read, closed', reading, 0],
    ['written, slower', writing, RATE / 10],
    ['written, closed', writing, 0],
  ])('%s', async (_, transfer, limit) => {
    const parts = rig(bandwidthWith(limit), 1_000)
    const { clock, controller } = parts
    // What is looked at once a second is so at half a second before and after.
    await clock.advance(beginsAt - 2_500)
    const gone = await transfer(parts)
    await pass(clock, 2_500)
    const before = gone()
    expect(before).toBeGreaterThanOrEqual(2.5 * RATE - piece)
    await pass(clock, 1_000)
    const inFirst = gone() - before
    // What was asked for at the former rate, and a quarter of a second in store.
    expect(inFirst).toBeLessThanOrEqual(limit + limit / 4 + piece)
    await pass(clock, MINUTE_MS - 1_050)
    const during = gone() - before
    expect(during).toBeGreaterThanOrEqual(limit * 60 - piece)
    expect(during).toBeLessThanOrEqual(limit * 60 + limit / 4 + piece)
    await pass(clock, 1_050)
    expect(gone() - before - during).toBeGreaterThanOrEqual(RATE - piece)
    controller.abort()
    await pass(clock, 1_000)
    expect(clock.alarms).toBe(0)
  })
})

test('the file system copies nothing past the line', async () => {
  const { inner, provider, clock, signal } = rig()
  const path = join(tmpdir(), `throttled-${process.pid}`)
  const file = await open(path, 'w')
  try {
    const seen: unknown[] = []
    inner.write = async (_, source) => {
      seen.push(await source.openFile?.(signal))
      return Promise.resolve({ id: 'f', size: 0 })
    }
    const source = { ...memorySource('x'), openFile: async () => Promise.resolve(file) }
    await provider.write(at, source, { signal, permit: permitOf(), onProgress: () => undefined })
    expect([seen, await provider.openFile(at, { signal }), clock.alarms]).toEqual([[undefined], undefined, 0])
  } finally {
    await file.close()
    await rm(path)
  }
})

test('the checksum of what is stored is read no faster, unless the site keeps it', async () => {
  const { clock, inner, provider, signal } = rig()
  inner.store.put('/r/f', content)
  const there = await provider.stat(at, { signal })
  if (!there) throw new Error('not there')
  expect(await provider.checksum(at, there, { signal })).toBe(there.checksum?.value)
  expect(inner.bytes.read).toBe(0)
  const { checksum, ...withoutChecksum } = there
  let value: string | undefined
  const reading = provider.checksum(at, withoutChecksum, { signal }).then((read) => (value = read))
  await pass(clock, 8_000)
  expect(value).toBeUndefined()
  await pass(clock, 4_000)
  await reading
  expect(value).toBe(checksum?.value)
})

test('what the storage calls its root is known, so that a place with two names is found to be one', async () => {
  const { inner, provider, signal } = rig()
  inner.identify = async (root) => Promise.resolve(`place of ${root}`)
  expect(await provider.identify('/r', { signal })).toBe('place of /r')
})
