import { constants } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, mkdtemp, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { LocalDrive } from '../../../src/providers/local-drive.ts'
import type { Anchor } from '../../../src/providers/local-drive/anchor.ts'
import { takeHold } from '../../../src/providers/local-drive/take-hold.ts'
import { Reflink } from '../../../src/providers/local-drive/reflink.ts'
import { copyTo } from '../../../src/providers/local-drive/copying.ts'
import { PartFile } from '../../../src/providers/local-drive/part-file.ts'
import { diskFault } from '../../../src/providers/local-drive/disk-fault.ts'
import { FolderSync } from '../../../src/providers/local-drive/folder-sync.ts'
import { isTemporaryName, StaleFiles, temporaryName } from '../../../src/providers/local-drive/temporary-files.ts'
import type { ByteSource } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { siteOf } from '../../support/model-samples.ts'
import { outsideFolder, stateOf, swapped } from '../../support/outside.ts'
import { permitOf } from '../../support/permits.ts'

const errno = (code: string): Error => Object.assign(new Error(`${code}: as the system says it`), { code })

describe('faults of the disk', () => {
  test.each([
    ['ENOSPC', 'DISK_FULL', 'site'],
    ['EDQUOT', 'DISK_FULL', 'site'],
    ['EACCES', 'PERMISSION', 'site'],
    ['EPERM', 'PERMISSION', 'site'],
    ['EROFS', 'PERMISSION', 'site'],
    ['EMFILE', 'BUSY', 'transient'],
    ['ENFILE', 'BUSY', 'transient'],
    ['EIO', 'INTERRUPTED', 'transient'],
    ['ESTALE', 'INTERRUPTED', 'transient'],
    ['ETIMEDOUT', 'UNREACHABLE', 'site'],
    ['EHOSTDOWN', 'UNREACHABLE', 'site'],
    ['ENAMETOOLONG', 'BAD_PATH', 'file'],
    ['EINVAL', 'BAD_PATH', 'file'],
    ['ELOOP', 'BAD_PATH', 'file'],
    ['EFBIG', 'REFUSED', 'file'],
    ['EISDIR', 'TARGET_CONFLICT', 'file'],
    ['ENOTDIR', 'TARGET_CONFLICT', 'file'],
    ['EWHATEVER', 'UNEXPECTED', 'file'],
  ])('%s while writing is %s, the trouble of a %s', (system, code, kind) => {
    const fault = diskFault(errno(system), 'write', '/mnt/w/a.ma')
    expect(fault).toMatchObject({ code, kind })
    expect(fault.message).toContain('/mnt/w/a.ma')
    expect(fault.message).toContain(system)
  })

  test('reading has its own', () => {
    expect(diskFault(errno('ENOENT'), 'read', '/a').code).toBe('SOURCE_MISSING')
    expect(diskFault(errno('EISDIR'), 'read', '/a').code).toBe('NOT_A_FILE')
    expect(diskFault(errno('ENXIO'), 'read', '/a').code).toBe('NOT_A_FILE')
  })

  test('what is a fault already stays it', () => {
    const fault = new SyncError('SOURCE_CHANGED', 'changed')
    expect(diskFault(fault, 'write', '/a')).toBe(fault)
  })
})

describe('on disk', () => {
  let folder: string
  let holds: DisposableStack
  /** A folder of this test, made if it is not there. */
  const held = async (name = ''): Promise<Anchor> => {
    await mkdir(join(folder, name), { recursive: true })
    return holds.use(await takeHold(join(folder, name), 'folder'))
  }
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'site-sync-parts-'))
    holds = new DisposableStack()
  })
  afterEach(async () => {
    holds.dispose()
    await rm(folder, { recursive: true })
  })

  describe('cloning', () => {
    const SOURCE = Buffer.alloc(2 * 1024 * 1024, 'clone')
    let from: string
    let to: string
    beforeEach(async () => {
      from = join(folder, 'from')
      to = join(folder, 'to')
      await writeFile(from, SOURCE, { mode: 0o400 })
    })
    const partOf = async (source: ByteSource, onProgress: (bytes: number) => void = () => {}) => {
      const options = { where: to, signal: new AbortController().signal, onProgress, permit: permitOf() }
      return { part: await PartFile.in(await held(), source, options), options }
    }

    test('where it is supported no bytes are read, and the file has the mode and time it should', async () => {
      const source = { ...memorySource(SOURCE), openFile: async () => await open(from) }
      const progress: number[] = []
      const { part, options } = await partOf(source, (bytes: number) => progress.push(bytes))
      const copied = await copyTo(part, source, new Reflink(async (a, b) => await copyFile(a, b)), options)
      expect(source.opened).toEqual([])
      expect(copied.checksum).toBeUndefined()
      expect(progress).toEqual([SOURCE.length])
      expect((await readFile(join(folder, part.name))).equals(SOURCE)).toBe(true)
      await writeFile(join(folder, 'plain'), '')
      const { mode, mtimeMs } = await lstat(join(folder, part.name))
      expect(mode).toBe((await lstat(join(folder, 'plain'))).mode)
      expect(Math.round(mtimeMs)).toBe(source.modified.getTime())
    })

    test('where it is not, that is asked once for two devices, and the bytes are copied', async () => {
      const { copy, calls } = refusing('EOPNOTSUPP')
      const cloning = new Reflink(copy)
      for (let times = 0; times < 3; times++) {
        const source = { ...memorySource(SOURCE), openFile: async () => await open(from) }
        const { part, options } = await partOf(source)
        await copyTo(part, source, cloning, options)
        expect(source.opened).toEqual([0])
        expect((await readFile(join(folder, part.name))).equals(SOURCE)).toBe(true)
      }
      expect(calls).toEqual([constants.COPYFILE_FICLONE_FORCE])
    })

    test('another failure is not remembered, and leaves nothing', async () => {
      const { copy, calls } = refusing('ENOSPC')
      const cloning = new Reflink(copy)
      const { part } = await partOf(memorySource(SOURCE))
      await using source = await open(from)
      expect([await cloning.clone(source, part), await cloning.clone(source, part)]).toEqual([undefined, undefined])
      expect(calls).toHaveLength(2)
      expect(await readdir(folder)).toEqual(['from'])
    })

    test('both ends are the open files, whatever their names lead to by then', async () => {
      await outsideFolder(join(folder, 'outside'), ['secret', 'victim'])
      const before = await stateOf(join(folder, 'outside'))
      const source = { ...memorySource(SOURCE), openFile: async () => await open(from) }
      const { part, options } = await partOf(source)
      const swapping = new Reflink(async (a, b) => {
        await swapped(from, join(folder, 'outside/secret'))
        await swapped(join(folder, part.name), join(folder, 'outside/victim'))
        await copyFile(a, b)
      })
      await copyTo(part, source, swapping, options)
      expect(await stateOf(join(folder, 'outside'))).toEqual(before)
      expect((await readFile(join(folder, `${part.name}.away`))).equals(SOURCE)).toBe(true)
    })

    test('a set-user-ID program is nobody else’s when it is cloned: the bit is taken away before the file can be run', async () => {
      await chmod(from, 0o4755)
      const source = { ...memorySource(SOURCE), mode: 0o755, openFile: async () => await open(from) }
      const { part, options } = await partOf(source)
      await using program = await open(from)
      await using file = await new Reflink(async (a, b) => await copyFile(a, b)).clone(program, part)
      expect((await file?.stat())?.mode).toBe(0o100600)
      await part.remove()
      const ended = await copyTo(part, source, new Reflink(async (a, b) => await copyFile(a, b)), options)
      expect(ended.info.mode & 0o7000n).toBe(0n)
    })

    test('a clone of another size than the source had is refused', async () => {
      const source = { ...memorySource(SOURCE), size: SOURCE.length + 1, openFile: async () => await open(from) }
      const { part, options } = await partOf(source)
      const copying = copyTo(part, source, new Reflink(async (a, b) => await copyFile(a, b)), options)
      await expect(copying).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
    })
  })

  describe('temporary files', () => {
    test('their names are hidden, short, and never the same', () => {
      const names = new Set(Array.from({ length: 1000 }, temporaryName))
      expect(names.size).toBe(1000)
      for (const name of names) expect(name.startsWith('.') && name.length < 40 && isTemporaryName(name)).toBe(true)
    })

    test('only files are: what has such a name and is none stays, and so does what a link leads to', async () => {
      const [link, directory] = [temporaryName(), temporaryName()]
      await writeFile(join(folder, 'file'), '')
      await symlink(join(folder, 'file'), join(folder, link))
      await mkdir(join(folder, directory))
      await new StaleFiles(() => Date.now() + 1e12).removeFrom(await held())
      expect((await readdir(folder)).toSorted()).toEqual(['file', link, directory].toSorted())
    })

    test.each(['.site-sync-0123456789abcdef.part', '.SITE-SYNC-0123456789ABCDEF.PART', '.ſite-sync-0123456789abcdef.part'])(
      'no document can name one (%s): it is refused at either side, and nothing is done to what is there',
      async (name) => {
        await writeFile(join(folder, name), 'of a document')
        const drive = new LocalDrive(siteOf('nas', { provider: 'local_drive', root: folder }), { mayCreateRoot: false })
        const path = { root: folder, path: name }
        const { signal } = new AbortController()
        const quiet = { signal, permit: permitOf(), onProgress: () => {} }
        const refused = { code: 'BAD_PATH', kind: 'file', message: expect.stringMatching(/temporary files.*another name/) as string }
        await expect(drive.stat(path, { signal })).rejects.toMatchObject(refused)
        await expect(drive.read(path, { signal })).rejects.toMatchObject(refused)
        await expect(drive.openFile(path, { signal })).rejects.toMatchObject(refused)
        await expect(drive.write(path, memorySource('new'), quiet)).rejects.toMatchObject(refused)
        await expect(drive.remove(path, { signal })).rejects.toMatchObject(refused)
        expect(await readFile(join(folder, name), 'utf8')).toBe('of a document')
        await drive.write({ root: folder, path: '.site-sync-0123456789abcdef.party' }, memorySource('new'), quiet)
      },
    )

    test('those that nothing happened to for a day are removed, once a folder and day; nothing else is', async () => {
      const left = temporaryName()
      const others = ['.site-sync-notes.part', 'a.part', `x${left}`]
      for (const name of [left, ...others]) await writeFile(join(folder, name), '')
      const { ctimeMs } = await lstat(join(folder, left))
      const day = 24 * 60 * 60 * 1000

      await new StaleFiles(() => ctimeMs + day - 1).removeFrom(await held())
      expect(await readdir(folder)).toHaveLength(4)

      let now = ctimeMs + day + 1000
      const stale = new StaleFiles(() => now)
      await stale.removeFrom(await held())
      expect((await readdir(folder)).toSorted()).toEqual(others.toSorted())

      await writeFile(join(folder, left), '')
      await stale.removeFrom(await held())
      expect(await readdir(folder)).toHaveLength(4)
      // What another process left meanwhile.
      now += day + 1000
      await stale.removeFrom(await held())
      expect((await readdir(folder)).toSorted()).toEqual(others.toSorted())
      const missing = await held('missing')
      await rm(join(folder, 'missing'), { recursive: true })
      expect(await stale.removeFrom(missing)).toBeUndefined()
    })
  })

  describe('syncing folders', () => {
    test('many at once all come to their end, and again afterwards', async () => {
      const folders = new FolderSync()
      await mkdir(join(folder, 'a'))
      const all = ['', 'a', '', 'a', '', 'a'].map(async (name) => await folders.sync(await held(name)))
      expect(await Promise.all(all)).toHaveLength(6)
      expect(await folders.sync(await held())).toBeUndefined()
    })

    test('a folder that is gone is no fault: its files are, and are seen elsewhere', async () => {
      const gone = await held('gone')
      await rm(join(folder, 'gone'), { recursive: true })
      expect(await new FolderSync().sync(gone)).toBeUndefined()
    })
  })
})

/** A `copyFile` that fails, and the modes it was called with. */
function refusing(code: string): { copy: typeof copyFile; calls: number[] } {
  const calls: number[] = []
  const copy: typeof copyFile = async (_from, _to, mode) => {
    calls.push(mode ?? 0)
    await Promise.reject(errno(code))
  }
  return { copy, calls }
}
