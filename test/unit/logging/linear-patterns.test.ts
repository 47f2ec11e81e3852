import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { redact, redactDeep } from '../../../src/logging/redact.ts'
import { HINT_OF_SECRET, SECRET_KEY, SECRET_PATTERNS } from '../../../src/logging/secret-patterns.ts'
import { withoutUserinfo } from '../../../src/logging/uri-userinfo.ts'

const SRC = fileURLToPath(new URL('../../../src/', import.meta.url))
const LENGTH = 1 << 14
/** A pattern that reads a text again and again takes thousands of times as long as one that reads it once. */
const MAX_TIMES = 40

/** Regular expressions in the text of a program, by what may stand before one. */
const LITERAL = /(?<=(?:[=(,:[!&|?]|\breturn|=>)\s*)\/(?![*/])((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([dgimsuvy]*)/g

function literalsOf(path: string): readonly (readonly [string, RegExp])[] {
  const text = readFileSync(join(SRC, path), 'utf8').replaceAll(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, '')
  return [...text.matchAll(LITERAL)].map(([literal, source = '', flags]) => [`${path} ${literal}`, new RegExp(source, flags)])
}

const files = ['config', 'logging']
  .flatMap((folder) => readdirSync(join(SRC, folder), { encoding: 'utf8', recursive: true }).map((name) => `${folder}/${name}`))
  .filter((path) => path.endsWith('.ts'))
  .concat('model/root-path.ts', 'pipeline/write-back.ts', 'providers/gdrive/drive-answer.ts')
const patterns = [
  ...files.flatMap(literalsOf),
  ...SECRET_PATTERNS.map(([pattern]) => [`secret ${pattern.source.slice(0, 40)}`, pattern] as const),
  ['the key of a secret', SECRET_KEY] as const,
  ['the hint of a secret', HINT_OF_SECRET] as const,
]

const CHARACTERS = ['a', 'A', '0', '-', '_', '.', '/', '\\', ':', '=', ' ', '"', "'", '@', ',', '{', '[', '\n', '\\"', '\ud800', '%']
const WORDS = ['eyJ-', 'eyJ', 'a://', 'a://x:', '://@', 'password=', 'password="', 'password=\\"', 'secret_', 'bearer ', 'authorization:']
const MORE_WORDS = [
  '-----BEGIN PRIVATE KEY-----',
  '-----BEGIN ',
  'ya29.',
  '1//',
  'AIza-',
  'sl.-',
  'GOCSPX-',
  'AKIAA',
  '{root[',
  ',h:1',
  '{a',
]
/** What may come before the repetition: patterns that are bound to the beginning let nothing in without it. */
const BEGINNINGS = ['', 'mongodb://', 'a://b:', '{root[', '/a', 'bearer ', 'password="', 'authorization: basic ', '~/', 'file:']
const ENDS = ['', '\0', '\\', '!"']

function* hostile(): Generator<string> {
  for (const unit of [...CHARACTERS, ...WORDS, ...MORE_WORDS]) {
    const run = unit.repeat(Math.ceil(LENGTH / unit.length))
    for (const beginning of BEGINNINGS) for (const end of ENDS) yield beginning + run + end
  }
}

function timeOf(work: () => unknown): number {
  const started = performance.now()
  work()
  return performance.now() - started
}

/** How long it takes to look at each character of such a text once, in the manner of a regular expression. */
function linearTime(): number {
  const text = 'a/'.repeat(LENGTH / 2)
  const times = Array.from({ length: 9 }, () => timeOf(() => text.replaceAll(/[^/]/g, 'b')))
  return times.toSorted((one, other) => one - other)[4] ?? Number.NaN
}

/** What else runs on the machine may hold up a few of them in a row; what is slow by itself is slow each time. */
const TRIES = 10

/** The texts with which the work takes too long, each time. */
function slow(texts: Iterable<string>, work: (text: string) => unknown): string[] {
  const unit = linearTime()
  const isSlow = (text: string): boolean => timeOf(() => work(text)) > MAX_TIMES * unit
  const found: string[] = []
  for (const text of texts) {
    let tries = 0
    while (tries < TRIES && isSlow(text)) tries++
    if (tries < TRIES) continue
    found.push(`${JSON.stringify(text.slice(0, 40))}… ${JSON.stringify(text.slice(-8))}`)
    if (found.length > 2) break
  }
  return found
}

test('the patterns are found', () => {
  expect(patterns.length).toBeGreaterThan(50)
})

test.each([/\beyJ[\w-]{8,}\.[\w-]+/g, /\/+$/g])('%s would be found out', (pattern) => {
  const texts = ['eyJ-'.repeat(LENGTH / 4), `${'/'.repeat(LENGTH)}a`]
  expect(slow(texts, (text) => text.replace(pattern, ''))).toHaveLength(1)
})

test.each(patterns)('%s reads a text once', (_name, pattern) => {
  expect(slow(hostile(), (text) => text.replace(pattern, ''))).toEqual([])
})

test('names and passwords in URIs are found in one go', () => {
  expect(slow(hostile(), (text) => withoutUserinfo(text, ''))).toEqual([])
})

describe('a long text', () => {
  test('of any kind takes no longer than a short one', () => {
    expect(slow(hostile(), redact)).toEqual([])
    expect(slow(['eyJ-'.repeat(2_400_000), 'password="\\'.repeat(900_000)], redact)).toEqual([])
  })

  test('is cut before it is looked through', () => {
    const text = `mongodb://me:hunter2@h ${'x'.repeat(1_000_000)}`
    expect(redact(text)).toBe(`mongodb://[redacted]@h ${'x'.repeat(8192 - 23)}…`)
  })

  test.each([
    ['a key', `-----BEGIN PRIVATE KEY-----\n${'hunter2 '.repeat(200)}`],
    ['a token', `eyJ${'hunter2'.repeat(100)}.${'hunter2'.repeat(100)}`],
    ['a password in quotes', `password="${'hunter2 '.repeat(500)}"`],
    ['an address', `mongodb://hunter2:${'hunter2'.repeat(100)}@h`],
  ])('shows nothing of %s that the cut goes through', (_what, secret) => {
    for (let before = 8192 - 64; before < 8192 + 8; before += 7) {
      expect(redact(`${' '.repeat(before)}${secret}${' x'.repeat(50_000)}`)).not.toContain('hunter2')
      expect(redact(`${' '.repeat(before + 8192)}${secret}${' x'.repeat(50_000)}`)).not.toContain('hunter2')
    }
  })
})

test('data of any size is copied up to a limit', () => {
  const many = Array.from({ length: 2_000_000 }, () => 'eyJ-eyJ-eyJ-')
  const keys = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`password${index}`, 'x'.repeat(1_000)]))
  for (const data of [many, new Set(many.keys()), keys, { nested: [many, keys] }, Array.from({ length: 900 }, () => 'x '.repeat(10_000))]) {
    expect(JSON.stringify(redactDeep(data)).length).toBeLessThan(200_000)
  }
  const unit = linearTime()
  expect(Math.min(...[1, 2, 3].map(() => timeOf(() => redactDeep(many))))).toBeLessThan(MAX_TIMES * unit)
})
