import { describe, expect, test } from 'vitest'

import type { RemoteFile } from '../../../src/providers/provider.ts'
import type { Harness } from './harness.ts'
import { KIB, MIB, never, noise, same } from './harness.ts'

/** Reading, listing, removing, and many calls at once. */
export function foldersContract(h: Harness): void {
  describe('read, list, remove', () => {
    test('reading what is missing says so', async () => {
      await expect(h.read('absent.ma')).rejects.toMatchObject({ code: 'SOURCE_MISSING', message: expect.stringContaining('absent.ma') })
    })

    test.each([0, 1, 256 * KIB, 2 * MIB, 3 * MIB - 1, 3 * MIB])('reading starts at byte %i', async (fromByte) => {
      const bytes = noise(3 * MIB)
      await h.write('f.exr', bytes)
      expect(same(await h.read('f.exr', fromByte), bytes.subarray(fromByte))).toBe(true)
    })

    test('an aborted read ends', async () => {
      await h.write('f.exr', noise(5 * MIB))
      const controller = new AbortController()
      const stream = await h.provider.read(h.at('f.exr'), { signal: controller.signal })
      const reading = (async (): Promise<void> => {
        for await (const chunk of stream) if ((chunk as Buffer).length > 0) controller.abort()
      })()
      await expect(reading).rejects.toThrow(/.*/)
      await expect(h.provider.read(h.at('f.exr'), { signal: controller.signal })).rejects.toThrow(/.*/)
    })

    test('files of a folder are listed, not its folders, nor what is below them', async () => {
      for (const path of ['top.ma', 'a/one.ma', 'a/two.ma', 'a/b/three.ma']) await h.write(path, path)
      expect(await h.names('')).toEqual(['top.ma'])
      expect(await h.names('a')).toEqual(['one.ma', 'two.ma'])
      expect(await h.names('a/b')).toEqual(['three.ma'])
      expect(await h.names('missing/folder')).toEqual([])
      const [listed] = await Array.fromAsync(h.provider.list(h.at('a/b'), { signal: never() }))
      expect(listed).toMatchObject({ ...(await h.stat('a/b/three.ma')), name: 'three.ma' })
    })

    test('removing works once and again, and takes nothing else', async () => {
      for (const path of ['a/one.ma', 'a/two.ma']) await h.write(path, path)
      for (let times = 0; times < 2; times++) await h.remove('a/one.ma')
      await h.remove('never/was/there.ma')
      expect(await h.stat('a/one.ma')).toBeUndefined()
      expect(await h.names('a')).toEqual(['two.ma'])
    })

    test('removing says where the file is then; its folder stays', async () => {
      await h.write('a/b/one.ma', 'x')
      const folders = (await h.everything()).filter((path) => path.endsWith('/'))
      expect(await h.remove('a/b/one.ma')).toMatch(/^(?:trash|nowhere)$/)
      expect(await h.everything()).toEqual(folders)
      expect(await h.remove('a/b/one.ma')).toBeUndefined()
      expect(await h.remove('never/was/there.ma')).toBeUndefined()
    })

    test('only the file that was looked at is removed: one that was written since stays', async () => {
      await h.write('a/one.ma', 'first')
      const looked = (await h.stat('a/one.ma')) as RemoteFile
      await h.write('a/one.ma', 'other')
      await expect(h.remove('a/one.ma', looked)).rejects.toMatchObject({
        code: 'SOURCE_CHANGED',
        message: expect.stringContaining('one.ma'),
      })
      expect(String(await h.readBack('a/one.ma'))).toBe('other')
      expect(await h.remove('a/one.ma', (await h.stat('a/one.ma')) as RemoteFile)).toBeDefined()
      expect(await h.readBack('a/one.ma')).toBeUndefined()
      expect(await h.remove('a/one.ma', looked)).toBeUndefined()
    })

    test('two files are told apart by their identity, where there is one', async () => {
      for (const path of ['a/one.ma', 'a/two.ma']) await h.write(path, 'the same')
      const [one, again, two] = await Promise.all(['a/one.ma', 'a/one.ma', 'a/two.ma'].map(async (path) => await h.stat(path)))
      expect(again?.identity).toBe(one?.identity)
      expect(one?.identity === undefined || one.identity !== two?.identity).toBe(true)
    })
  })

  describe('many at once', () => {
    test('one new tree of folders is created once', async () => {
      const paths = Array.from({ length: 12 }, (_, i) => `new/tree/of/folders/f.${1000 + i}.exr`)
      await Promise.all(paths.map(async (path) => await h.write(path, path)))
      expect(await h.names('new/tree/of/folders')).toEqual(paths.map((path) => path.slice(path.lastIndexOf('/') + 1)))
      for (const path of paths) expect(String(await h.readBack(path))).toBe(path)
    })

    test('50 files', async () => {
      const files = Array.from({ length: 50 }, (_, i) => ({ path: `seq/x.${1001 + i}.exr`, bytes: noise(i * 997, i) }))
      await Promise.all(files.map(async ({ path, bytes }) => await h.write(path, bytes)))
      for (const { path, bytes } of files) expect(same(await h.readBack(path), bytes)).toBe(true)
      expect(await h.names('seq')).toHaveLength(50)
    })
  })
}
