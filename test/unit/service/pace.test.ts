import { expect, test } from 'vitest'

import { Pace } from '../../../src/service/verify/pace.ts'
import { FakeClock } from '../../support/fake-clock.ts'

test('lets so many through in a second, whoever asks', async () => {
  const clock = new FakeClock()
  const pace = new Pace(clock, 10)
  const { signal } = new AbortController()
  let through = 0
  for (let n = 0; n < 100; n++) void pace.turn(signal).then(() => through++)
  await clock.advance(0)
  expect(through).toBe(1)
  await clock.advance(999)
  expect(through).toBe(10)
  await clock.advance(1_000)
  expect(through).toBe(20)
})

test('what was not used is not made up for', async () => {
  const clock = new FakeClock()
  const pace = new Pace(clock, 10)
  const { signal } = new AbortController()
  await pace.turn(signal)
  await clock.advance(60_000)
  let through = 0
  for (let n = 0; n < 100; n++) void pace.turn(signal).then(() => through++)
  await clock.advance(1_000)
  expect(through).toBe(11)
})

test('told to end, nobody waits any more', async () => {
  const clock = new FakeClock()
  const pace = new Pace(clock, 0.001)
  const controller = new AbortController()
  await pace.turn(controller.signal)
  const waiting = pace.turn(controller.signal)
  controller.abort()
  await waiting
  expect(clock.alarms).toBe(0)
})
