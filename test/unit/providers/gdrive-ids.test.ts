import { buffer } from 'node:stream/consumers'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { openByteSource } from '../../../src/providers/byte-source.ts'
import { noSignal, openRig } from '../../support/fake-drive/rig.ts'
import type { Rig } from '../../support/fake-drive/rig.ts'

const signal = noSignal
const HOUR_MS = 3_600_000

/** A folder that is too large to be listed, whose search does not know yet of what came within the last hour. */
let rig: Rig
beforeEach(async () => {
  rig = await openRig({ provider: { largeFolder: 2 }, settings: { searchLagMs: HOUR_MS, longestPage: 2 } })
  for (const name of ['x', 'y', 'z']) rig.drive.addFile(name, name, { parent: rig.w })
})
afterEach(async () => await rig.close())

const read = async (path: string, id?: string): Promise<string> =>
  String(await buffer(await rig.provider.read(rig.at(path), { signal, ...(id !== undefined && { id }) })))

describe('a file that the search does not know of yet', () => {
  test('is found and read by the id that its record has', async () => {
    const id = rig.drive.addFile('new', 'the file', { parent: rig.w })
    expect(await rig.provider.stat(rig.at('new'), { signal })).toBeUndefined()
    expect(await rig.provider.stat(rig.at('new'), { signal, id })).toMatchObject({ id, size: 8 })
    expect(await read('new', id)).toBe('the file')
    const source = await openByteSource(rig.provider, rig.at('new'), { signal, id })
    expect(String(await buffer(await source.open(4, signal)))).toBe('file')
    await source.assertUnchanged()
  })

  test.each<[string, () => string]>([
    [
      'is in the trash',
      () => {
        const id = rig.drive.addFile('new', 'trashed', { parent: rig.w })
        rig.drive.trash(id)
        return id
      },
    ],
    ['has another name', () => rig.drive.addFile('other', 'secret', { parent: rig.w })],
    ['lies in another folder', () => rig.drive.addFile('new', 'secret', { parent: rig.drive.addFolder('elsewhere') })],
    ['is a folder', () => rig.drive.addFolder('new', { parent: rig.w })],
    ['is nobody\u2019s', () => '1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['is no id at all', () => '../../about?alt=media'],
    ['is empty', () => ''],
  ])('by an id that %s is looked for by its path', async (_what, make) => {
    const id = make()
    expect(await rig.provider.stat(rig.at('new'), { signal, id })).toBeUndefined()
    await expect(read('new', id)).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })
})

test('an id that leads elsewhere does not hide the file of the path', async () => {
  const small = await openRig()
  try {
    const id = small.drive.addFile('a', 'the file', { parent: small.w })
    const wrong = small.drive.addFile('b', 'another', { parent: small.w })
    expect(await small.provider.stat(small.at('a'), { signal, id: wrong })).toMatchObject({ id })
    expect(String(await buffer(await small.provider.read(small.at('a'), { signal, id: wrong })))).toBe('the file')
  } finally {
    await small.close()
  }
})
