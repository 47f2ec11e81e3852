import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { escapeJson, printable } from '../../../src/logging/printable.ts'

test.each([
  ['a\nb\r\tc', 'a\\nb\\r\\tc'],
  ['\u001b[31mred\u0007', '\\x1b[31mred\\x07'],
  ['\u007f\u009b31m', '\\x7f\\x9b31m'],
  ['evil\u202egnp.exe', 'evil\\u202egnp.exe'],
  ['\u2066x\u2069\u200f', '\\u2066x\\u2069\\u200f'],
  ['a\u2028b\u0085c', 'a\\u2028b\\x85c'],
  ['\ud800', '\\ud800'],
  ['\u{e0041}', '\\u{e0041}'],
  ["žluťoučký kůň's \u{1f40e} C:\\x", "žluťoučký kůň's \u{1f40e} C:\\x"],
])('%j is printed as %j', (text, expected) => {
  expect(printable(text)).toBe(expected)
})

test('JSON keeps its meaning and holds nothing that steers a terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const json = escapeJson(JSON.stringify({ text }))
      expect(JSON.parse(json)).toEqual({ text })
      expect(printable(json)).toBe(json)
    }),
  )
})
