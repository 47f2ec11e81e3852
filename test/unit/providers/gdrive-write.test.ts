import { afterEach, beforeEach, expect, test } from 'vitest'

import { memorySource } from '../../support/fake-drive/memory-source.ts'
import { openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await openRig()
})
afterEach(async () => {
  await rig.close()
})

test('a small file takes one request once its folder is known', async () => {
  await rig.write('p/a.ma', 'hello')
  rig.drive.journal.clear()
  const file = await rig.write('p/b.ma', 'world')
  expect(rig.drive.journal.entries.map(({ operation }) => operation)).toEqual(['upload.multipart'])
  expect(rig.drive.tree()).toEqual(['My Drive/w/', 'My Drive/w/p/', 'My Drive/w/p/a.ma', 'My Drive/w/p/b.ma'])
  const stored = rig.drive.file('My Drive/w/p/b.ma')
  expect(stored).toMatchObject({ id: file.id, size: 5, revisions: 1, modifiedTime: '2026-03-04T05:06:07.089Z' })
  expect(stored?.bytes?.toString()).toBe('world')
  expect(file).toMatchObject({ size: 5, checksum: { algorithm: 'md5', value: stored?.md5 }, modified: memorySource('').modified })
  expect(rig.drive.tokensIssued).toBe(1)
})
