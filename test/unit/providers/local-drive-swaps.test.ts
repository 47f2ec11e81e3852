import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { openByteSource } from '../../../src/providers/byte-source.ts'
import { LocalDrive } from '../../../src/providers/local-drive.ts'
import type { TakeHold } from '../../../src/providers/local-drive/anchor.ts'
import { byName } from '../../../src/providers/local-drive/named-anchor.ts'
import { takeHold } from '../../../src/providers/local-drive/take-hold.ts'
import { isTemporaryName, temporaryName } from '../../../src/providers/local-drive/temporary-files.ts'
import type { ByteSource, WriteOptions } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { outsideFolder, SECRET, stateOf, swapped } from '../../support/outside.ts'
import { siteOf } from '../../support/model-samples.ts'
import { permitOf, type Permission } from '../../support/permits.ts'

const MIB = 1024 * 1024
const SMALL = Buffer.from('small')
const LARGE = Buffer.alloc(3 * MIB, 'large')
const signal = new AbortController().signal

let base: string
let root: string
let outside: string
let before: readonly string[]
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-swaps-')))
  root = join(base, 'root')
  outside = join(base, 'outside')
  await mkdir(join(root, 'sh010'), { recursive: true })
  await outsideFolder(outside, ['f.mov', 'victim'])
  before = await stateOf(outside)
})
afterEach(async () => await rm(base, { recursive: true }))

const driveOf = (hold?: TakeHold, modes: { readonly folderMode?: number } = {}): LocalDrive =>
  new LocalDrive(siteOf('nas', { provider: 'local_drive', root, ...modes }), { mayCreateRoot: false }, hold)
const write = async (
  drive: LocalDrive,
  source: ByteSource,
  options: Permission & Partial<Pick<WriteOptions, 'signal' | 'onProgress'>> = {},
  path = 'sh010/f.mov',
): Promise<unknown> => {
  const quiet = { signal, onProgress: () => {}, permit: permitOf(options) }
  return await drive.write({ root, path }, source, { ...quiet, ...options }).catch((error: unknown) => error)
}
const read = async (drive: LocalDrive, path = 'sh010/f.mov'): Promise<string> =>
  Buffer.concat((await Array.fromAsync(await drive.read({ root, path }, { signal }))) as Buffer[]).toString()
const temporaryFile = async (): Promise<string> => {
  const found = (await readdir(join(root, 'sh010'))).find((name) => name.startsWith('.site-sync'))
  if (found === undefined) throw new Error('there is no temporary file')
  return join(root, 'sh010', found)
}
/** There is a file called like the temporary one behind the link, too: it must not be renamed or removed instead. */
const swapFolder = async (): Promise<void> => {
  const names = await readdir(join(root, 'sh010'))
  await outsideFolder(outside, names.filter(isTemporaryName))
  before = await stateOf(outside)
  await swapped(join(root, 'sh010'), outside)
}
const swapFile = async (): Promise<void> => await swapped(await temporaryFile(), join(outside, 'victim'))

/** What others do happens once, at one of the steps of a write. */
const STEPS = ['open', 'chunk', 'checksum', 'assertUnchanged', 'granted', 'saveSession'] as const
type Step = (typeof STEPS)[number]

async function writeWith(drive: LocalDrive, content: Buffer, step: Step, swap: () => Promise<void>): Promise<unknown> {
  let isSwapped = false
  const at = async (now: Step): Promise<void> => {
    if (now !== step || isSwapped) return
    isSwapped = true
    await swap()
  }
  const plain = memorySource(content, {
    chunkBytes: MIB,
    beforeChunk: async (from) => {
      if (from > 0 || content.length < MIB) await at('chunk')
      // A session is saved when a write is interrupted.
      if (from > 0 && step === 'saveSession') throw new SyncError('INTERRUPTED', 'the source was cut off')
    },
  })
  const source: ByteSource = {
    ...plain,
    open: async (from, aborted) => {
      await at('open')
      return await plain.open(from, aborted)
    },
    checksum: async (algorithm, aborted) => {
      await at('checksum')
      return await plain.checksum(algorithm, aborted)
    },
    assertUnchanged: async () => {
      await at('assertUnchanged')
      // Awaited next.
      setImmediate(() => granted.resolve(at('granted')))
    },
  }
  const granted = Promise.withResolvers<void>()
  const said = await write(drive, source, { granted: granted.promise, saveSession: async () => await at('saveSession') })
  expect(isSwapped).toBe(true)
  return said
}

describe.each([
  ['by descriptors', takeHold],
  ['by names, where the system has no paths of descriptors', byName],
])('%s', (_, hold) => {
  describe.each([
    ['small', SMALL],
    ['large', LARGE],
  ])('while a %s file is written', (size, content) => {
    const steps = STEPS.filter((step) => size === 'large' || step !== 'saveSession')

    test.each(steps)(
      'its folder is replaced by a link out of the root (%s): nothing outside is written, changed or removed',
      async (step) => {
        const said = await writeWith(driveOf(hold), content, step, swapFolder)
        expect(await stateOf(outside)).toEqual(before)
        // What was interrupted is told, and tried again; what was written went to the folder that was meant.
        const written = await readFile(join(root, 'sh010.away/f.mov')).catch(() => undefined)
        const fault = said instanceof SyncError ? said : undefined
        expect([fault?.kind, written]).toEqual(fault ? ['transient', undefined] : [undefined, content])
      },
    )

    const late = steps.filter((step) => step !== 'open' && (size === 'large' || step !== 'chunk'))
    test.each(late)('its temporary file is replaced by a link out of the root (%s): no mode, time or byte gets there', async (step) => {
      await writeFile(join(root, 'sh010/f.mov'), 'old')
      const said = await writeWith(driveOf(hold), content, step, swapFile)
      expect(said).toMatchObject({ code: 'INTERRUPTED' })
      expect(await stateOf(outside)).toEqual(before)
      expect(await readFile(join(root, 'sh010/f.mov'), 'utf8')).toBe('old')
    })
  })

  test.each([SMALL, LARGE])('its folder is moved out of the root: it is told, and nothing is left in it', async (content) => {
    const elsewhere = join(base, 'elsewhere')
    const said = await writeWith(driveOf(hold), content, 'assertUnchanged', async () => await rename(join(root, 'sh010'), elsewhere))
    expect(said).toMatchObject({ code: 'INTERRUPTED', kind: 'transient' })
    // Held, it can still be cleaned up; by its name it can't be found any more. A large one is kept for the next attempt.
    const isCleanedUp = hold === takeHold && content === SMALL
    expect((await readdir(elsewhere)).map((name) => isTemporaryName(name))).toEqual(isCleanedUp ? [] : [true])
  })

  test('a folder of the source is replaced by a link between the look at a file and its reading: the link is refused', async () => {
    await writeFile(join(root, 'sh010/f.mov'), SECRET.replaceAll(/./g, 'x'))
    const drive = driveOf(hold)
    const source = await openByteSource(drive, { root, path: 'sh010/f.mov' }, { signal, checksumAlgorithm: 'sha256' })
    await swapFolder()
    const refused = { code: 'BAD_PATH', message: expect.stringContaining('leads out of the root') as string }
    await expect(source.open(0, signal)).rejects.toMatchObject(refused)
    await expect(source.openFile?.(signal)).rejects.toMatchObject(refused)
    await expect(source.assertUnchanged()).rejects.toMatchObject(refused)
    await expect(read(drive)).rejects.toMatchObject(refused)
    await expect(drive.stat({ root, path: 'sh010/f.mov' }, { signal })).rejects.toMatchObject(refused)
    await expect(drive.remove({ root, path: 'sh010/f.mov' }, { signal })).rejects.toMatchObject(refused)
    expect(await stateOf(outside)).toEqual(before)
  })
})

/** Does something when the provider has taken hold of a place, or is just about to. */
const holding =
  (when: 'before' | 'after', place: string, act: () => Promise<void>): TakeHold =>
  async (path, kind) => {
    const isIt = path.endsWith(place)
    if (isIt && when === 'before') await act()
    const anchor = await takeHold(path, kind)
    if (isIt && when === 'after') await act()
    return anchor
  }

describe('between two calls to the system', () => {
  test('a file is replaced when it was found: the one that was found is read', async () => {
    await writeFile(join(root, 'sh010/f.mov'), 'inside')
    const swap = async (): Promise<void> => await swapped(join(root, 'sh010/f.mov'), join(outside, 'f.mov'))
    expect(await read(driveOf(holding('after', 'f.mov', swap)))).toBe('inside')
  })

  test('a folder is replaced when a file in it is about to be removed: the one that was found is removed', async () => {
    await writeFile(join(root, 'sh010/f.mov'), 'inside')
    await driveOf(holding('after', 'sh010', swapFolder)).remove({ root, path: 'sh010/f.mov' }, { signal })
    expect(await stateOf(outside)).toEqual(before)
    expect(await readdir(join(root, 'sh010.away'))).toEqual([])
  })

  test('a folder is replaced when it is about to be listed, or looked through for stale files: nothing of the other one is told or removed', async () => {
    const stale = temporaryName()
    await writeFile(join(outside, stale), 'somebody else’s')
    before = await stateOf(outside)
    const drive = driveOf(holding('after', 'sh010', swapFolder))
    expect(await Array.fromAsync(drive.list({ root, path: 'sh010' }, { signal }))).toEqual([])
    await rm(join(root, 'sh010'))
    await mkdir(join(root, 'sh010'))
    await write(drive, memorySource(SMALL))
    expect(await stateOf(outside)).toEqual(before)
  })

  test('a folder above a new one is replaced: nothing is created behind the link', async () => {
    const drive = driveOf(holding('after', '/sh010', swapFolder))
    await write(drive, memorySource(SMALL), {}, 'sh010/new/deep/f.mov')
    expect(await stateOf(outside)).toEqual(before)
    expect(await readFile(join(root, 'sh010.away/new/deep/f.mov'))).toEqual(SMALL)
  })

  test.each([undefined, 0o777])(
    'a new folder is replaced before it is entered: nothing gets behind the link (folder_mode %o)',
    async (folderMode) => {
      await chmod(outside, 0o700)
      before = await stateOf(outside)
      let isMade = false
      const swap = async (): Promise<void> => {
        if (isMade || !(await readdir(join(root, 'sh010'))).includes('new')) return
        isMade = true
        await swapped(join(root, 'sh010/new'), outside)
      }
      const said = await write(
        driveOf(holding('before', '/new', swap), folderMode === undefined ? {} : { folderMode }),
        memorySource(SMALL),
        {},
        'sh010/new/f.mov',
      )
      expect(said).toMatchObject({ code: 'BAD_PATH' })
      expect(isMade).toBe(true)
      expect(await stateOf(outside)).toEqual(before)
    },
  )

  test('a link in the middle that stays inside is followed, and files are written behind it', async () => {
    await mkdir(join(root, 'real'))
    await swapped(join(root, 'sh010'), '../root/real')
    const drive = driveOf()
    await write(drive, memorySource(SMALL))
    await write(drive, memorySource(SMALL), {}, 'sh010/new/f.mov')
    expect(await readdir(join(root, 'real'), { recursive: true })).toEqual(['f.mov', 'new', 'new/f.mov'])
    expect(await read(drive)).toBe('small')
  })
})

/** What of this process's open files is below a folder. */
async function openBelow(folder: string): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd')
  const paths = await Promise.all(descriptors.map(async (fd) => await readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return paths.filter((path) => path.startsWith(folder))
}

test('a folder that many write to is held once; one that takes its place is another one', async () => {
  const drive = driveOf()
  const { promise, resolve } = Promise.withResolvers<void>()
  const waiting = { ...memorySource(SMALL), assertUnchanged: async () => await promise }
  const writes = [1, 2, 3, 4, 5].map(async (n) => await write(drive, waiting, {}, `sh010/${n}`))
  const temporary = async (): Promise<number> => (await readdir(join(root, 'sh010'))).filter(isTemporaryName).length
  await expect.poll(temporary).toBe(5)
  await expect.poll(async () => await openBelow(base)).toEqual([join(root, 'sh010')])
  await rename(join(root, 'sh010'), join(root, 'old'))
  await mkdir(join(root, 'sh010'))
  await write(drive, memorySource(SMALL), {}, 'sh010/6')
  expect(await readdir(join(root, 'sh010'))).toEqual(['6'])
  resolve()
  await Promise.all(writes)
  expect((await readdir(join(root, 'old'))).toSorted()).toEqual(['1', '2', '3', '4', '5'])
  expect(await openBelow(base)).toEqual([])
})

test('a folder is not held longer than a write takes', async () => {
  const drive = driveOf()
  await write(drive, memorySource(SMALL))
  await write(drive, memorySource(LARGE), {}, 'new/deep/f.mov')
  await read(drive)
  await Array.fromAsync(drive.list({ root, path: 'sh010' }, { signal }))
  await expect(read(drive, 'sh010/missing')).rejects.toBeDefined()
  expect(await openBelow(base)).toEqual([])
  expect((await lstat(join(root, 'new/deep/f.mov'))).size).toBe(LARGE.length)
})
