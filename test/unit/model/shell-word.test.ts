import { execFileSync } from 'node:child_process'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { shellWord } from '../../../src/model/shell-word.ts'

const HOSTILE = [
  '',
  'plain-name_1.2',
  'two words',
  "it's",
  '$(touch owned)',
  '`touch owned`',
  '"; touch owned; #',
  'a\nb\n  touch owned',
  '\u001b[2J\u0007',
  '\u202eexe.png',
  'back\\slash\n\\n',
  "'\n'",
  'žluťoučký 日本 😀',
  '~',
  '*',
  '!x',
  'a=b',
  '-rf',
  '{a,b}',
  '\t',
  '\u00851',
]

/** What a shell makes of them. */
function argv(words: readonly string[]): string[] {
  const command = `printf '%s\\0' ${words.map(shellWord).join(' ')}`
  return execFileSync('bash', ['-c', command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  })
    .split('\0')
    .slice(0, -1)
}

test('a shell makes the same of it again, whatever it is', () => {
  expect(argv(HOSTILE)).toEqual(HOSTILE)
  const any = fc.string({ unit: 'binary', maxLength: 20 }).filter((text) => !text.includes('\0') && text.isWellFormed())
  const words = fc.sample(any, 300)
  expect(argv(words)).toEqual(words)
})

test('nothing in it breaks a line, steers a terminal or turns the reading order', () => {
  for (const text of HOSTILE) expect(shellWord(text)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
})
