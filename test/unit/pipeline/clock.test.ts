import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { systemClock as pipelineClock } from '../../../src/pipeline/clock.ts'
import { systemClock as driveClock } from '../../../src/providers/gdrive/clock.ts'
import { noSignal } from '../../support/fake-drive/rig.ts'

const MAX_MS = 2 ** 31 - 1
const TOO_LONG = [2 ** 31, 1e300, Infinity]

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test.each(TOO_LONG)('an alarm in %d ms does not go off at once', async (ms) => {
  const rung = vi.fn<() => void>()
  const cancel = pipelineClock.after(ms, rung)
  await vi.advanceTimersByTimeAsync(MAX_MS - 1)
  expect(rung).not.toHaveBeenCalled()
  cancel()
  expect(vi.getTimerCount()).toBe(0)
})

test.each([...TOO_LONG, 1, 0, -1, Number.NaN])('no timer of %d ms is out of the range of timers', async (ms) => {
  vi.useRealTimers()
  const warned = vi.fn<(warning: Error) => void>()
  process.on('warning', warned)
  const stop = new AbortController()
  pipelineClock.after(ms, () => undefined)()
  const slept = driveClock.sleep(ms, AbortSignal.any([noSignal, stop.signal])).catch(() => undefined)
  await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  await slept
  process.off('warning', warned)
  expect(warned.mock.calls.map(([warning]) => warning.name).filter((name) => name.startsWith('Timeout'))).toEqual([])
})
