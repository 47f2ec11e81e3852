import { execFileSync } from 'node:child_process'
import { runInNewContext } from 'node:vm'

import { Binary, BSON, BSONRegExp, Code, DBRef, Decimal128, Double, Long, MaxKey, MinKey, ObjectId, Timestamp, UUID } from 'mongodb'
import { expect, test } from 'vitest'

import { printable } from '../../../src/logging/printable.ts'
import type { RepresentationDocument } from '../../../src/model/document.ts'
import { explainDocument } from '../../../src/model/explanation.ts'
import { mongoLiteral } from '../../../src/model/mongo-literal.ts'
import { objectOf } from '../../support/any-document.ts'
import { CREATED, documentOf, fileOf, projectOf, siteOf, sitesOf } from '../../support/model-samples.ts'

/** What a shell of MongoDB has. */
const SHELL = {
  ObjectId: (hex: string) => new ObjectId(hex),
  NumberLong: (text: string) => Long.fromString(text),
  NumberDecimal: (text: string) => Decimal128.fromString(text),
  BinData: (subtype: number, text: string) => new Binary(Buffer.from(text, 'base64'), subtype),
  Timestamp: (t: number, i: number) => new Timestamp({ t, i }),
  BSONRegExp: (pattern: string, options: string) => new BSONRegExp(pattern, options),
  Code: (code: string, scope?: object) => new Code(code, scope),
  DBRef: (collection: string, id: ObjectId, db?: string) => new DBRef(collection, id, db),
  MinKey: () => new MinKey(),
  MaxKey: () => new MaxKey(),
  Date,
}

const bytesOf = (value: unknown): string => Buffer.from(BSON.serialize({ value }, { ignoreUndefined: false })).toString('hex')

test.each<[string, unknown]>([
  ['an id', new ObjectId()],
  ['a text', 'a "quoted" \\ text\n\u202e\u0000\u001b\u2028 it\'s `x` 😀'],
  ['a number', 7],
  ['no number', Number.NaN],
  ['no end', -Infinity],
  ['less than nothing', new Double(-0).valueOf()],
  ['a long number', Long.fromString('9007199254740993')],
  ['a decimal', Decimal128.fromString('1.10')],
  ['bytes', new Binary(Buffer.of(0, 255, 1), 5)],
  ['a UUID', new UUID()],
  ['a time', new Date(1)],
  ['a timestamp', new Timestamp({ t: 1, i: 2 })],
  ['a pattern', new BSONRegExp('(a+)+$\'"', 'i')],
  ['code', new Code('evil()', { a: "'" })],
  ['a reference', new DBRef('prj', new ObjectId(), 'db')],
  ['less than all', new MinKey()],
  ['more than all', new MaxKey()],
  ['nothing', null],
  [
    'an object',
    objectOf([
      ['__proto__', { a: 1 }],
      ['a"\n', ["'", true]],
      ['$gt', ''],
    ]),
  ],
])('%s is written such that a shell reads the same', (_what, value) => {
  const literal = mongoLiteral(value)
  expect(literal).not.toMatch(/[\p{C}\p{Zl}\p{Zp}'`]/u)
  expect(bytesOf(runInNewContext(`(${literal})`, SHELL))).toBe(bytesOf(value))
})

const HOSTILE = "\"})\n      db.dropDatabase() // '; touch owned; ' `touch owned` $(touch owned) \u001b[2J\u202e"

test('whatever a document holds, a command is one line, one call, and the same when a shell hands it on', () => {
  const studio = { name: 'studio', created_dt: CREATED }
  for (const site of ['gdrive', HOSTILE, `a.${HOSTILE}`]) {
    const settings = projectOf({ sites: sitesOf(siteOf('studio'), siteOf(site)) })
    for (const record of [undefined, { tries: 3 }, { created_dt: CREATED }, { paused: true }]) {
      const shapes = [
        [studio, ...(record ? [{ name: site, ...record }] : [])],
        objectOf([['studio', studio], ...(record ? [[site, record] as const] : [])]),
      ]
      for (const sites of shapes) {
        const file = fileOf(sites, { _id: HOSTILE, path: `{root[work]}/${HOSTILE}` })
        const document: RepresentationDocument = { ...documentOf([file]), _id: HOSTILE }
        const { explanations } = explainDocument(document, HOSTILE, settings, new Map())
        const fix = explanations.find((one) => one.site === site)?.fix ?? ''
        // As it is printed.
        expect(printable(fix)).toBe(fix)
        const calls: unknown[][] = []
        const getCollection = (name: string) => ({ updateOne: (...given: unknown[]) => void calls.push([name, ...given]) })
        runInNewContext(fix, { ...SHELL, db: { getCollection } })
        expect(calls).toHaveLength(1)
        expect(calls[0]?.slice(0, 2)).toEqual([HOSTILE, { _id: HOSTILE }])
        const handedOn = execFileSync('bash', ['-c', `printf '%s\\0' --eval '${fix}'`], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        expect(handedOn.split('\0')).toEqual(['--eval', fix, ''])
      }
    }
  }
})
