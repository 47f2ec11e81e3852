import { assert, asyncProperty, integer, oneof, string } from 'fast-check'
import { describe, expect, test } from 'vitest'

import { unfitForXml, xmlText } from '../../../../src/model/mhl/xml-text.ts'
import { readXml } from '../../../../src/service/receipt/read-xml.ts'

/** What a reader of XML makes of it, in an element and in an attribute. */
async function readBack(text: string): Promise<readonly (string | undefined)[]> {
  const seen: (string | undefined)[] = []
  async function* bytes(): AsyncGenerator<Uint8Array> {
    const xml = Buffer.from(`<x a="${xmlText(text)}">${xmlText(text)}</x>`)
    // Cut everywhere, also within a character.
    for (const [at] of xml.entries()) yield xml.subarray(at, at + 1)
  }
  await readXml(bytes(), { open: (_, { a }) => seen.push(a), close: (_, inside) => seen.push(inside) })
  return seen
}

describe('text in XML', () => {
  test.each([
    ['markup', `<a href="x">&amp;'</a>]]>`, "&lt;a href=&quot;x&quot;&gt;&amp;amp;'&lt;/a&gt;]]&gt;"],
    ['line ends and tabs', 'a\nb\r\nc\td', 'a&#10;b&#13;&#10;c&#9;d'],
    ['spaces at both ends', '  a  b ', '  a  b '],
    ['what looks like an entity', '&#13; &lt;', '&amp;#13; &amp;lt;'],
    ['characters beyond the first plane', 'shot🎬_é_e\u0301_\u{10FFFF}', 'shot🎬_é_e\u0301_\u{10FFFF}'],
    ['line separators of Unicode', 'a\u2028b\u0085c\u00A0', 'a\u2028b\u0085c\u00A0'],
    ['nothing', '', ''],
  ])('%s', async (_, text, written) => {
    expect(xmlText(text)).toBe(written)
    expect(await readBack(text)).toEqual([text, text])
  })

  test.each([
    ['\0', 'U+0000'],
    ['bell\u0007.exr', 'U+0007'],
    ['\u001B[31m', 'U+001B'],
    ['half \uD83D', 'U+D83D'],
    ['\uDFAC\uD83C', 'U+DFAC'],
    ['\uFFFE', 'U+FFFE'],
    ['\uFFFF', 'U+FFFF'],
  ])('%j is what no XML can hold', (text, character) => {
    expect(unfitForXml(text)).toBe(character)
    expect(() => xmlText(text)).toThrow(new RangeError(`XML can't hold ${character}`))
  })

  test('any other text is read as it was', async () => {
    const unit = oneof(
      string({ unit: 'binary' }),
      string({ unit: integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
    )
    let fits = 0
    await assert(
      asyncProperty(unit, async (text) => {
        if (unfitForXml(text) !== undefined) return
        fits++
        expect(await readBack(text)).toEqual([text, text])
      }),
      { numRuns: 500 },
    )
    expect(fits).toBeGreaterThan(50)
  })
})
