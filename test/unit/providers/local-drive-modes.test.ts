import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Site } from '../../../src/model/site.ts'
import { openByteSource } from '../../../src/providers/byte-source.ts'
import { LocalDrive } from '../../../src/providers/local-drive.ts'
import type { ByteSource, WriteOptions, WriteSession } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { siteOf } from '../../support/model-samples.ts'
import { permitOf, type Permission } from '../../support/permits.ts'

const MIB = 1024 * 1024
const signal = new AbortController().signal

let base: string
let from: string
let to: string
/** What the umask of this process leaves. */
let left: number
beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-modes-')))
  from = join(base, 'from')
  to = join(base, 'to')
  await Promise.all([mkdir(from), mkdir(to)])
  await writeFile(join(base, 'all'), '', { mode: 0o777 })
  left = await modeOf(join(base, 'all'))
})
afterEach(async () => await rm(base, { recursive: true }))

const modeOf = async (path: string): Promise<number> => (await lstat(path)).mode & 0o7777
const driveOf = (root: string, site: Partial<Site> = {}): LocalDrive =>
  new LocalDrive(siteOf('nas', { provider: 'local_drive', root, ...site }), { mayCreateRoot: false })
const write = async (
  drive: LocalDrive,
  path: string,
  source: ByteSource,
  options: Permission & Partial<Pick<WriteOptions, 'signal' | 'onProgress'>> = {},
): Promise<number> => {
  const quiet = { signal, onProgress: () => {}, permit: permitOf(options) }
  const file = await drive.write({ root: to, path }, source, { ...quiet, ...options })
  const mode = await modeOf(join(to, path))
  expect(file.mode).toBe(mode)
  return mode
}
const sourceOf = async (size: number, mode: number): Promise<ByteSource> => {
  await writeFile(join(from, 'f'), Buffer.alloc(size, 'f'))
  await chmod(join(from, 'f'), mode)
  return await openByteSource(driveOf(from), { root: from, path: 'f' }, { signal, checksumAlgorithm: 'sha256' })
}

describe.each([10, 2 * MIB])('%i bytes', (size) => {
  test.each([0o600, 0o640, 0o644, 0o666, 0o777, 0o400, 0o444, 0o4755, 0o2755, 0o1644])(
    'of a file with the permissions %o arrive with them, but for what the umask takes and special bits',
    async (mode) => {
      await writeFile(join(to, 'f'), 'old', { mode: 0o666 })
      expect(await write(driveOf(to), 'f', await sourceOf(size, mode))).toBe(mode & left)
      expect(await readFile(join(to, 'f'))).toEqual(Buffer.alloc(size, 'f'))
    },
  )

  test('of a source without permissions arrive with those of a new file', async () => {
    expect(await write(driveOf(to), 'f', memorySource(Buffer.alloc(size)))).toBe(0o666 & left)
  })

  test('arrive with file_mode where the site has one; only new folders get folder_mode', async () => {
    await mkdir(join(to, 'there'), { mode: 0o700 })
    const drive = driveOf(to, { fileMode: 0o666, folderMode: 0o2777 })
    expect(await write(drive, 'there/new/deep/f', await sourceOf(size, 0o600))).toBe(0o666)
    expect(await write(drive, 'there/g', memorySource(Buffer.alloc(size)))).toBe(0o666)
    expect([await modeOf(join(to, 'there')), await modeOf(join(to, 'there/new')), await modeOf(join(to, 'there/new/deep'))]).toEqual([
      0o700, 0o2777, 0o2777,
    ])
  })

  test('are for nobody else before they are whole', async () => {
    const seen: number[] = []
    const look = async (): Promise<void> => {
      for (const name of await readdir(to)) seen.push(await modeOf(join(to, name)))
    }
    const source = memorySource(Buffer.alloc(size), { chunkBytes: MIB, beforeChunk: look })
    await write(driveOf(to, { fileMode: 0o666 }), 'f', source)
    expect(new Set(seen)).toEqual(new Set(size > MIB ? [0o600] : []))
  })
})

test('a copy that is gone on with gets them, too, and is for nobody else meanwhile', async () => {
  let session: WriteSession | undefined
  const saveSession = async (saved: WriteSession): Promise<void> => void (session = await Promise.resolve(saved))
  const beforeChunk = (at: number): void => {
    if (at > MIB) throw new SyncError('INTERRUPTED', 'the source was cut off')
  }
  const bytes = Buffer.alloc(4 * MIB, 'f')
  const cut = write(driveOf(to), 'f', memorySource(bytes, { chunkBytes: MIB, beforeChunk }), { saveSession })
  await expect(cut).rejects.toMatchObject({ code: 'INTERRUPTED' })
  const [part, ...others] = await readdir(to)
  expect(others).toEqual([])
  expect(await modeOf(join(to, String(part)))).toBe(0o600)
  const { opened, ...rest } = memorySource(bytes, { chunkBytes: MIB })
  expect(await write(driveOf(to), 'f', { ...rest, mode: 0o640 }, { session: session as WriteSession })).toBe(0o640 & left)
  expect(opened).toEqual([2 * MIB])
})
