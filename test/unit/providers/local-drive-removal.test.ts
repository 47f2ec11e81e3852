import { link, lstat, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { LocalDrive } from '../../../src/providers/local-drive.ts'
import type { TakeHold } from '../../../src/providers/local-drive/anchor.ts'
import { takeHold } from '../../../src/providers/local-drive/take-hold.ts'
import type { RemoteFile } from '../../../src/providers/provider.ts'
import { siteOf } from '../../support/model-samples.ts'
import { outsideFolder, stateOf, swapped } from '../../support/outside.ts'

const signal = new AbortController().signal

let base: string
let root: string
let outside: string
let before: readonly string[]
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-removal-')))
  root = join(base, 'root')
  outside = join(base, 'outside')
  await mkdir(join(root, 'sh010'), { recursive: true })
  await outsideFolder(outside, ['f.mov'])
  await writeFile(join(root, 'sh010/f.mov'), 'inside')
  before = await stateOf(outside)
})
afterEach(async () => await rm(base, { recursive: true }))

const driveOf = (hold?: TakeHold, more: { readonly markerFile?: string } = {}): LocalDrive =>
  new LocalDrive(siteOf('nas', { provider: 'local_drive', root, ...more }), { mayCreateRoot: false }, hold)
const at = {
  get root() {
    return root
  },
  path: 'sh010/f.mov',
}
const looked = async (): Promise<RemoteFile> => (await driveOf().stat(at, { signal })) as RemoteFile

/** Does something when the folder of the file is held. */
const whenHeld =
  (act: () => Promise<void>): TakeHold =>
  async (path, kind) => {
    const anchor = await takeHold(path, kind)
    if (path.endsWith('sh010')) await act()
    return anchor
  }

describe('the file that was looked at', () => {
  test('is unlinked, and its folder stays', async () => {
    expect(await driveOf().remove(at, { signal, only: await looked() })).toBe('nowhere')
    expect(await readdir(root, { recursive: true })).toEqual(['sh010'])
  })

  test('is in a folder that is replaced by a link out of the root: what is held is removed, nothing outside', async () => {
    const swap = async (): Promise<void> => await swapped(join(root, 'sh010'), outside)
    await driveOf(whenHeld(swap)).remove(at, { signal, only: await looked() })
    expect(await stateOf(outside)).toEqual(before)
  })

  test('is in a folder that is moved out of the root: it is left', async () => {
    const move = async (): Promise<void> => await rename(join(root, 'sh010'), join(base, 'elsewhere'))
    const only = await looked()
    await expect(driveOf(whenHeld(move)).remove(at, { signal, only })).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(await readFile(join(base, 'elsewhere/f.mov'), 'utf8')).toBe('inside')
  })

  test.each([
    ['another file', async (path: string) => await writeFile(path, 'inside')],
    ['a link to another file', async (path: string) => await symlink(join(root, 'other.mov'), path)],
  ])('is replaced by %s of the same size: that is left', async (_what, put) => {
    await writeFile(join(root, 'other.mov'), 'inside')
    const only = await looked()
    await rename(join(root, at.path), join(root, 'sh010/away.mov'))
    await put(join(root, at.path))
    await expect(driveOf().remove(at, { signal, only })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
    expect((await readdir(join(root, 'sh010'))).toSorted()).toEqual(['away.mov', 'f.mov'])
  })

  test('is reached by a link within the root: the link goes, the file stays', async () => {
    await symlink(join(root, at.path), join(root, 'link.mov'))
    const byLink = { root, path: 'link.mov' }
    const only = (await driveOf().stat(byLink, { signal })) as RemoteFile
    expect(only.identity).toBe((await looked()).identity)
    expect(await driveOf().remove(byLink, { signal, only })).toBe('nowhere')
    await expect(lstat(join(root, 'link.mov'))).rejects.toThrow('ENOENT')
    expect(await readFile(join(root, at.path), 'utf8')).toBe('inside')
  })

  test('is the same by a hard link', async () => {
    await link(join(root, at.path), join(root, 'hard.mov'))
    expect((await driveOf().stat({ root, path: 'hard.mov' }, { signal }))?.identity).toBe((await looked()).identity)
  })
})

test('a root that is not the one it was: nothing is removed from it', async () => {
  const drive = driveOf(undefined, { markerFile: '.mounted' })
  await expect(drive.remove(at, { signal })).rejects.toMatchObject({ code: 'ROOT_MISSING' })
  expect(await readFile(join(root, at.path), 'utf8')).toBe('inside')
  await writeFile(join(root, '.mounted'), '')
  expect(await drive.remove(at, { signal })).toBe('nowhere')
})
