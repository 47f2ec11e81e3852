import { expect, test } from 'vitest'

import { showProgress } from '../../../src/pipeline/show-progress.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { attemptAt, attemptOf, MemoryClaims } from '../../support/memory-claims.ts'
import { transferOf } from '../../support/model-samples.ts'

async function rig({ isGranted = true } = {}) {
  const clock = new FakeClock()
  const written: number[] = []
  const faults: Error[] = []
  const make = isGranted ? attemptAt : attemptOf
  const attempt = await make(new MemoryClaims(clock), transferOf(), clock)
  const write = async ({ result }: { readonly result: { readonly kind: string; readonly progress?: number } }) => {
    expect(result.kind).toBe('progress')
    written.push(result.progress ?? Number.NaN)
    await Promise.resolve()
    const fault = faults.shift()
    if (fault) throw fault
    return { kind: 'written' } as const
  }
  const stop = showProgress({ records: { write }, clock, everyMs: 1_000 }, attempt)
  return { clock, attempt, written, faults, stop }
}

test('what was stored so far is written every so often, an unchanged share once, and nothing after the end', async () => {
  const { clock, attempt, written, stop } = await rig()
  await clock.advance(1_000)
  for (const bytes of [1, 1, 2, 3]) {
    attempt.progress = { bytes, size: 3 }
    await clock.advance(1_000)
  }
  expect(written).toEqual([0.333, 0.667, 1])
  stop()
  attempt.progress = { bytes: 1, size: 3 }
  await clock.advance(10_000)
  expect(written).toHaveLength(3)
})

test('an empty file has no share', async () => {
  const { clock, written } = await rig()
  await clock.advance(5_000)
  expect(written).toEqual([])
})

test('nothing is written of a transfer that did not start yet, nor of one whose outcome is known', async () => {
  const { clock, attempt, written } = await rig({ isGranted: false })
  attempt.progress = { bytes: 1, size: 2 }
  await clock.advance(3_000)
  expect(written).toEqual([])
  attempt.permit.ask()
  await attempt.permit.isGranted()
  await clock.advance(1_000)
  expect(written).toEqual([0.5])
  attempt.verified({ kind: 'released', reason: 'paused' })
  attempt.progress = { bytes: 2, size: 2 }
  await clock.advance(3_000)
  expect(written).toEqual([0.5])
})

test('one that could not be written is no fault: the next one is', async () => {
  const { clock, attempt, written, faults } = await rig()
  faults.push(new Error('no primary'))
  attempt.progress = { bytes: 1, size: 4 }
  await clock.advance(1_000)
  attempt.progress = { bytes: 2, size: 4 }
  await clock.advance(1_000)
  expect(written).toEqual([0.25, 0.5])
})
