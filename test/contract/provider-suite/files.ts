import { createHash } from 'node:crypto'

import { describe, expect, test } from 'vitest'

import type { RemoteFile } from '../../../src/providers/provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import type { Harness } from './harness.ts'
import { KIB, MIB, never, noise, same } from './harness.ts'

/** Writing a file, and what is told of it afterwards. */
export function filesContract(h: Harness): void {
  describe('stat and write', () => {
    test('a missing file is undefined, in a missing folder too', async () => {
      expect(await h.stat('absent.ma')).toBeUndefined()
      expect(await h.stat('no/such/folder/absent.ma')).toBeUndefined()
    })

    test('what was written is described and read as it was', async () => {
      const written = await h.write('a.ma', 'some bytes')
      expect(written).toMatchObject({ size: 10, id: expect.stringMatching(/./) })
      expect(await h.stat('a.ma')).toMatchObject({ id: written.id, size: 10 })
      expect(String(await h.read('a.ma'))).toBe('some bytes')
      expect(String(await h.readBack('a.ma'))).toBe('some bytes')
    })

    test('folders above the file are created', async () => {
      await h.write('assets/char/hero/v001/hero.ma', 'x')
      expect(String(await h.readBack('assets/char/hero/v001/hero.ma'))).toBe('x')
    })

    test.each([0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1])('%i bytes', async (size) => {
      const bytes = noise(size)
      expect((await h.write('f.exr', bytes)).size).toBe(size)
      expect((await h.stat('f.exr'))?.size).toBe(size)
      expect(same(await h.readBack('f.exr'), bytes)).toBe(true)
      expect(same(await h.read('f.exr'), bytes)).toBe(true)
    })

    test('a file is replaced, also by one of the same size and time, and stays one file', async () => {
      await h.write('f.exr', 'old bytes')
      await h.write('f.exr', 'new bytes')
      expect(String(await h.readBack('f.exr'))).toBe('new bytes')
      await h.write('f.exr', '')
      expect(await h.readBack('f.exr')).toHaveLength(0)
      await h.write('f.exr', 'longer than ever before')
      expect(String(await h.read('f.exr'))).toBe('longer than ever before')
      expect(await h.names('')).toEqual(['f.exr'])
    })

    test('the time of modification is kept to the millisecond', async () => {
      for (const time of ['2024-03-05T06:07:08.123Z', '1999-12-31T23:59:59.999Z', '2031-01-01T00:00:00.001Z']) {
        const modified = new Date(time)
        expect((await h.write('f.ma', memorySource(time, { modified }))).modified).toEqual(modified)
        expect((await h.stat('f.ma'))?.modified).toEqual(modified)
      }
    })

    test('the version changes with the content', async () => {
      await h.write('f.ma', 'one')
      const first = await h.stat('f.ma')
      expect(await h.stat('f.ma')).toEqual(first)
      await h.write('f.ma', 'two')
      const second = await h.stat('f.ma')
      expect([second?.version, second?.checksum?.value]).not.toEqual([first?.version, first?.checksum?.value])
    })

    test('the checksum is that of the stored bytes', async () => {
      const bytes = noise(300 * KIB)
      const written = await h.write('f.exr', bytes)
      const file = (await h.stat('f.exr')) as RemoteFile
      const { checksumAlgorithm: algorithm } = h.provider
      const expected = createHash(algorithm).update(bytes).digest('hex')
      for (const described of [written, file]) {
        expect(await h.provider.checksum(h.at('f.exr'), described, { signal: never() })).toBe(expected)
        // What a description says by itself, if anything, is the same.
        expect({ algorithm, value: expected, ...described.checksum }).toEqual({ algorithm, value: expected })
      }
    })

    test('progress grows from call to call and ends with the size', async () => {
      const seen: number[] = []
      await h.write('f.exr', noise(5 * MIB + 1), { onProgress: (bytes) => seen.push(bytes) })
      expect(seen).toEqual(seen.toSorted((a, b) => a - b))
      expect(seen.at(-1)).toBe(5 * MIB + 1)
    })
  })
}
