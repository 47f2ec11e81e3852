import { afterEach, beforeEach, expect, test } from 'vitest'

import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import { patternSource } from '../../support/fake-drive/pattern-source.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

const MIB = 1024 * 1024

let rig: Rig
beforeEach(async () => {
  rig = await openRig({ settings: { keepBytesBelow: MIB } })
})
afterEach(async () => {
  await rig.close()
})

test('four large files at once are streamed: memory does not grow with them', { timeout: 120_000 }, async () => {
  const size = 256 * MIB + 17
  const source = patternSource(size)
  await rig.write('warm-up', patternSource(48 * MIB))
  const before = process.memoryUsage().rss
  let most = 0
  const onProgress = (): void => {
    most = Math.max(most, process.memoryUsage().rss - before)
  }
  await Promise.all([1, 2, 3, 4].map(async (index) => await rig.write(`f${index}`, source, { onProgress })))
  const md5 = await source.checksum('md5', noSignal)
  const large = rig.drive.files().filter(({ size: each }) => each === size)
  expect(large.map((file) => file.md5)).toEqual([md5, md5, md5, md5])
  // Both ends of 1 GiB, in one process.
  expect(most).toBeLessThan(200 * MIB)
  const chunks = rig.drive.journal.of('upload.chunk').map(({ requestBytes }) => requestBytes)
  expect(Math.max(...chunks)).toBe(64 * MIB)
})
