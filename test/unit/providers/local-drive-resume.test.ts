import { createHash } from 'node:crypto'
import { link, lstat, mkdir, mkdtemp, open, readdir, readFile, realpath, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { LocalDrive } from '../../../src/providers/local-drive.ts'
import { takeHold } from '../../../src/providers/local-drive/take-hold.ts'
import { freeBytes, FreeSpace } from '../../../src/providers/local-drive/free-space.ts'
import type { ByteSource, RemoteFile, WriteOptions, WriteSession } from '../../../src/providers/provider.ts'
import { noise } from '../../contract/provider-suite/harness.ts'
import { memorySource, type MemorySource, type MemorySourceOptions } from '../../support/memory-source.ts'
import { permitOf, type Permission } from '../../support/permits.ts'

const MIB = 1024 * 1024
const SIZE = 6 * MIB
const HALF = 3 * MIB
const BYTES = noise(SIZE)

let root: string
let folder: string
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-resume-')))
  folder = join(root, 'sh010')
  await mkdir(folder)
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(root, { recursive: true })
})

type Options = Permission & Partial<Pick<WriteOptions, 'signal' | 'onProgress'>>

/** A writer of its own each time, as after a restart or on another machine. */
const write = async (source: ByteSource, options: Options = {}): Promise<RemoteFile> => {
  const drive = new LocalDrive({ name: 'nas', provider: 'local_drive', root, alternativeSites: [] }, { mayCreateRoot: false })
  const quiet = { signal: new AbortController().signal, onProgress: () => {}, permit: permitOf(options) }
  return await drive.write({ root, path: 'sh010/f.mov' }, source, { ...quiet, ...options })
}

interface Interrupted {
  readonly session: WriteSession | undefined
  readonly fault: unknown
  readonly left: string[]
}

/** Begins a write that ends halfway: with an abort, or with what its source fails with. */
async function interrupt(options: Options & { fault?: Error; source?: MemorySourceOptions; bytes?: Buffer } = {}): Promise<Interrupted> {
  const controller = new AbortController()
  let session: WriteSession | undefined
  const source = memorySource(options.bytes ?? BYTES, {
    ...options.source,
    beforeChunk(at) {
      if (at < HALF) return
      if (options.fault) throw options.fault
      controller.abort()
    },
  })
  const saveSession = async (saved: WriteSession): Promise<void> => {
    session = structuredClone(saved)
    await Promise.resolve()
  }
  const fault: unknown = await write(source, { signal: controller.signal, saveSession, ...options }).then(
    () => undefined,
    (error: unknown) => error,
  )
  return { session, fault, left: await readdir(folder) }
}

async function expectWhole(bytes = BYTES): Promise<void> {
  expect(await readdir(folder)).toEqual(['f.mov'])
  expect((await readFile(join(folder, 'f.mov'))).equals(bytes)).toBe(true)
}

const resumedAt = ({ opened }: MemorySource): number | undefined => opened[0]
const partOf = ({ left }: Interrupted): string => join(folder, String(left[0]))

describe('an interrupted write', () => {
  test('is gone on with from its offset, by another instance, and its progress starts there', async () => {
    const { session, left } = await interrupt()
    expect(left).toEqual([expect.stringMatching(/^\.site-sync-[0-9a-f]{16}\.part$/)])
    const source = memorySource(BYTES)
    const progress: number[] = []
    const written = await write(source, { ...(session && { session }), onProgress: (bytes) => progress.push(bytes) })
    expect([written.size, written.modified]).toEqual([SIZE, source.modified])
    const from = resumedAt(source) ?? 0
    expect(from).toBeGreaterThan(HALF - 2 * MIB)
    expect([progress[0], progress.at(-1), source.handedOut()]).toEqual([from, SIZE, SIZE - from])
    await expectWhole()
  })

  test('again and again: each byte is sent about once', async () => {
    let session: WriteSession | undefined
    let sent = 0
    for (let stop = MIB; stop < SIZE; stop += MIB) {
      const controller = new AbortController()
      const source = memorySource(BYTES, { beforeChunk: (at) => (at >= stop ? controller.abort() : undefined) })
      const saveSession = async (saved: WriteSession): Promise<void> => void (session = await Promise.resolve(saved))
      const writing = write(source, { signal: controller.signal, saveSession, ...(session && { session }) })
      await expect(writing).rejects.toMatchObject({ code: 'ABORTED' })
      expect(await readdir(folder)).toHaveLength(1)
      sent += source.handedOut()
    }
    const last = memorySource(BYTES)
    await write(last, session ? { session } : {})
    // What was on its way at each interruption.
    expect(sent + last.handedOut()).toBeLessThanOrEqual(SIZE + 5 * 4 * 65_536)
    await expectWhole()
  })

  test.each(['INTERRUPTED', 'UNREACHABLE', 'RATE_LIMITED'] as const)('by %s of the source is kept, too', async (code) => {
    const { session, left, fault } = await interrupt({ fault: new SyncError(code, 'a moment') })
    expect([fault, left.length]).toEqual([expect.objectContaining({ code }), 1])
    const source = memorySource(BYTES)
    await write(source, session ? { session } : {})
    expect(resumedAt(source)).toBe(HALF)
    await expectWhole()
  })

  test('is not gone on with in a file that has another name as well: that file stays as it is', async () => {
    const interrupted = await interrupt()
    const { session } = interrupted
    await link(partOf(interrupted), join(root, 'other-name'))
    const before = await readFile(join(root, 'other-name'))
    const source = memorySource(BYTES)
    await write(source, session ? { session } : {})
    expect(resumedAt(source)).toBe(0)
    expect((await readFile(join(root, 'other-name'))).equals(before)).toBe(true)
    await expectWhole()
  })

  test('whose checksum is that of the whole source: nobody reads the source again for it', async () => {
    const { session } = await interrupt()
    const learned: string[] = []
    const source: ByteSource = { ...memorySource(BYTES), learn: (algorithm, value) => void learned.push(algorithm, value) }
    await write(source, session ? { session } : {})
    expect(learned).toEqual(['sha256', await source.checksum('sha256', new AbortController().signal)])
  })
})

test('what came in several goes is held against the checksum that the source’s own site has', async () => {
  // A damaged first half: what arrived of it is what is there.
  const damaged = Buffer.from(BYTES)
  damaged[5] = (damaged[5] ?? 0) ^ 1
  const { session } = await interrupt({ bytes: damaged })
  const source = memorySource(BYTES)
  const known = new Map([['md5', createHash('md5').update(BYTES).digest('hex')]])
  const learn: ByteSource['learn'] = (algorithm, value) => {
    if (algorithm === 'md5' && known.get(algorithm) !== value) throw new SyncError('VERIFY_FAILED', 'other bytes than its site has')
    known.set(algorithm, value)
  }
  const checksum: ByteSource['checksum'] = async (algorithm) => Promise.resolve(String(known.get(algorithm)))
  await write({ ...source, ownChecksum: 'md5', learn, checksum }, session ? { session } : {})
  expect(source.opened).toEqual([expect.any(Number), 0])
  expect(source.opened[0]).toBeGreaterThan(0)
  await expectWhole()
})

describe('nothing is left of a write', () => {
  test.each<[string, Parameters<typeof interrupt>[0]]>([
    ['that nobody goes on with', { isAbandoned: () => true }],
    ['whose source changed', { fault: new SyncError('SOURCE_CHANGED', 'changed') }],
    ['that did not fit', { fault: new SyncError('DISK_FULL', 'full') }],
    ['that nobody understood', { fault: new Error('odd') }],
    ['whose progress could not be saved', { saveSession: async () => Promise.reject(new Error('the database is gone')) }],
  ])('%s', async (_, options) => {
    expect((await interrupt(options)).left).toEqual([])
  })

  test.each<[string, Options, (abort: () => void) => ByteSource]>([
    ['that nobody wants any more', { isAbandoned: () => true }, (abort) => memorySource(BYTES, { beforeChunk: abort })],
    ['whose source has other bytes', {}, () => ({ ...memorySource(BYTES), checksum: async () => Promise.resolve('0'.repeat(64)) })],
    ['whose source changes', {}, () => memorySource(BYTES, { changed: () => true })],
  ])('that was resumed, and %s', async (_, options, sourceOf) => {
    const { session } = await interrupt()
    const controller = new AbortController()
    const source = sourceOf(() => controller.abort())
    await expect(write(source, { signal: controller.signal, ...options, ...(session && { session }) })).rejects.toBeInstanceOf(SyncError)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('a write starts afresh, and removes what there is, when what was kept', () => {
  const OTHER = noise(SIZE, 7)
  test.each<[string, (part: string) => Promise<void>, Buffer, MemorySourceOptions]>([
    ['is of a source of another size', async () => {}, OTHER.subarray(1), {}],
    ['is of a source of another time', async () => {}, OTHER, { modified: new Date('2025-01-01T00:00:00.000Z') }],
    ['is of another version of the source', async () => {}, OTHER, { version: 'two' }],
    ['is gone', async (part) => await unlink(part), BYTES, {}],
    ['is shorter than it was', async (part) => await truncate(part, MIB), BYTES, {}],
    ['is longer than the source', async (part) => await truncate(part, SIZE + 1), BYTES, {}],
    ['holds other bytes than were sent', async (part) => await spoil(part, 5), BYTES, {}],
  ])('%s', async (_, happen, bytes, options) => {
    const interrupted = await interrupt({ source: { version: 'one' } })
    await happen(partOf(interrupted))
    const source = memorySource(bytes, { version: 'one', ...options })
    await write(source, interrupted.session ? { session: interrupted.session } : {})
    expect(source.opened).toEqual([0])
    await expectWhole(bytes)
  })

  test('is older than a day', async () => {
    const { session } = await interrupt()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 })
    const source = memorySource(BYTES)
    await write(source, session ? { session } : {})
    expect(source.opened).toEqual([0])
    await expectWhole()
  })
})

test('what is there already counts when room is looked for', async () => {
  const gib = 1024 * MIB
  const size = ((await freeBytes(root)) ?? 0) + 10 * gib
  const space = new FreeSpace()
  using held = await takeHold(root, 'folder')
  await space.assertFits(held, size, 'f.mov', 20 * gib)
  const fitting = space.assertFits(held, size, 'f.mov', gib)
  await expect(fitting).rejects.toMatchObject({ code: 'DISK_FULL', message: expect.stringContaining('of them are there') as string })
})

test.each(['../secret', 'secret', '/etc/hostname', '', 'sh020/.site-sync-0123456789abcdef.part', '..', '.site-sync-0123456789abcdef.part'])(
  'no session leads to a file that is not its own: %j',
  async (part) => {
    await writeFile(join(root, 'secret'), 'secret')
    await writeFile(join(folder, 'secret'), 'secret')
    await mkdir(join(folder, 'sh020'))
    await writeFile(join(folder, 'sh020/.site-sync-0123456789abcdef.part'), 'secret')
    // Such a name, but no file.
    await symlink(join(root, 'secret'), join(folder, '.site-sync-0123456789abcdef.part'))
    const { session } = await interrupt()
    const source = memorySource(BYTES)
    await write(source, { session: { ...session, part, previous: part } })
    expect(resumedAt(source)).toBe(0)
    for (const kept of ['secret', 'sh010/secret', 'sh010/sh020/.site-sync-0123456789abcdef.part']) {
      expect(await readFile(join(root, kept), 'utf8')).toBe('secret')
    }
  },
)

describe('one who lost his lease and does not know it', () => {
  test('neither takes the file away nor puts it in its place', async () => {
    const go = Promise.withResolvers<void>()
    const saved = Promise.withResolvers<WriteSession>()
    const late = memorySource(BYTES, { beforeChunk: async (at) => (at >= HALF ? await go.promise : undefined) })
    const clock = vi.spyOn(performance, 'now')
    // Each chunk comes after a long time, so that progress is saved.
    clock.mockImplementation(() => (clock.mock.calls.length + 1) * 10_000)
    const zombie = write(late, { saveSession: async (session) => Promise.resolve(saved.resolve(session)) })
    const session = await saved.promise
    clock.mockRestore()
    const heir = memorySource(BYTES)
    await write(heir, { session })
    expect(resumedAt(heir)).toBeGreaterThan(0)
    const { ino } = await lstat(join(folder, 'f.mov'))
    go.resolve()
    await zombie.catch(() => undefined)
    await expectWhole()
    expect((await lstat(join(folder, 'f.mov'))).ino).toBe(ino)
  })

  test('and writes something else into it is found out: once from the start, under another name', async () => {
    const interrupted = await interrupt()
    const zombie = await open(partOf(interrupted), 'r+')
    const names = new Set<string>()
    let isFirst = true
    const source = memorySource(BYTES, {
      async beforeChunk() {
        for (const name of await readdir(folder)) names.add(name)
        if (isFirst) await zombie.write(Buffer.from('other'), 0, 5, 0)
        isFirst = false
      },
    })
    await write(source, interrupted.session ? { session: interrupted.session } : {})
    await zombie.close()
    expect(source.opened).toEqual([expect.any(Number), 0])
    expect(names.size).toBe(2)
    expect(names).not.toContain(interrupted.left[0])
    await expectWhole()
  })
})

async function spoil(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(Buffer.from('spoiled'), 0, 7, at)
  await file.close()
}
