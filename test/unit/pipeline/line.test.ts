import { describe, expect, test } from 'vitest'

import type { Bandwidth } from '../../../src/model/bandwidth.ts'
import { Line } from '../../../src/pipeline/line.ts'
import { FakeClock, settle, START } from '../../support/fake-clock.ts'

const MiB = 1024 ** 2

function rig(bandwidth: Bandwidth, sharers = () => 1) {
  const clock = new FakeClock()
  const line = new Line({ clock, bandwidth, sharers })
  const taken = [0, 0, 0]
  const stop = new AbortController()
  /** A stream that takes all that it may. */
  const stream = async (n: number): Promise<void> => {
    while (!stop.signal.aborted) {
      const { piece } = line
      await line.take(piece, stop.signal)
      if (!stop.signal.aborted) taken[n] = (taken[n] ?? 0) + piece
    }
  }
  return { clock, line, taken, stop, stream, all: () => taken.reduce((sum, each) => sum + each, 0) }
}

/** So long after the start of the test clock, in minutes of the day. */
const minutesAt = (ms: number): number => {
  const time = new Date(START.getTime() + ms)
  return time.getHours() * 60 + time.getMinutes()
}
const MINUTE = 60_000

describe('a rate', () => {
  test.each([10, 1_000, 100_000, 10 * MiB])(
    'of %d bytes per second holds, whatever the number of streams, in even shares',
    async (rate) => {
      const { clock, taken, stop, stream, all } = rig(rate)
      const streams = [0, 1, 2].map(stream)
      await settle()
      await clock.advance(20_000)
      expect(all()).toBeGreaterThan(rate * 20 * 0.95)
      expect(all()).toBeLessThan(rate * 20 * 1.05 + 3 * 65_536)
      expect(Math.max(...taken) - Math.min(...taken)).toBeLessThanOrEqual(65_536)
      stop.abort()
      await Promise.all(streams)
      expect(clock.alarms).toBe(0)
    },
  )

  test('is no store: what was not used is lost', async () => {
    const { clock, stop, stream, all } = rig(1_000)
    await clock.advance(3_600_000)
    const streams = [stream(0)]
    await settle()
    await clock.advance(1_000)
    expect(all()).toBeGreaterThan(900)
    expect(all()).toBeLessThanOrEqual(1_500)
    stop.abort()
    await Promise.all(streams)
  })

  test('is divided by those who share it, as many as there are now', async () => {
    let sharers = 1
    const { clock, stop, stream, all } = rig(100_000, () => sharers)
    const streams = [stream(0)]
    await settle()
    await clock.advance(10_000)
    const alone = all()
    expect([alone > 990_000, alone < 1_060_000]).toEqual([true, true])
    sharers = 4
    await clock.advance(20_000)
    const together = all() - alone
    // The last piece at the former rate is paid for at this one.
    expect([together > 460_000, together < 560_000]).toEqual([true, true])
    stop.abort()
    await Promise.all(streams)
  })

  test('lets no stream be silent for long: pieces are as small as that takes', () => {
    expect(rig(1_000).line.piece).toBe(250)
    expect(rig(1).line.piece).toBe(1)
    expect(rig(1e9).line.piece).toBe(65_536)
    const { line } = rig(1_000)
    const { signal } = new AbortController()
    void line.take(10_000, signal)
    for (let streams = 0; streams < 4; streams++) void line.take(1, signal)
    expect(line.piece).toBe(41)
  })
})

describe('by the time of day', () => {
  test('closed is closed until it is over; the rest of the day there is no limit', async () => {
    const { clock, line } = rig([{ from: minutesAt(2 * MINUTE), to: minutesAt(12 * MINUTE), limit: 0 }])
    const { signal } = new AbortController()
    // No limit: a gigabyte at once.
    await line.take(1e9, signal)
    await clock.advance(5 * MINUTE)
    let isTaken = false
    const taking = line.take(1, signal).then(() => (isTaken = true))
    await clock.advance(6 * MINUTE)
    expect(isTaken).toBe(false)
    await clock.advance(2 * MINUTE)
    expect(isTaken).toBe(true)
    await taking
  })

  test('a debt that was made at one rate is paid at the next', async () => {
    const { clock, line } = rig([
      { from: minutesAt(0), to: minutesAt(2 * MINUTE), limit: 1 },
      { from: 0, to: 24 * 60, limit: 1_000_000 },
    ])
    const { signal } = new AbortController()
    await line.take(65_536, signal)
    let isTaken = false
    const taking = line.take(1, signal).then(() => (isTaken = true))
    // 65,536 seconds at one byte per second; the window is over within two minutes.
    await clock.advance(2 * MINUTE + 1_000)
    expect(isTaken).toBe(true)
    await taking
  })
})

test('who is told to end does so at once, and who waits behind goes on', async () => {
  const { clock, line } = rig(1_000)
  const [first, second] = [new AbortController(), new AbortController()]
  await line.take(10_000, first.signal)
  const ended = line.take(1, first.signal)
  let isTaken = false
  const next = line.take(1, second.signal).then(() => (isTaken = true))
  await clock.advance(1_000)
  first.abort()
  await ended
  expect(isTaken).toBe(false)
  await clock.advance(10_000)
  expect(isTaken).toBe(true)
  await next
})
