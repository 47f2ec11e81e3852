import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Harness } from './harness.ts'

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

/** What no file system takes, and what Windows does not. */
const FORBIDDEN = process.platform === 'win32' ? /[\p{Cc}/\\:*?"<>|]|[ .]$/u : /[\0/]/

/** Names are kept to the letter, and none leads out of the root. */
export function namesContract(h: Harness): void {
  describe('names', () => {
    test.each(ODD_NAMES)('%j is kept to the letter', async (odd) => {
      await h.write(`${odd}/${odd}`, 'content')
      expect(await h.names(odd)).toEqual([odd])
      expect(String(await h.readBack(`${odd}/${odd}`))).toBe('content')
      expect(String(await h.read(`${odd}/${odd}`))).toBe('content')
      await h.write(`${odd}/${odd}`, 'replaced')
      expect(await h.names(odd)).toEqual([odd])
      await h.remove(`${odd}/${odd}`)
      expect(await h.stat(`${odd}/${odd}`)).toBeUndefined()
    })

    test('so is any other', async () => {
      const name = fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
        .filter((text) => !FORBIDDEN.test(text) && text !== '.' && text !== '..' && Buffer.byteLength(text) <= 200)
      const seen = new Set<string>()
      await fc.assert(
        fc.asyncProperty(name, async (text) => {
          seen.add(text.normalize('NFC'))
          await h.write(`any/${text}`, text)
          expect(String(await h.read(`any/${text}`))).toBe(text)
          expect(await h.names('any')).toHaveLength(seen.size)
        }),
        { numRuns: 40 },
      )
    })

    test('composed and decomposed letters name the same file and the same folder', async () => {
      const [nfc, nfd] = ['žluťoučký kůň', 'žluťoučký kůň'].map((text, i) => text.normalize(i === 0 ? 'NFC' : 'NFD')) as [string, string]
      await h.write(`${nfc}/${nfc}.ma`, 'first')
      expect((await h.stat(`${nfd}/${nfd}.ma`))?.size).toBe(5)
      await h.write(`${nfd}/${nfd}.ma`, 'second')
      expect(await h.names(nfd)).toEqual([`${nfc}.ma`])
      expect(await h.names(nfc)).toEqual([`${nfc}.ma`])
      expect(String(await h.readBack(`${nfc}/${nfc}.ma`))).toBe('second')
      await h.remove(`${nfd}/${nfd}.ma`)
      expect(await h.names(nfc)).toEqual([])
    })

    test.each(['../x', 'a/../../x', 'a/../x', '..'])('%j is refused', async (path) => {
      const refused = { code: 'BAD_PATH' }
      await expect(h.stat(path)).rejects.toMatchObject(refused)
      await expect(h.read(path)).rejects.toMatchObject(refused)
      await expect(h.write(path, 'x')).rejects.toMatchObject(refused)
      await expect(h.remove(path)).rejects.toMatchObject(refused)
      await expect(h.names(path)).rejects.toMatchObject(refused)
    })
  })
}
