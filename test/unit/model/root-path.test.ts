import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { displayPath, resolvePath } from '../../../src/model/root-path.ts'
import type { Root, RootedPath } from '../../../src/model/site.ts'

const SINGLE = '/My Drive'
const SEVERAL = new Map([
  ['work', '/mnt/w'],
  ['render', '/mnt/r'],
])

function fault(template: string, root: Root): SyncError {
  try {
    resolvePath(template, root, 'gdrive')
  } catch (error) {
    if (error instanceof SyncError) return error
  }
  throw new Error(`${template} was not refused`)
}

describe('resolves', () => {
  test.each([
    ['{root[work]}/p/a.ma', SEVERAL, '/mnt/w', 'p/a.ma'],
    ['{root[render]}/x', SEVERAL, '/mnt/r', 'x'],
    ['{root}/x', SINGLE, '/My Drive', 'x'],
    ['{root[work]}/a{b}.ma', SEVERAL, '/mnt/w', 'a{b}.ma'],
    ['{root[work]}/sh{010}/{root}.ma', SEVERAL, '/mnt/w', 'sh{010}/{root}.ma'],
    ['{root[work]}/{root[render]}/x', SEVERAL, '/mnt/w', '{root[render]}/x'],
    ['{root}/žluťoučký kůň.ma', SINGLE, '/My Drive', 'žluťoučký kůň.ma'],
    [`{root}/it's "x".exr`, SINGLE, '/My Drive', `it's "x".exr`],
    [String.raw`{root}/a\b`, SINGLE, '/My Drive', String.raw`a\b`],
    [String.raw`{root}/..\..\x`, SINGLE, '/My Drive', String.raw`..\..\x`],
    ['{root}/100%_#?.tif', SINGLE, '/My Drive', '100%_#?.tif'],
    ['{root}/k\u016f\u0148', SINGLE, '/My Drive', 'k\u016f\u0148'],
    ['{root}/ku\u030an\u030c', SINGLE, '/My Drive', 'ku\u030an\u030c'],
    ['{root}//p///a.ma', SINGLE, '/My Drive', 'p/a.ma'],
    ['{root}/./p/./a.ma', SINGLE, '/My Drive', 'p/a.ma'],
    ['{root}/p/../q/a.ma', SINGLE, '/My Drive', 'q/a.ma'],
    ['{root}/...', SINGLE, '/My Drive', '...'],
    ['{root}/ a ', SINGLE, '/My Drive', ' a '],
    ['{root[]}/x', new Map([['', '/empty']]), '/empty', 'x'],
    ['{root[__proto__]}/x', new Map([['__proto__', '/odd']]), '/odd', 'x'],
  ])('%s', (template, root, expectedRoot, path) => {
    expect(resolvePath(template, root, 'gdrive')).toEqual({ root: expectedRoot, path })
  })
})

describe('refuses', () => {
  test.each([
    ['an absolute path', '/mnt/abs/x', SEVERAL, 'BAD_PATH', '"/mnt/abs/x" does not start with {root}'],
    ['a path without a root', 'p/a.ma', SEVERAL, 'BAD_PATH', 'does not start with {root}'],
    ['an empty path', '', SEVERAL, 'BAD_PATH', 'does not start with {root}'],
    ['a root further on', 'x{root}/a', SINGLE, 'BAD_PATH', 'does not start with {root}'],
    ['leaving the root', '{root[work]}/../../etc/x', SEVERAL, 'BAD_PATH', 'leaves its root'],
    ['leaving the root on the way', '{root}/p/../../My Drive/x', SINGLE, 'BAD_PATH', 'leaves its root'],
    ['no slash', '{root}x', SINGLE, 'BAD_PATH', 'needs a "/"'],
    ['the root itself', '{root}', SINGLE, 'BAD_PATH', 'needs a "/"'],
    ['the root as a folder', '{root}/', SINGLE, 'BAD_PATH', 'names no file'],
    ['a folder', '{root}/p/', SINGLE, 'BAD_PATH', 'names no file'],
    ['a folder by a dot', '{root}/p/.', SINGLE, 'BAD_PATH', 'names no file'],
    ['a folder by two dots', '{root}/p/q/..', SINGLE, 'BAD_PATH', 'names no file'],
    ['a NUL', '{root}/a\0b', SINGLE, 'BAD_PATH', 'NUL'],
    [
      'a named root where there is one',
      '{root[work]}/x',
      SINGLE,
      'BAD_ROOT',
      'names root "work", but site "gdrive" has a single root "/My Drive"',
    ],
    ['no name where there are several', '{root}/x', SEVERAL, 'BAD_ROOT', 'names no root, but site "gdrive" has several: "work", "render"'],
    ['an unknown root', '{root[cache]}/x', SEVERAL, 'BAD_ROOT', '"cache", which site "gdrive" does not have (it has "work", "render")'],
    ['a root by a name that every object has', '{root[constructor]}/x', SEVERAL, 'BAD_ROOT', 'does not have'],
    ['any root where there is none', '{root[work]}/x', new Map<string, string>(), 'BAD_ROOT', 'it has none'],
  ])('%s', (_title, template, root, code, message) => {
    expect(fault(template, root)).toMatchObject({ code, kind: 'file', message: expect.stringContaining(message) })
  })
})

const segment = fc.oneof(
  fc.constantFrom('..', '.', '', 'a', '{root}', '...', '{b}', 'á', String.raw`..\..`),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
)

function resolvedOrCode(template: string): RootedPath | string {
  try {
    return resolvePath(template, SINGLE, 'gdrive')
  } catch (error) {
    return error instanceof SyncError ? error.code : String(error)
  }
}

test('a resolved path is below its root, in one form only', () => {
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
      const template = `{root}/${segments.join('/')}`
      const result = resolvedOrCode(template)
      fc.pre(result !== 'BAD_PATH')
      const { root, path } = result as RootedPath
      expect(root).toBe(SINGLE)
      for (const part of path.split('/')) expect(['', '.', '..']).not.toContain(part)
      expect(resolvePath(`{root}/${path}`, SINGLE, 'gdrive').path).toBe(path)
    }),
    { numRuns: 1_000 },
  )
})

test('names are kept to the letter', () => {
  const name = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..')
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (names) => {
      expect(resolvePath(`{root}/${names.join('/')}`, SINGLE, 'gdrive').path).toBe(names.join('/'))
    }),
  )
})

test('whatever the text, it is resolved or refused', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('{', 'root', '[', 'work', ']', '}', '/', '..', '.') }),
  )
  fc.assert(
    fc.property(text, (template) => {
      const result = resolvedOrCode(template)
      expect(['BAD_PATH', 'BAD_ROOT', 'object']).toContain(typeof result === 'string' ? result : typeof result)
    }),
  )
})

test.each([
  ['/', 'a', '/a'],
  ['/mnt/w', 'p/a', '/mnt/w/p/a'],
  ['/mnt/w//', 'p/a', '/mnt/w/p/a'],
])('%s and %s are shown as %s', (root, path, shown) => {
  expect(displayPath({ root, path })).toBe(shown)
})
