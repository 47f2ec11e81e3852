import { createHash } from 'node:crypto'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type { RootedPath } from '../../src/model/site.ts'
import type { ByteSource, Provider, RemoteFile, WriteOptions, WriteSession } from '../../src/providers/provider.ts'
import type { MemorySource } from '../support/memory-source.ts'
import { memorySource } from '../support/memory-source.ts'

/** A provider to be tested, with an empty root of its own. */
export interface Subject {
  readonly provider: Provider
  readonly root: string
  /** The bytes at a path below the root, read past the provider; undefined when there is no file. */
  readBack(path: string): Promise<Buffer | undefined>
  dispose(): Promise<void>
}

const KIB = 1024
const MIB = 1024 * KIB

/** Every promise of `Provider`, as tests. `setup` is called once a test. */
export function providerContract(name: string, setup: () => Promise<Subject>): void {
  describe(`${name} keeps the contract of a provider`, () => {
    let subject: Subject

    beforeEach(async () => {
      subject = await setup()
    })
    afterEach(async () => {
      await subject.dispose()
    })

    const at = (path: string): RootedPath => ({ root: subject.root, path })
    const stat = async (path: string): Promise<RemoteFile | undefined> => await subject.provider.stat(at(path), { signal: never() })
    const write = async (path: string, source: ByteSource | Buffer | string, options: Partial<WriteOptions> = {}): Promise<RemoteFile> =>
      await subject.provider.write(at(path), isSource(source) ? source : memorySource(source), { ...quiet(), ...options })
    const read = async (path: string, fromByte?: number): Promise<Buffer> => {
      const stream = await subject.provider.read(at(path), { signal: never(), ...(fromByte === undefined ? {} : { fromByte }) })
      return Buffer.concat((await Array.fromAsync(stream)) as Buffer[])
    }
    const names = async (folder: string): Promise<string[]> => {
      const files = await Array.fromAsync(subject.provider.list(at(folder), { signal: never() }))
      return files.map((file) => file.name).toSorted()
    }

    describe('stat and write', () => {
      test('a missing file is undefined, in a missing folder too', async () => {
        expect(await stat('absent.ma')).toBeUndefined()
        expect(await stat('no/such/folder/absent.ma')).toBeUndefined()
      })

      test('what was written is described and read as it was', async () => {
        const written = await write('a.ma', 'some bytes')
        expect(written).toMatchObject({ size: 10, id: expect.stringMatching(/./) })
        expect(await stat('a.ma')).toMatchObject({ id: written.id, size: 10 })
        expect(String(await read('a.ma'))).toBe('some bytes')
        expect(String(await subject.readBack('a.ma'))).toBe('some bytes')
      })

      test('folders above the file are created', async () => {
        await write('assets/char/hero/v001/hero.ma', 'x')
        expect(String(await subject.readBack('assets/char/hero/v001/hero.ma'))).toBe('x')
      })

      test.each([0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1])('%i bytes', async (size) => {
        const bytes = noise(size)
        expect((await write('f.exr', bytes)).size).toBe(size)
        expect((await stat('f.exr'))?.size).toBe(size)
        expect(same(await subject.readBack('f.exr'), bytes)).toBe(true)
        expect(same(await read('f.exr'), bytes)).toBe(true)
      })

      test('a file is replaced, also by one of the same size and time, and stays one file', async () => {
        await write('f.exr', 'old bytes')
        await write('f.exr', 'new bytes')
        expect(String(await subject.readBack('f.exr'))).toBe('new bytes')
        await write('f.exr', '')
        expect(await subject.readBack('f.exr')).toHaveLength(0)
        await write('f.exr', 'longer than ever before')
        expect(String(await read('f.exr'))).toBe('longer than ever before')
        expect(await names('')).toEqual(['f.exr'])
      })

      test('the time of modification is kept to the millisecond', async () => {
        for (const time of ['2024-03-05T06:07:08.123Z', '1999-12-31T23:59:59.999Z', '2031-01-01T00:00:00.001Z']) {
          const modified = new Date(time)
          expect((await write('f.ma', memorySource(time, { modified }))).modified).toEqual(modified)
          expect((await stat('f.ma'))?.modified).toEqual(modified)
        }
      })

      test('the version changes with the content', async () => {
        await write('f.ma', 'one')
        const first = await stat('f.ma')
        expect(await stat('f.ma')).toEqual(first)
        await write('f.ma', 'two')
        const second = await stat('f.ma')
        expect([second?.version, second?.checksum?.value]).not.toEqual([first?.version, first?.checksum?.value])
      })

      test('the checksum is that of the stored bytes', async () => {
        const bytes = noise(300 * KIB)
        const written = await write('f.exr', bytes)
        const file = (await stat('f.exr')) as RemoteFile
        const { checksumAlgorithm: algorithm } = subject.provider
        const expected = createHash(algorithm).update(bytes).digest('hex')
        for (const described of [written, file]) {
          expect(await subject.provider.checksum(at('f.exr'), described, { signal: never() })).toBe(expected)
          if (described.checksum !== undefined) expect(described.checksum).toEqual({ algorithm, value: expected })
        }
      })

      test('progress grows from call to call and ends with the size', async () => {
        const seen: number[] = []
        await write('f.exr', noise(5 * MIB + 1), { onProgress: (bytes) => seen.push(bytes) })
        expect(seen).toEqual(seen.toSorted((a, b) => a - b))
        expect(seen.at(-1)).toBe(5 * MIB + 1)
      })
    })

    describe('names', () => {
      test.each(ODD_NAMES)('%j is kept to the letter', async (odd) => {
        await write(`${odd}/${odd}`, 'content')
        expect(await names(odd)).toEqual([odd])
        expect(String(await subject.readBack(`${odd}/${odd}`))).toBe('content')
        expect(String(await read(`${odd}/${odd}`))).toBe('content')
        await write(`${odd}/${odd}`, 'replaced')
        expect(await names(odd)).toEqual([odd])
        await subject.provider.remove(at(`${odd}/${odd}`), { signal: never() })
        expect(await stat(`${odd}/${odd}`)).toBeUndefined()
      })

      test('composed and decomposed letters name the same file and the same folder', async () => {
        const [nfc, nfd] = ['žluťoučký kůň', 'žluťoučký kůň'].map((text, i) => text.normalize(i === 0 ? 'NFC' : 'NFD')) as [string, string]
        await write(`${nfc}/${nfc}.ma`, 'first')
        expect((await stat(`${nfd}/${nfd}.ma`))?.size).toBe(5)
        await write(`${nfd}/${nfd}.ma`, 'second')
        expect(await names(nfd)).toEqual([`${nfc}.ma`])
        expect(await names(nfc)).toEqual([`${nfc}.ma`])
        expect(String(await subject.readBack(`${nfc}/${nfc}.ma`))).toBe('second')
        await subject.provider.remove(at(`${nfd}/${nfd}.ma`), { signal: never() })
        expect(await names(nfc)).toEqual([])
      })

      test.each(['../x', 'a/../../x', 'a/../x', '..'])('%j is refused', async (path) => {
        const refused = { code: 'BAD_PATH' }
        await expect(stat(path)).rejects.toMatchObject(refused)
        await expect(read(path)).rejects.toMatchObject(refused)
        await expect(write(path, 'x')).rejects.toMatchObject(refused)
        await expect(subject.provider.remove(at(path), { signal: never() })).rejects.toMatchObject(refused)
        await expect(names(path)).rejects.toMatchObject(refused)
      })
    })

    describe('read, list, remove', () => {
      test('reading what is missing says so', async () => {
        await expect(read('absent.ma')).rejects.toMatchObject({ code: 'SOURCE_MISSING', message: expect.stringContaining('absent.ma') })
      })

      test.each([0, 1, 256 * KIB, 2 * MIB, 3 * MIB - 1, 3 * MIB])('reading starts at byte %i', async (fromByte) => {
        const bytes = noise(3 * MIB)
        await write('f.exr', bytes)
        expect(same(await read('f.exr', fromByte), bytes.subarray(fromByte))).toBe(true)
      })

      test('an aborted read ends', async () => {
        await write('f.exr', noise(5 * MIB))
        const controller = new AbortController()
        const stream = await subject.provider.read(at('f.exr'), { signal: controller.signal })
        const reading = (async (): Promise<void> => {
          for await (const chunk of stream) if ((chunk as Buffer).length > 0) controller.abort()
        })()
        await expect(reading).rejects.toThrow(/.*/)
        await expect(subject.provider.read(at('f.exr'), { signal: controller.signal })).rejects.toThrow(/.*/)
      })

      test('files of a folder are listed, not its folders, nor what is below them', async () => {
        for (const path of ['top.ma', 'a/one.ma', 'a/two.ma', 'a/b/three.ma']) await write(path, path)
        expect(await names('')).toEqual(['top.ma'])
        expect(await names('a')).toEqual(['one.ma', 'two.ma'])
        expect(await names('a/b')).toEqual(['three.ma'])
        expect(await names('missing/folder')).toEqual([])
        const [listed] = await Array.fromAsync(subject.provider.list(at('a/b'), { signal: never() }))
        expect(listed).toMatchObject({ ...(await stat('a/b/three.ma')), name: 'three.ma' })
      })

      test('removing works once and again, and takes nothing else', async () => {
        for (const path of ['a/one.ma', 'a/two.ma']) await write(path, path)
        for (let times = 0; times < 2; times++) await subject.provider.remove(at('a/one.ma'), { signal: never() })
        await subject.provider.remove(at('never/was/there.ma'), { signal: never() })
        expect(await stat('a/one.ma')).toBeUndefined()
        expect(await names('a')).toEqual(['two.ma'])
      })
    })

    describe('many at once', () => {
      test('one new tree of folders is created once', async () => {
        const paths = Array.from({ length: 12 }, (_, i) => `new/tree/of/folders/f.${1000 + i}.exr`)
        await Promise.all(paths.map(async (path) => await write(path, path)))
        expect(await names('new/tree/of/folders')).toEqual(paths.map((path) => path.slice(path.lastIndexOf('/') + 1)))
        for (const path of paths) expect(String(await subject.readBack(path))).toBe(path)
      })

      test('50 files', async () => {
        const files = Array.from({ length: 50 }, (_, i) => ({ path: `seq/x.${1001 + i}.exr`, bytes: noise(i * 997, i) }))
        await Promise.all(files.map(async ({ path, bytes }) => await write(path, bytes)))
        for (const { path, bytes } of files) expect(same(await subject.readBack(path), bytes)).toBe(true)
        expect(await names('seq')).toHaveLength(50)
      })
    })

    describe.each([
      ['a new file', undefined],
      ['an old file', 'the old bytes'],
    ])('a write of %s that does not come to its end', (_, old) => {
      const survives = async (writing: Promise<unknown>, error: object): Promise<void> => {
        await expect(writing).rejects.toMatchObject(error)
        expect((await subject.readBack('a/f.exr'))?.toString()).toBe(old)
        expect(await names('a')).toEqual(old === undefined ? [] : ['f.exr'])
        expect(await names('')).toEqual([])
      }
      beforeEach(async () => {
        if (old !== undefined) await write('a/f.exr', old)
      })

      test('aborted before it starts', async () => {
        const source = memorySource('new')
        await survives(write('a/f.exr', source, { signal: AbortSignal.abort() }), ABORTED)
        expect(source.opened).toEqual([])
      })

      test.each([200 * KIB, 7 * MIB])('aborted at a chunk of %i bytes', async (size) => {
        const controller = new AbortController()
        const beforeChunk = (offset: number): void => (offset >= size / 2 ? controller.abort() : undefined)
        const source = memorySource(noise(size), { beforeChunk })
        await survives(write('a/f.exr', source, { signal: controller.signal }), ABORTED)
        expect(source.handedOut()).toBeLessThanOrEqual(size / 2 + 2 * MIB)
      })

      test('aborted while the source hangs', async () => {
        const controller = new AbortController()
        const beforeChunk = async (offset: number): Promise<void> => {
          if (offset === 0) return
          controller.abort()
          await new Promise(() => {})
        }
        await survives(write('a/f.exr', memorySource(noise(6 * MIB), { beforeChunk }), { signal: controller.signal }), ABORTED)
      })

      test.each([100, 6 * MIB])('the source of %i bytes fails', async (size) => {
        const beforeChunk = (offset: number): void => {
          if (offset >= size / 2 || size < 64 * KIB) throw new Error('the source broke')
        }
        await survives(write('a/f.exr', memorySource(noise(size), { beforeChunk })), { message: expect.stringContaining('source broke') })
      })

      test.each([1, 6 * MIB])('the source of %i bytes changes meanwhile', async (size) => {
        const source: MemorySource = memorySource(noise(size), { changed: () => source.handedOut() > 0 })
        await survives(write('a/f.exr', source), { code: 'SOURCE_CHANGED' })
      })

      test.each([-1, 1])('the source has %i bytes more than it says', async (more) => {
        const source = { ...memorySource(noise(1000)), size: 1000 - more }
        await survives(write('a/f.exr', source), { kind: 'file' })
      })

      test('its session can not be saved', async () => {
        const source = memorySource(noise(6 * MIB))
        let asked = false
        const saveSession = async (): Promise<void> => {
          asked = true
          await Promise.reject(new Error('the database is gone'))
        }
        const writing = write('a/f.exr', source, { saveSession })
        await Promise.allSettled([writing])
        if (asked) await survives(writing, { message: expect.stringContaining('database is gone') })
        else expect((await writing).size).toBe(6 * MIB)
      })
    })

    describe('sessions', () => {
      const interrupted = async (path: string, bytes: Buffer): Promise<WriteSession | undefined> => {
        const controller = new AbortController()
        let session: WriteSession | undefined
        const saveSession = async (saved: WriteSession): Promise<void> => {
          session = JSON.parse(JSON.stringify(saved)) as WriteSession
          await Promise.resolve()
        }
        const beforeChunk = (offset: number): void => (offset >= bytes.length / 2 ? controller.abort() : undefined)
        const writing = write(path, memorySource(bytes, { beforeChunk }), { signal: controller.signal, saveSession })
        await expect(writing).rejects.toMatchObject(ABORTED)
        return session
      }
      const withSession = (session: WriteSession | undefined): Partial<WriteOptions> => (session === undefined ? {} : { session })

      test('an interrupted write is brought to its end by the next one', async () => {
        const bytes = noise(9 * MIB + 1)
        const session = await interrupted('a/f.mov', bytes)
        expect((await write('a/f.mov', bytes, withSession(session))).size).toBe(bytes.length)
        expect(same(await subject.readBack('a/f.mov'), bytes)).toBe(true)
        expect(await names('a')).toEqual(['f.mov'])
      })

      test('a session of what the source was before is not mixed with what it is now', async () => {
        const session = await interrupted('a/f.mov', noise(9 * MIB))
        const other = noise(8 * MIB + 5, 7)
        await write('a/f.mov', memorySource(other, { modified: new Date('2025-01-01T00:00:00.000Z') }), withSession(session))
        expect(same(await subject.readBack('a/f.mov'), other)).toBe(true)
      })

      test('a session that was used up, or never was one, does not matter', async () => {
        const bytes = noise(6 * MIB)
        const session = await interrupted('a/f.mov', bytes)
        await write('a/f.mov', bytes, withSession(session))
        await write('a/f.mov', noise(6 * MIB, 3), withSession(session))
        expect(same(await subject.readBack('a/f.mov'), noise(6 * MIB, 3))).toBe(true)
        await write('a/g.mov', bytes, { session: { nonsense: true, upload: 'gone' } })
        expect(same(await subject.readBack('a/g.mov'), bytes)).toBe(true)
        expect(await names('a')).toEqual(['f.mov', 'g.mov'])
      })
    })
  })
}

const ABORTED = { message: expect.stringMatching(/abort|stopped/i) }

const ODD_NAMES = [
  'žluťoučký kůň.ma',
  `it's "x".exr`,
  '100%_#?.tif',
  'a{b}.ma',
  '{root[work]}.ma',
  '.hidden',
  '..twice',
  '...',
  ' spaces around ',
  'dot at the end.',
  '🦊 fox 👩‍👩‍👧.png',
  '日本語.exr',
  '%2e%2e%2f',
  'a;b&c=d+e$f`g~h!.nk',
  "x' or name contains '",
  `${'n'.repeat(247)}.0001exr`,
  ...(process.platform === 'win32' ? [] : ['a\\b', 'back\\', 'a:b*c<d>|e', 'line\nbreak\ttab']),
]

function never(): AbortSignal {
  return new AbortController().signal
}

function quiet(): WriteOptions {
  return { signal: never(), saveSession: async () => await Promise.resolve(), onProgress: () => {} }
}

function isSource(value: ByteSource | Buffer | string): value is ByteSource {
  return typeof value === 'object' && !Buffer.isBuffer(value)
}

/** Compared as one value: a failed comparison of megabytes would print them. */
function same(actual: Buffer | undefined, expected: Buffer): boolean {
  return actual !== undefined && actual.equals(expected)
}

/** Bytes that do not repeat in a way that would hide a piece out of place; the same for the same seed. */
function noise(size: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = Math.imul(seed, 0x9e3779b1) | 1
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state
  }
  return Buffer.from(words.buffer, 0, size)
}
