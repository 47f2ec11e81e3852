import * as fc from 'fast-check'
import { Binary, Code, Decimal128, Long, ObjectId, UUID } from 'mongodb'
import { describe, expect, test } from 'vitest'

import { idPlain, idText, isPlain } from '../../../src/model/document.ts'

describe('an id has a text of its own', () => {
  const hex = '64f0c0ffee01234567890001'
  const ids: readonly unknown[] = [
    new ObjectId(hex),
    hex,
    1,
    '1',
    1n,
    Long.fromNumber(1),
    Decimal128.fromString('1'),
    true,
    'true',
    null,
    'null',
    '',
    [],
    {},
    [1],
    ['1'],
    { a: 1 },
    { a: '1' },
    { a: new ObjectId(hex) },
    { a: hex },
    { a: 1, b: 2 },
    { b: 2, a: 1 },
    new Date(1),
    new Date(2),
    new UUID('0e0e0e0e-0000-4000-8000-000000000000'),
    '0e0e0e0e-0000-4000-8000-000000000000',
    new Binary(Buffer.from([255])),
    new Binary(Buffer.from([254])),
    new Binary(Buffer.from([255]), 5),
  ]

  test('of any type', () => {
    const texts = ids.map(idText)
    expect(texts.filter((text, at) => texts.indexOf(text) !== at)).toEqual([])
  })

  test('the same each time it is read', () => {
    expect(idText(new ObjectId(hex))).toBe(idText(new ObjectId(hex)))
    expect(idText(new Binary(Buffer.from([255])))).toBe(idText(new Binary(Buffer.from([255]))))
    expect(idText({ a: new Date(1) })).toBe(idText({ a: new Date(1) }))
  })

  test('of texts and numbers', () => {
    const id = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.double({ noNaN: true }))
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(idText(a) === idText(b)).toBe(a === b)
      }),
    )
  })
})

test.each([
  ['text', 'text'],
  [new ObjectId('64f0c0ffee01234567890001'), '64f0c0ffee01234567890001'],
  [7, '7'],
  [7n, '7'],
  [undefined, 'undefined'],
  [{ a: 1 }, '{"a":1}'],
  ['', '""'],
  [new Code('f()'), '{"code":"f()"}'],
])('people write %o as %s', (id, text) => {
  expect(idPlain(id)).toBe(text)
})

test.each([
  [{}, true],
  [Object.create(null), true],
  [{ constructor: 1, __proto__: null }, true],
  [[], false],
  [null, false],
  [new Date(), false],
  [new ObjectId(), false],
  ['', false],
])('%o is a sub-document: %s', (value, expected) => {
  expect(isPlain(value)).toBe(expected)
})
