import { stripVTControlCharacters } from 'node:util'

import { expect, test } from 'vitest'

import { table } from '../../../src/commands/table.ts'

const lines = (head: readonly string[], ...rows: readonly (readonly string[])[]): readonly string[] => table(head, rows).split('\n')

test('columns are as wide as their widest cell', () => {
  expect(lines(['site', 'state', 'why'], ['gdrive', 'ok', ''], ['a', 'cooling', 'quota'])).toEqual([
    'site    state    why',
    '──────  ───────  ─────',
    'gdrive  ok',
    'a       cooling  quota',
  ])
})

test('without rows the head stands alone', () => {
  expect(lines(['site', 'state'])).toEqual(['site  state', '────  ─────'])
})

test('a row may be short', () => {
  expect(lines(['a', 'b', 'c'], ['1'])).toEqual(['a  b  c', '─  ─  ─', '1'])
})

/** Characters that stand before the bar. */
function before(line: string): number {
  return [...new Intl.Segmenter().segment(stripVTControlCharacters(line))].findIndex(({ segment }) => segment === '|')
}

test.each([
  ['accents, composed or not', 'k\u016f\u0148', 'ku\u030an\u030c'],
  ['a family that is one character', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}', 'x'],
  ['colours', '\u001b[31mred\u001b[39m', 'red'],
])('%s: what is seen counts', (_title, first, second) => {
  const [, , one = '', two = ''] = lines(['name', 'x'], [first, '|'], [second, '|'])
  expect(before(one)).toBe(6)
  expect(before(two)).toBe(6)
})
