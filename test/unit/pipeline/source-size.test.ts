import { describe, expect, test } from 'vitest'

import type { SizeCheck } from '../../../src/model/site.ts'
import { SourceSizes } from '../../../src/pipeline/source-size.ts'
import type { ByteSource } from '../../../src/providers/provider.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { attemptAt, MemoryClaims } from '../../support/memory-claims.ts'
import { memorySource } from '../../support/memory-source.ts'
import { siteOf, transferOf } from '../../support/model-samples.ts'
import { RecordingLog } from '../../support/recording-log.ts'

async function rig(sizeCheck?: SizeCheck, expected: number | undefined = 4_194_304) {
  const clock = new FakeClock()
  const log = new RecordingLog()
  const sizes = new SourceSizes(clock, log)
  const attempt = await attemptAt(new MemoryClaims(clock), transferOf({ path: '{root[work]}/a.mov', size: expected }), clock)
  const endpoints = {
    source: { root: '/studio', path: 'a.mov' },
    sourceSite: siteOf('studio', sizeCheck === undefined ? {} : { sizeCheck }),
    target: { root: '/nas', path: 'a.mov' },
    targetSite: siteOf('nas'),
  }
  const check = (source: Partial<ByteSource>): ReturnType<SourceSizes['check']> =>
    sizes.check(attempt, endpoints, { ...memorySource(''), modified: clock.wallTime(), ...source })
  return { clock, log, check }
}

describe('settle, the default', () => {
  test('a source of the size that its document says goes at once', async () => {
    const { check } = await rig()
    expect(check({ size: 4_194_304 })).toBeUndefined()
  })

  test('so does one whose document says nothing', async () => {
    const { check } = await rig(undefined, undefined)
    expect((await rig('settle')).check({ size: 1 })).toMatchObject({ kind: 'postponed' })
    expect(check({ size: 4_194_304 })).toBeUndefined()
  })

  test('another one waits until it has not changed for 10 s, and goes with one warning that names both sizes', async () => {
    const { check, clock, log } = await rig()
    const part = { size: 1_048_576, version: '1' }
    expect(check(part)).toEqual({
      kind: 'postponed',
      reason: expect.stringContaining('/studio/a.mov has 1048576 bytes (1.0 MiB)'),
      inMs: 10_000,
    })
    await clock.advance(6_000)
    const more = { ...part, size: 2_097_152, version: '2' }
    expect(check(more)).toMatchObject({ kind: 'postponed', inMs: 10_000 })
    await clock.advance(9_999)
    expect(check(more)).toMatchObject({ inMs: 1 })
    await clock.advance(1)
    expect([check(more), check(more)]).toEqual([undefined, undefined])
    expect(log.of('source.size_differs')).toMatchObject([
      { message: '/studio/a.mov has 2097152 bytes (2.0 MiB), its document says 4194304 bytes (4.0 MiB): sent as it is' },
    ])
  })

  test('one that its storage dates long ago goes at once; a time in the future is watched like any other', async () => {
    const { check, clock } = await rig()
    const at = (ms: number): Date => new Date(clock.wallTime().getTime() + ms)
    expect(check({ size: 1, version: 'a', modified: at(-3_600_000) })).toBeUndefined()
    expect(check({ size: 1, version: 'b', modified: at(3_600_000_000) })).toMatchObject({ inMs: 10_000 })
    // The clock of the storage may be minutes behind.
    expect(check({ size: 1, version: 'c', modified: at(-300_000) })).toMatchObject({ inMs: 10_000 })
    expect(check({ size: 1, version: 'd', modified: new Date(Number.NaN) })).toMatchObject({ inMs: 10_000 })
  })

  test('the size that was expected comes: it goes at once', async () => {
    const { check } = await rig()
    expect(check({ size: 1 })).toMatchObject({ kind: 'postponed' })
    expect(check({ size: 4_194_304 })).toBeUndefined()
  })
})

test('strict: a failed attempt', async () => {
  const { check } = await rig('strict')
  expect(() => check({ size: 1 })).toThrow(expect.objectContaining({ code: 'SOURCE_INCOMPLETE', kind: 'file' }) as Error)
  expect(check({ size: 4_194_304 })).toBeUndefined()
})

test('off: sent as it is, without a word', async () => {
  const { check, log } = await rig('off')
  expect(check({ size: 1 })).toBeUndefined()
  expect(log.events).toEqual([])
})
