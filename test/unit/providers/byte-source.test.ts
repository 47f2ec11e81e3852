import { createHash } from 'node:crypto'
import { appendFile, chmod, mkdtemp, rename, rm, stat as statOf, truncate, unlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { openByteSource } from '../../../src/providers/byte-source.ts'
import { LocalDrive } from '../../../src/providers/local-drive.ts'
import type { ByteSource, RemoteFile } from '../../../src/providers/provider.ts'
import type { Fault } from '../../support/chaos-provider.ts'
import { ChaosProvider } from '../../support/chaos-provider.ts'
import { MemoryProvider } from '../../support/memory-provider.ts'

const signal = new AbortController().signal
const CONTENT = Buffer.from('0123456789'.repeat(400_000))
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

describe('a byte source in memory', () => {
  const path = { root: '/m', path: 'p/a.ma' }
  const setup = (faults: readonly Fault[] = [], content = CONTENT): { memory: MemoryProvider; provider: ChaosProvider } => {
    const memory = new MemoryProvider({ name: 'm', provider: 'memory', root: '/m', alternativeSites: [] })
    memory.store.put('/m/p/a.ma', content)
    return { memory, provider: new ChaosProvider(memory, faults) }
  }

  test('what went by once is not read again for its checksum', async () => {
    const { memory, provider } = setup()
    const source = await openByteSource(provider, path, { signal, checksumAlgorithm: 'sha256' })
    expect(source.size).toBe(CONTENT.length)
    expect((await readAll(source)).equals(CONTENT)).toBe(true)
    expect(await source.checksum('sha256', signal)).toBe(sha256(CONTENT))
    expect(memory.calls.read).toBe(1)
  })

  test('what was not read from its start to its end is, for its checksum', async () => {
    const { memory, provider } = setup()
    const source = await openByteSource(provider, path, { signal, checksumAlgorithm: 'sha256' })
    expect((await readAll(source, 1000)).equals(CONTENT.subarray(1000))).toBe(true)
    for await (const chunk of await source.open(0, signal)) if ((chunk as Buffer).length > 0) break
    expect(await source.checksum('sha256', signal)).toBe(sha256(CONTENT))
    expect(await source.checksum('sha256', signal)).toBe(sha256(CONTENT))
    expect(memory.calls.read).toBe(3)
  })

  test('the checksum that the site itself has is believed, and what was read is held against it', async () => {
    const { memory, provider } = setup([{ verb: 'read', with: 'corrupt' }])
    const source = await openByteSource(provider, path, { signal })
    expect(await source.checksum('md5', signal)).toBe(createHash('md5').update(CONTENT).digest('hex'))
    expect(memory.calls.read).toBe(0)
    await expect(readAll(source)).rejects.toMatchObject({ code: 'VERIFY_FAILED', message: expect.stringContaining('/m/p/a.ma') as string })
  })

  test('one who had all its bytes, in several goes, says its checksum: nobody reads it again, and another one is a fault', async () => {
    const { memory, provider } = setup()
    const source = await openByteSource(provider, path, { signal, checksumAlgorithm: 'sha256' })
    for await (const chunk of await source.open(1_000, signal, { unhashed: true })) void chunk
    source.learn?.('sha256', sha256(CONTENT))
    expect(await source.checksum('sha256', signal)).toBe(sha256(CONTENT))
    expect(memory.calls.read).toBe(1)
    expect(() => source.learn?.('sha256', sha256(Buffer.from('other')))).toThrow(expect.objectContaining({ code: 'SOURCE_CHANGED' }))
    expect(source.ownChecksum).toBe('md5')
    expect(() => source.learn?.('md5', 'f'.repeat(32))).toThrow(expect.objectContaining({ code: 'VERIFY_FAILED' }))
  })

  test('what its reader hashes himself is not hashed twice', async () => {
    const { memory, provider } = setup()
    const source = await openByteSource(provider, path, { signal, checksumAlgorithm: 'sha256' })
    for await (const chunk of await source.open(0, signal, { unhashed: true })) void chunk
    await source.checksum('sha256', signal)
    expect(memory.calls.read).toBe(2)
  })

  test('a time that no calendar knows is no change', async () => {
    const { memory } = setup()
    const stat = memory.stat.bind(memory)
    memory.stat = async (...call) => {
      const { version: _, ...file } = (await stat(...call)) as RemoteFile
      return { ...file, modified: new Date(Number.NaN) }
    }
    const source = await openByteSource(memory, path, { signal })
    await expect(source.assertUnchanged()).resolves.toBeUndefined()
  })

  test.each([10, CONTENT.length])('of %i bytes, one lost is noticed', async (size) => {
    const { provider } = setup([{ verb: 'read', with: 'truncate' }], CONTENT.subarray(0, size))
    const source = await openByteSource(provider, path, { signal })
    await expect(readAll(source)).rejects.toMatchObject({ code: 'SOURCE_CHANGED', message: expect.stringContaining('shrank') as string })
  })

  test('a stream that fails fails its reader, also one who comes late', async () => {
    const { provider } = setup([{ verb: 'read', with: new SyncError('INTERRUPTED', 'cut'), afterBytes: 3_000_000 }])
    const source = await openByteSource(provider, path, { signal })
    const stream = await source.open(0, signal)
    stream.resume()
    await expect.poll(() => stream.errored).toMatchObject({ code: 'INTERRUPTED' })
    await expect(Array.fromAsync(stream)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })

  test('a missing file is named in full; trouble of the site stays that', async () => {
    const missing = openByteSource(setup().provider, { root: '/m', path: 'none.ma' }, { signal })
    await expect(missing).rejects.toMatchObject({ code: 'SOURCE_MISSING', message: expect.stringContaining('/m/none.ma') as string })
    const denied = setup([{ verb: 'stat', with: new SyncError('PERMISSION', 'the account was shut out') }]).provider
    await expect(openByteSource(denied, path, { signal })).rejects.toMatchObject({ code: 'PERMISSION' })
  })

  test('a file that changed, or went, is not what it was', async () => {
    const { memory, provider } = setup()
    const source = await openByteSource(provider, path, { signal })
    await source.assertUnchanged()
    memory.store.put('/m/p/a.ma', CONTENT)
    await expect(source.assertUnchanged()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
    await memory.remove(path, { signal })
    await expect(source.assertUnchanged()).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })
})

describe('a byte source on disk', () => {
  let root: string
  let file: string
  let drive: LocalDrive
  const open = async (): Promise<ByteSource> =>
    await openByteSource(drive, { root, path: 'a.exr' }, { signal, checksumAlgorithm: 'sha256' })

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'site-sync-byte-source-'))
    file = join(root, 'a.exr')
    drive = new LocalDrive({ name: 'studio', provider: 'local_drive', root, alternativeSites: [] }, { mayCreateRoot: false })
    await writeFile(file, CONTENT)
  })
  afterEach(async () => await rm(root, { recursive: true }))

  test('it has the permissions of its file, and opens it', async () => {
    await chmod(file, 0o640)
    const source = await open()
    expect(source.mode).toBe(0o640)
    await using opened = await source.openFile?.(signal)
    expect((await opened?.stat())?.ino).toBe((await statOf(file)).ino)
  })

  const CHANGES: readonly (readonly [string, () => Promise<void>])[] = [
    ['a byte more', async () => await appendFile(file, 'x')],
    ['a byte less', async () => await truncate(file, CONTENT.length - 1)],
    ['another time', async () => await utimes(file, 1, 1.001)],
    ['another file of the same size and time', replaceByTwin],
    ['removal', async () => await unlink(file)],
  ]
  async function replaceByTwin(): Promise<void> {
    const { modified } = (await drive.stat({ root, path: 'a.exr' }, { signal })) as { modified: Date }
    await writeFile(`${file}.new`, CONTENT)
    await utimes(`${file}.new`, modified, modified)
    await rename(`${file}.new`, file)
  }

  test.each(CHANGES)('%s is a change', async (_, change) => {
    const source = await open()
    await source.assertUnchanged()
    await change()
    await expect(source.assertUnchanged()).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining(file) as string,
    })
  })

  test('another mode is none', async () => {
    const source = await open()
    await chmod(file, 0o600)
    expect(await source.assertUnchanged()).toBeUndefined()
  })

  test.each([10, CONTENT.length])('a file of %i bytes that grows is noticed by its reader', async (size) => {
    await writeFile(file, CONTENT.subarray(0, size))
    const source = await open()
    await appendFile(file, 'more')
    await expect(readAll(source)).rejects.toMatchObject({ code: 'SOURCE_CHANGED', message: expect.stringContaining('grew') as string })
  })

  test('a file that changes between two reads is noticed', async () => {
    const source = await open()
    await readAll(source)
    await writeFile(file, Buffer.alloc(CONTENT.length))
    await expect(readAll(source)).rejects.toMatchObject({ code: 'SOURCE_CHANGED', message: expect.stringContaining('two reads') as string })
  })

  test('a root that is not there is trouble of the site, not a missing file', async () => {
    const gone = { root: join(root, 'unmounted'), path: 'a.exr' }
    for (const mayCreateRoot of [true, false]) {
      drive = new LocalDrive({ ...drive.site, root: gone.root }, { mayCreateRoot })
      await expect(openByteSource(drive, gone, { signal })).rejects.toMatchObject({ code: 'ROOT_MISSING', kind: 'site' })
    }
  })
})

async function readAll(source: ByteSource, fromByte = 0): Promise<Buffer> {
  return Buffer.concat((await Array.fromAsync(await source.open(fromByte, signal))) as Buffer[])
}
