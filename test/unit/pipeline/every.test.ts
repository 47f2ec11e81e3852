import { expect, test } from 'vitest'

import { every } from '../../../src/pipeline/every.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'

/** Times at which it was done; each takes so long. */
function ticking(clock: FakeClock, ms: number, takesMs = 0): { readonly times: number[]; readonly stop: () => void } {
  const times: number[] = []
  const stop = every(clock, ms, async () => {
    times.push(clock.now())
    if (takesMs > 0) await new Promise<void>((resolve) => clock.after(takesMs, resolve))
  })
  return { times, stop }
}

test('it is done every so often, for the first time after that long, until it is told to stop', async () => {
  const clock = new FakeClock()
  const { times, stop } = ticking(clock, 10)
  expect(times).toEqual([])
  await clock.advance(35)
  stop()
  await clock.advance(100)
  expect(times).toEqual([10, 20, 30])
  expect(clock.alarms).toBe(0)
})

test('one that takes long is not overtaken: the time counts from its end', async () => {
  const clock = new FakeClock()
  const { times, stop } = ticking(clock, 10, 25)
  await clock.advance(100)
  expect(times).toEqual([10, 45, 80])
  stop()
})

test('it may be told to stop before the first, and more than once', async () => {
  const clock = new FakeClock()
  const { times, stop } = ticking(clock, 10)
  stop()
  stop()
  await clock.advance(100)
  expect([times, clock.alarms]).toEqual([[], 0])
})

test('told to stop in the middle of one, it does not begin another', async () => {
  const clock = new FakeClock()
  const { promise, resolve } = Promise.withResolvers<void>()
  let begun = 0
  const stop = every(clock, 10, async () => {
    begun++
    await promise
  })
  await clock.advance(10)
  stop()
  resolve()
  await settle()
  await clock.advance(100)
  expect([begun, clock.alarms]).toEqual([1, 0])
})
