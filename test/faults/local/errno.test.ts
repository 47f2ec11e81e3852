import { lstat, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, onTestFinished, test } from 'vitest'

import type { SyncError } from '../../../src/errors.ts'
import { LocalDrive } from '../../../src/providers/local-drive.ts'
import { CAN_MOUNT, faultyMount, type FaultyMount } from '../../support/faulty-mount.ts'
import type { FaultRule } from '../../support/fuse/pass-through.ts'
import { memorySource } from '../../support/memory-source.ts'
import { siteOf } from '../../support/model-samples.ts'
import { permitOf } from '../../support/permits.ts'

// Numbers of Linux; Node knows no name for many of them.
const [EIO, EACCES, EBUSY, EXDEV, EINVAL, ENOSPC, EROFS, ENOSYS] = [5, 13, 16, 18, 22, 28, 30, 38]
const [EHOSTDOWN, ESTALE, EUCLEAN, EREMOTEIO, EDQUOT, ENOKEY, EKEYEXPIRED] = [112, 116, 117, 121, 122, 126, 127]
const signal = new AbortController().signal

async function mountedFolder(): Promise<{ root: string; mount: FaultyMount; drive: LocalDrive }> {
  const dir = await mkdtemp(join(tmpdir(), 'site-sync-errno-'))
  onTestFinished(async () => await rm(dir, { recursive: true, force: true }))
  const root = join(dir, 'share')
  const mount = await faultyMount(root)
  return { root, mount, drive: new LocalDrive(siteOf('nas', { provider: 'local_drive', root }), { mayCreateRoot: false }) }
}

const options = { signal, permit: permitOf(), onProgress: () => undefined }
const write = async (drive: LocalDrive, path: string, content: Buffer | string = 'content') =>
  await drive.write({ root: drive.site.root as string, path }, memorySource(Buffer.from(content)), options)
const faultOf = async (work: Promise<unknown>): Promise<SyncError | undefined> =>
  await work.then(
    () => undefined,
    (error: unknown) => error as SyncError,
  )

describe.skipIf(!CAN_MOUNT)('a file system that passes on what it is asked', () => {
  test('keeps files as they are', async () => {
    const { root } = await mountedFolder()
    await writeFile(join(root, 'a'), 'content')
    await rename(join(root, 'a'), join(root, 'b'))
    await utimes(join(root, 'b'), new Date(1_000_000), new Date(2_000_000))
    expect(await readFile(join(root, 'b'), 'utf8')).toBe('content')
    expect(await readdir(root)).toEqual(['b'])
    expect((await lstat(join(root, 'b'))).mtimeMs).toBe(2_000_000)
  })

  const TO_WRITE: readonly [FaultRule['operation'], number, string, RegExp][] = [
    ['create', EACCES, 'PERMISSION', /permission denied \(open: EACCES\)/],
    ['create', EROFS, 'PERMISSION', /read-only/],
    ['create', EINVAL, 'BAD_PATH', /does not take such a name/],
    ['create', EDQUOT, 'DISK_FULL', /quota is used up \(open: EDQUOT\)/],
    ['create', ENOKEY, 'CREDENTIALS', /ticket that it needs is missing \(open: ENOKEY\)/],
    ['create', EKEYEXPIRED, 'CREDENTIALS', /expired/],
    ['mkdir', EDQUOT, 'DISK_FULL', /quota/],
    ['mkdir', EINVAL, 'BAD_PATH', /does not take such a name/],
    ['write', ENOSPC, 'DISK_FULL', /no space is left on the disk \(write: ENOSPC\)/],
    ['write', EDQUOT, 'DISK_FULL', /quota/],
    ['write', EINVAL, 'UNEXPECTED', /refused the call/],
    ['write', EHOSTDOWN, 'UNREACHABLE', /down/],
    ['write', EREMOTEIO, 'INTERRUPTED', /file server/],
    ['fsync', EIO, 'INTERRUPTED', /input\/output error \(fsync: EIO\)/],
    ['fsync', EDQUOT, 'DISK_FULL', /quota/],
    ['flush', EDQUOT, 'DISK_FULL', /quota is used up \(close: EDQUOT\)/],
    ['rename', EUCLEAN, 'INTERRUPTED', /damaged/],
    ['rename', EXDEV, 'UNEXPECTED', /cannot move files/],
    ['rename', ENOSYS, 'UNEXPECTED', /cannot do this/],
    ['rename', EBUSY, 'BUSY', /in use, or protected \(rename: EBUSY\)/],
    ['rename', EACCES, 'BUSY', /in use, or protected \(rename: EACCES\)/],
    ['rename', ESTALE, 'INTERRUPTED', /stale/],
  ]

  test.each(TO_WRITE)('write: %s fails with %i: %s, nothing is left', async (operation, errno, code, message) => {
    const { root, mount, drive } = await mountedFolder()
    await write(drive, 'sh010/old.exr', 'old')
    await mount.fail({ rules: [{ operation, errno, path: operation === 'mkdir' ? 'sh020' : 'sh0' }] })
    for (const path of operation === 'mkdir' ? ['sh020/a.exr'] : ['sh010/old.exr', 'sh010/new.exr']) {
      const fault = await faultOf(write(drive, path))
      expect([fault?.code, fault?.message]).toEqual([code, expect.stringMatching(message) as string])
      expect(fault?.message).toContain(join(root, path))
    }
    await mount.fail({})
    expect(await readdir(root, { recursive: true })).toEqual(['sh010', 'sh010/old.exr'])
    expect(await readFile(join(root, 'sh010/old.exr'), 'utf8')).toBe('old')
  })

  const TO_READ: readonly [FaultRule['operation'], number, string, RegExp][] = [
    ['open', EACCES, 'SOURCE_UNREADABLE', /permission denied/],
    ['open', ENOKEY, 'CREDENTIALS', /ENOKEY/],
    ['open', ESTALE, 'INTERRUPTED', /stale/],
    ['read', EIO, 'INTERRUPTED', /input\/output error \(read: EIO\)/],
    ['read', EUCLEAN, 'INTERRUPTED', /damaged/],
    ['read', EINVAL, 'UNEXPECTED', /refused the call/],
  ]

  test.each(TO_READ)('read: %s fails with %i: %s', async (operation, errno, code, message) => {
    const { root, mount, drive } = await mountedFolder()
    for (const size of [10, 3_000_000]) {
      await mount.fail({})
      await write(drive, 'a.exr', Buffer.alloc(size, 'x'))
      await mount.fail({ rules: [{ operation, errno, path: 'a.exr' }] })
      const reading = async (): Promise<void> => {
        for await (const chunk of await drive.read({ root, path: 'a.exr' }, { signal })) void chunk
      }
      const fault = await faultOf(reading())
      expect([fault?.code, fault?.message]).toEqual([code, expect.stringMatching(message) as string])
      expect(fault?.isCertain).toBe(false)
    }
  })

  test.each([EIO, EACCES, EDQUOT, EINVAL, ENOSYS, ESTALE])('times and modes that can not be set (%i) fail no file', async (errno) => {
    const { root, mount, drive } = await mountedFolder()
    await mount.fail({ rules: [{ operation: 'setattr', errno }] })
    await write(drive, 'a.exr')
    await write(drive, 'large.exr', Buffer.alloc(3_000_000, 'x'))
    expect(await readFile(join(root, 'a.exr'), 'utf8')).toBe('content')
  })

  test.each(['+030828-01-01T00:00:00Z', '1901-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', 'nonsense'])(
    'a source that was changed at %s arrives',
    async (time) => {
      const { root, drive } = await mountedFolder()
      const source = { ...memorySource('content'), modified: new Date(time) }
      await drive.write({ root, path: 'a.exr' }, source, options)
      expect(await readFile(join(root, 'a.exr'), 'utf8')).toBe('content')
    },
  )

  test('a file that is open for writing can not be read: it is read back through a new handle', async () => {
    const { root, mount, drive } = await mountedFolder()
    await mount.fail({ isWriteOnly: true })
    await write(drive, 'a.exr')
    const large = Buffer.alloc(3_000_000, 'x')
    await write(drive, 'large.exr', large)
    expect((await readFile(join(root, 'large.exr'))).equals(large)).toBe(true)
    await drive.probe({ signal })
  })

  test('a probe tries what a transfer does, and leaves nothing', async () => {
    const { root, mount, drive } = await mountedFolder()
    for (const operation of ['create', 'write', 'rename', 'open'] as const) {
      await mount.fail({ rules: [{ operation, errno: EIO }] })
      expect((await faultOf(drive.probe({ signal })))?.message).toContain(root)
    }
    await mount.fail({ rules: [{ operation: 'create', errno: EROFS }] })
    await drive.probe({ signal, operation: 'read' })
    await mount.fail({ rules: [{ operation: 'readdir', errno: EIO }] })
    expect((await faultOf(drive.probe({ signal, operation: 'read' })))?.code).toBe('INTERRUPTED')
    await mount.fail({})
    await drive.probe({ signal })
    expect(await readdir(root)).toEqual([])
  })

  test('a disk that is full to the last bytes fails the probe; one with room for less than a file fails that file only', async () => {
    const { mount, drive } = await mountedFolder()
    await mount.fail({ freeBytes: 100_000 })
    expect(await faultOf(drive.probe({ signal }))).toMatchObject({ code: 'DISK_FULL', kind: 'site' })
    await mount.fail({ freeBytes: 16_000_000 })
    await drive.probe({ signal })
    await write(drive, 'small.exr')
    const fault = await faultOf(drive.write({ root: drive.site.root as string, path: 'large.mov' }, bigSource(20_000_000), options))
    expect(fault).toMatchObject({ code: 'DISK_FULL', isCertain: false })
    expect(fault?.message).toMatch(/it has 19\.1 MiB, and 15\.3 MiB are free on its disk: 3\.8 MiB are missing/)
  })

  test('two names that the disk can not tell apart: the second is refused, naming the first', async () => {
    const { root, mount, drive } = await mountedFolder()
    await mount.fail({ isCaseBlind: true })
    await write(drive, 'Sh010/Plate.exr', 'first')
    for (const path of ['Sh010/plate.exr', 'sh010/Plate.exr']) {
      const fault = await faultOf(write(drive, path, 'second'))
      expect(fault).toMatchObject({ code: 'TARGET_CONFLICT', kind: 'file' })
      expect(fault?.message).toContain(join(root, path))
      expect(fault?.message).toContain(join(root, 'Sh010/Plate.exr'))
      await expect(drive.stat({ root, path }, { signal, exact: true })).rejects.toMatchObject({ code: 'TARGET_CONFLICT' })
    }
    await write(drive, 'Sh010/Plate.exr', 'third')
    await write(drive, 'sh010/other.exr', 'other')
    expect(await readFile(join(root, 'Sh010/Plate.exr'), 'utf8')).toBe('third')
    expect(await drive.stat({ root, path: 'Sh010/Plate.exr' }, { signal, exact: true })).toMatchObject({ size: 5 })
    expect(await readdir(root, { recursive: true })).toEqual(['Sh010', 'Sh010/Plate.exr', 'Sh010/other.exr'])
  })
})

const unasked = async (): Promise<never> => Promise.reject(new Error('its bytes were asked for'))

/** Its bytes are never asked for. */
function bigSource(size: number): ReturnType<typeof memorySource> {
  return { ...memorySource(''), size, open: unasked }
}
