import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { Line } from '../../../src/pipeline/line.ts'
import { ThrottledProvider } from '../../../src/pipeline/throttled-provider.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { MemoryProvider } from '../../support/memory-provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { permitOf } from '../../support/permits.ts'

const RATE = 100_000
const CHUNK = 50_000
const content = Buffer.alloc(20 * CHUNK, 'x')
const at = { root: '/r', path: 'f' }

function rig() {
  const clock = new FakeClock()
  const inner = new MemoryProvider({ name: 'site', provider: 'memory', root: '/r', alternativeSites: [] }, { chunkBytes: CHUNK })
  const provider = new ThrottledProvider(inner, new Line({ clock, bandwidth: RATE, sharers: () => 1 }))
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
