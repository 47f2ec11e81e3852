import { createHash, randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  open as openFile,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { LocalDrive } from '../../../src/providers/local-drive.ts'
import type { ByteSource, RemoteFile } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { permitOf } from '../../support/permits.ts'
import { waitFor } from '../../support/wait-for.ts'

const MIB = 1024 * 1024
const signal = new AbortController().signal

describe('local_drive', () => {
  let base: string
  let root: string
  let outside: string
  let drive: LocalDrive

  const open = (mayCreateRoot: boolean, at: string | ReadonlyMap<string, string> = root): LocalDrive =>
    new LocalDrive({ name: 'studio', provider: 'local_drive', root: at, alternativeSites: [] }, { mayCreateRoot })
  const write = async (path: string, content: string | Buffer | ByteSource, to = drive): Promise<RemoteFile> => {
    const source = typeof content === 'string' || Buffer.isBuffer(content) ? memorySource(content) : content
    return await to.write({ root, path }, source, { signal, permit: permitOf(), onProgress: () => {} })
  }
  const stat = async (path: string, of = drive): Promise<RemoteFile | undefined> => await of.stat({ root, path }, { signal })
  const read = async (path: string, of = drive): Promise<string> =>
    String(Buffer.concat((await Array.fromAsync(await of.read({ root, path }, { signal }))) as Buffer[]))
  const list = async (path: string, of = drive): Promise<string[]> =>
    (await Array.fromAsync(of.list({ root, path }, { signal }))).map(({ name }) => name).toSorted()
  const temporary = async (): Promise<string[]> => (await readdir(root)).filter((name) => name.endsWith('.part'))
  const remove = async (path: string, of = drive): Promise<unknown> => await of.remove({ root, path }, { signal })

  beforeEach(async () => {
    base = await realpath(await mkdtemp(join(tmpdir(), 'site-sync-disk-')))
    root = join(base, 'root')
    outside = join(base, 'outside')
    await Promise.all([mkdir(root), mkdir(outside)])
    drive = open(false)
  })
  afterEach(async () => await rm(base, { recursive: true }))

  describe('symbolic links', () => {
    beforeEach(async () => {
      await writeFile(join(outside, 'secret'), 'secret')
      await symlink(outside, join(root, 'way-out'))
      await symlink(join(outside, 'secret'), join(root, 'secret-link'))
      await symlink(join(root, 'gone'), join(root, 'dangling'))
      await writeFile(join(root, 'inside'), 'inside')
      await symlink('inside', join(root, 'inside-link'))
    })

    test('nothing is done through one that leads out', async () => {
      const refused = { code: 'BAD_PATH', message: expect.stringContaining(root) as string }
      for (const call of [stat, read, remove]) await expect(call('way-out/secret')).rejects.toMatchObject(refused)
      await expect(list('way-out')).rejects.toMatchObject(refused)
      for (const path of ['way-out/secret', 'way-out/new', 'way-out/new/deep', 'way-out/ž', 'way-out/ž/deep']) {
        await expect(write(path, 'x')).rejects.toMatchObject(refused)
      }
      expect(await readdir(outside)).toEqual(['secret'])
      expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret')
    })

    test('one that takes the place of a folder between two writes is not followed', async () => {
      await write('a/b/one', '1')
      await rename(join(root, 'a'), join(root, 'moved'))
      await symlink(outside, join(root, 'a'))
      await mkdir(join(outside, 'b'))
      await expect(write('a/b/two', '2')).rejects.toMatchObject({ code: 'BAD_PATH' })
      expect(await readdir(join(outside, 'b'))).toEqual([])
    })

    test('what was there a moment ago is not relied on: a link in its place is refused, a file in its place is seen, and so is its end', async () => {
      await write('a/b/one', '1')
      await write('a/b/two', '2')
      expect([await read('a/b/one'), (await stat('a/b/two'))?.size]).toEqual(['1', 1])
      await rm(join(root, 'a/b/one'))
      await symlink(join(outside, 'secret'), join(root, 'a/b/one'))
      for (const call of [stat, read]) await expect(call('a/b/one')).rejects.toMatchObject({ code: 'BAD_PATH' })
      expect(await read('a/b/two')).toBe('2')
      await writeFile(join(root, 'a/b/two'), 'another')
      expect([await read('a/b/two'), (await stat('a/b/two'))?.size]).toEqual(['another', 7])
      await rename(join(root, 'a'), join(root, 'moved'))
      expect(await stat('a/b/two')).toBeUndefined()
      await expect(read('a/b/two')).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
    })

    test('one at the name of the file is replaced, never written through', async () => {
      await expect(read('secret-link')).rejects.toMatchObject({ code: 'BAD_PATH' })
      for (const name of ['secret-link', 'dangling', 'inside-link']) {
        await write(name, `new ${name}`)
        expect((await lstat(join(root, name))).isFile()).toBe(true)
        expect(await read(name)).toBe(`new ${name}`)
      }
      expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret')
      expect(await read('inside')).toBe('inside')
      expect(await stat('gone')).toBeUndefined()
    })

    test('one that leads nowhere, in the place of a folder: nothing can be written below it, and it says so at once', async () => {
      for (const path of ['dangling/new', 'dangling/deep/new', 'dangling/ž']) {
        await expect(write(path, 'x')).rejects.toMatchObject({
          code: 'TARGET_CONFLICT',
          message: `${join(root, 'dangling')} is a symbolic link that leads nowhere: a folder is needed there`,
        })
        expect(await stat(path)).toBeUndefined()
      }
      expect((await lstat(join(root, 'dangling'))).isSymbolicLink()).toBe(true)
      await mkdir(join(root, 'gone'))
      await write('dangling/new', 'x')
      expect(await read('gone/new')).toBe('x')
    })

    test('one that stays inside is read and listed; removing it leaves what it points to', async () => {
      expect(await read('inside-link')).toBe('inside')
      expect(await list('')).toEqual(['inside', 'inside-link'])
      await remove('inside-link')
      expect(await list('')).toEqual(['inside'])
    })

    test('the root may be one, and may come to lead elsewhere', async () => {
      await symlink(root, join(base, 'work'))
      const linked = { root: join(base, 'work'), path: 'inside' }
      expect((await drive.stat(linked, { signal }))?.size).toBe(6)
      await rm(join(base, 'work'))
      await symlink(outside, join(base, 'work'))
      expect((await drive.stat({ ...linked, path: 'secret' }, { signal }))?.size).toBe(6)
    })
  })

  describe('what is no file', () => {
    test('a folder and a FIFO are refused at once', async () => {
      await mkdir(join(root, 'folder'))
      execFileSync('sh', ['-c', 'mkfifo "$0"', join(root, 'fifo')])
      for (const name of ['folder', 'fifo']) {
        const refused = { code: 'NOT_A_FILE', message: expect.stringContaining(join(root, name)) as string }
        await expect(stat(name)).rejects.toMatchObject(refused)
        await expect(read(name)).rejects.toMatchObject(refused)
      }
      await expect(remove('folder')).rejects.toMatchObject({ code: 'NOT_A_FILE' })
      expect(await list('')).toEqual([])
    })

    test('a folder is not replaced by a file, nor a file by a folder', async () => {
      await write('a/b', 'x')
      const conflict = (path: string): object => ({ code: 'TARGET_CONFLICT', message: expect.stringContaining(join(root, path)) as string })
      await expect(write('a', 'x')).rejects.toMatchObject(conflict('a'))
      await expect(write('a/b/c', 'x')).rejects.toMatchObject(conflict('a/b/c'))
      await expect(write('a/b/c/d', 'x')).rejects.toMatchObject(conflict('a/b/c/d'))
      expect(await stat('a/b/c')).toBeUndefined()
      expect(await readdir(root, { recursive: true })).toEqual(['a', join('a', 'b')])
    })

    test('a name that is too long is a bad path', async () => {
      const name = 'n'.repeat(256)
      expect(await stat(name)).toBeUndefined()
      await expect(write(name, 'x')).rejects.toMatchObject({ code: 'BAD_PATH' })
      await expect(write(`${name}/x`, 'x')).rejects.toMatchObject({ code: 'BAD_PATH' })
      expect(await readdir(root)).toEqual([])
    })
  })

  describe('roots', () => {
    const missing = { code: 'ROOT_MISSING', kind: 'site', message: expect.stringContaining('is it mounted?') as string }

    test('below one that is not there nothing is known', async () => {
      await rm(root, { recursive: true })
      const calls = [drive.probe({ signal }), stat('x'), read('x'), list(''), remove('x'), write('x', 'x'), write('ž/ž', 'x')]
      await Promise.all(calls.map(async (call) => await expect(call).rejects.toMatchObject(missing)))
      expect(await readdir(base)).toEqual(['outside'])
    })

    test('one that may be created is, by the first write', async () => {
      root = join(base, 'new', 'root')
      drive = open(true)
      await drive.probe({ signal })
      expect([await stat('x'), await list(''), await remove('x')]).toEqual([undefined, [], undefined])
      await expect(read('x')).rejects.toMatchObject(missing)
      expect(await readdir(base)).not.toContain('new')
      await write('a/x', 'x')
      expect(await read('a/x')).toBe('x')
    })

    test('one that was there is not created again', async () => {
      drive = open(true)
      await write('x', 'x')
      await rm(root, { recursive: true })
      const calls = [drive.probe({ signal }), stat('x'), write('x', 'x')]
      await Promise.all(calls.map(async (call) => await expect(call).rejects.toMatchObject(missing)))
    })

    test('all of a site are probed', async () => {
      await open(
        false,
        new Map([
          ['work', root],
          ['render', outside],
        ]),
      ).probe({ signal })
      const second = join(base, 'unmounted')
      const probing = open(
        false,
        new Map([
          ['work', root],
          ['render', second],
        ]),
      ).probe({ signal })
      await expect(probing).rejects.toMatchObject({ code: 'ROOT_MISSING', message: expect.stringContaining(second) as string })
    })

    test('one that is a file, or no absolute path, is said to be', async () => {
      await writeFile(join(base, 'file'), '')
      await expect(open(false, join(base, 'file')).probe({ signal })).rejects.toMatchObject({
        code: 'ROOT_MISSING',
        message: /not a folder/,
      })
      await expect(open(false, 'relative').probe({ signal })).rejects.toMatchObject({ code: 'MISCONFIGURED', kind: 'site' })
      await expect(drive.stat({ root: 'relative', path: 'x' }, { signal })).rejects.toMatchObject({ code: 'BAD_ROOT' })
    })
  })

  test('what may not be written is trouble of the site; what may not be read, of the file', async () => {
    await chmod(base, 0o755)
    await writeFile(join(root, 'private'), 'x', { mode: 0o000 })
    await mkdir(join(root, 'closed'), { mode: 0o000 })
    await chmod(root, 0o555)
    const faults = await unprivileged(
      async () => await Promise.allSettled([write('x', 'x'), remove('private'), stat('closed/x'), read('private'), read('closed/x')]),
    )
    await Promise.all([chmod(root, 0o755), chmod(join(root, 'closed'), 0o755)])
    const denied = (code: string, path: string): object => ({
      reason: { code, message: expect.stringContaining(join(root, path)) as string },
    })
    expect(faults).toMatchObject([
      denied('PERMISSION', 'x'),
      denied('PERMISSION', 'private'),
      denied('PERMISSION', 'closed/x'),
      denied('SOURCE_UNREADABLE', 'private'),
      denied('SOURCE_UNREADABLE', 'closed/x'),
    ])
  })

  describe('writing', () => {
    test.each([10, 2 * MIB, 65 * MIB])('%i bytes that are not what the source has leave the old file, and nothing else', async (size) => {
      await write('f.exr', 'old')
      const source = { ...memorySource(Buffer.alloc(size, 1)), checksum: async () => await Promise.resolve('0'.repeat(64)) }
      const failed = { code: 'VERIFY_FAILED', message: expect.stringContaining(join(root, 'f.exr')) as string }
      await expect(write('f.exr', source)).rejects.toMatchObject(failed)
      expect(await readdir(root)).toEqual(['f.exr'])
      expect(await read('f.exr')).toBe('old')
    })

    // 65 MiB are hashed by a thread behind the writer.
    test.each([10, 2 * MIB, 65 * MIB])('%i bytes arrive as they are, with the checksum of what was read back', async (size) => {
      const bytes = randomBytes(size)
      const { checksum } = await write('f.exr', memorySource(bytes))
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      expect(checksum).toEqual({ algorithm: 'sha256', value: sha256 })
      expect((await readFile(join(root, 'f.exr'))).equals(bytes)).toBe(true)
    })

    test.each([10, 2 * MIB])(
      '%i bytes of a source without a mode get that of a new file, whatever file they are cloned from',
      async (size) => {
        const from = join(outside, 'from')
        await writeFile(from, Buffer.alloc(size), { mode: 0o400 })
        await writeFile(join(outside, 'plain'), '')
        await write('d/f.exr', { ...memorySource(Buffer.alloc(size)), openFile: async () => await openFile(from) })
        await mkdir(join(outside, 'd'))
        expect((await lstat(join(root, 'd/f.exr'))).mode).toBe((await lstat(join(outside, 'plain'))).mode)
        expect((await lstat(join(root, 'd'))).mode).toBe((await lstat(join(outside, 'd'))).mode)
      },
    )

    test('the file on its way is not listed, and its name fits the longest target', async () => {
      const names: string[][] = []
      const beforeChunk = async (at: number): Promise<void> => {
        if (at > 0) names.push(await readdir(root), await list(''))
      }
      const target = 'n'.repeat(255)
      await write(target, memorySource(Buffer.alloc(3 * MIB), { chunkBytes: 2 * MIB, beforeChunk }))
      expect(names).toEqual([[expect.stringMatching(/^\.site-sync-[0-9a-f]{16}\.part$/)], []])
      expect(await readdir(root)).toEqual([target])
    })

    test('a small source is read while its temporary file is made, and is looked at again while that is read back', async () => {
      const seen: (readonly string[])[] = []
      const source = memorySource('new', {
        beforeChunk: async () => void (await waitFor('a temporary file', async () => (await temporary()).length === 1)),
      })
      await write('f.exr', 'old')
      await write('f.exr', {
        ...source,
        assertUnchanged: async () => {
          const [part = ''] = await temporary()
          seen.push([await readFile(join(root, part), 'utf8'), await read('f.exr')])
        },
      })
      expect(seen).toEqual([['new', 'old']])
      expect(await read('f.exr')).toBe('new')
    })

    test.each([10, 2 * MIB])('%i bytes of a source that fails, or has changed, leave the old file, and nothing else', async (size) => {
      await write('f.exr', 'old')
      const failing = { beforeChunk: () => Promise.reject(new SyncError('INTERRUPTED', 'the source broke off')) }
      await expect(write('f.exr', memorySource(Buffer.alloc(size), failing))).rejects.toMatchObject({ code: 'INTERRUPTED' })
      await expect(write('f.exr', memorySource(Buffer.alloc(size), { changed: () => true }))).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
      })
      await expect(write('f.exr', { ...memorySource(Buffer.alloc(size)), size: size - 1 })).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
      })
      expect(await readdir(root)).toEqual(['f.exr'])
      expect(await read('f.exr')).toBe('old')
    })

    test('what is told of the new file is what is there', async () => {
      expect(await write('a/f.exr', Buffer.alloc(2 * MIB))).toEqual({
        ...(await stat('a/f.exr')),
        checksum: { algorithm: 'sha256', value: '5647f05ec18958947d32874eeb788fa396a05d0bab7c1b71f112ceb7e9b31eee' },
      })
      expect(await stat('a/f.exr')).toMatchObject({ id: 'a/f.exr' })
    })

    test('two spellings at once are one file', async () => {
      const spellings = ['ů/ž.exr', 'ů/ž.exr', 'ů/ž.exr', 'ů/ž.exr'].map((path, i) => path.normalize(i % 2 === 0 ? 'NFC' : 'NFD'))
      await Promise.all(spellings.map(async (path) => await write(path, path)))
      const [folder, ...others] = await readdir(root)
      expect(others).toEqual([])
      expect(await readdir(join(root, String(folder)))).toHaveLength(1)
      expect((await stat(String(spellings[1])))?.id).toBe((await stat(String(spellings[0])))?.id)
    })
  })
})

/** Root is denied nothing: for a while, be somebody else. */
async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  const asRoot = process.getuid?.() === 0
  if (asRoot) process.seteuid?.(65_534)
  try {
    return await work()
  } finally {
    if (asRoot) process.seteuid?.(0)
  }
}
