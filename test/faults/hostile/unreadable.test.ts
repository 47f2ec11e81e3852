import { expect, test } from 'vitest'

import { array, element, object, text, type RawValue } from '../../support/hostile-bson.ts'
import { entry, inArray, representation } from '../../support/published.ts'
import { rawBinary, rawDocument, rawRegExp, rawText, TYPE, type RawElement } from '../../support/raw-bson.ts'
import { PROJECT, Stage } from '../../support/service-harness.ts'
import { waitFor } from '../../support/wait-for.ts'
import { Wire } from '../../support/wire.ts'

const utf8 = (value: string): Buffer => Buffer.from(value)
const number = (value: number): RawValue => [TYPE.int, Buffer.of(value, 0, 0, 0)]
const date = (...bytes: readonly number[]): RawValue => [TYPE.date, Buffer.from(bytes)]
const wanted: RawValue = array([
  object(element('name', text('studio')), element('created_dt', date(0, 0, 0, 0, 0x8d, 1, 0, 0))),
  object(element('name', text('gdrive'))),
])
const deep = (levels: number): RawValue => (levels === 0 ? number(1) : object(element('a', deep(levels - 1))))

/** Values that the server takes and the driver does not, or takes for something else. */
const ODD: Readonly<Record<string, RawValue>> = {
  'a pattern of another dialect': [TYPE.regExp, rawRegExp(utf8('(?i)[[:alpha:]]++('), utf8('i'))],
  'a pattern with unknown options': [TYPE.regExp, rawRegExp(utf8('a'), utf8('zz'))],
  'bytes of a wrong inner length': [TYPE.binary, rawBinary(2, Buffer.from([3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]))],
  'the mark of a type': object(element('_bsontype', text('ObjectId'))),
  'the mark of no type': object(element('a', object(element('_bsontype', number(7))))),
  'a reference with such a mark': object(element('$ref', text('x')), element('$id', object(element('_bsontype', text('Long'))))),
  'an operator': object(element('$set', number(1))),
  'a path': object(element('a.b', number(1)), element('', number(1))),
  'a name that is a position': object(element('b', number(1)), element('0', number(1))),
  'one name twice': object(element('a', number(1)), element('a', number(2))),
  'many levels': deep(150),
  // The server takes some 180 in a document, and 200 in a command.
  ...Object.fromEntries([170, 174, 175, 176, 177, 178, 179].map((levels) => [`${levels} levels`, deep(levels)])),
  'a date beyond all': date(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
  code: [TYPE.code, rawText(utf8('while (true) {}'))],
  'the greatest': [TYPE.maxKey, Buffer.alloc(0)],
  'no number': [TYPE.double, Buffer.from([1, 0, 0, 0, 0, 0, 0xf8, 0xff])],
  'a prototype': object(element('__proto__', object(element('toHexString', number(1)))), element('constructor', number(1))),
}

/** It may be anywhere: in the id of the document, in that of a file, in a field that nobody knows, in a record. */
const PLACES: Readonly<Record<string, (odd: RawValue, path: string) => Buffer>> = {
  'its id': (odd, path) => document(odd, element('path', text(path)), element('_id', text('f')), element('sites', wanted)),
  "a file's id": (odd, path) => document(undefined, element('path', text(path)), element('_id', odd), element('sites', wanted)),
  'an unknown field': (odd, path) =>
    document(undefined, element('path', text(path)), element('_id', text('f')), element('sites', wanted), element('note', odd)),
  'a record': (odd, path) => {
    const sites = object(
      element('studio', object(element('created_dt', date(0, 0, 0, 0, 0x8d, 1, 0, 0)))),
      element('gdrive', object(element('error', odd), element('note', odd))),
    )
    return document(undefined, element('path', text(path)), element('_id', text('f')), element('sites', sites))
  },
}

let documents = 0
function document(id: RawValue | undefined, ...file: readonly RawElement[]): Buffer {
  documents++
  return rawDocument([
    element('_id', id ?? text(`document ${documents}`)),
    element('type', text('representation')),
    element('context', object()),
    element('files', array([object(...file)])),
  ])
}

test.each(Object.keys(PLACES))(
  'anything in %s: it is synced, or named once; the stream, the scans and the others go on',
  async (place) => {
    const stage = await Stage.open({ settings: { loopDelaySeconds: 0.5 } })
    const running = await stage.start()
    await using wire = await Wire.open(stage.uri)
    const taken: string[] = []
    for (const [what, odd] of Object.entries(ODD)) {
      await stage.file(`odd/${what}`)
      const made = (PLACES[place] as (typeof PLACES)[string])(odd, `{root[work]}/odd/${what}`)
      const command = rawDocument([
        element('insert', text(PROJECT)),
        element('documents', array([[TYPE.object, made]])),
        element('$db', text(stage.db.databaseName)),
      ])
      if ((await wire.send(command))['n'] === 1) taken.push(what)
      await stage.fence()
    }
    expect(taken.length).toBeGreaterThan(10)
    await running.lines.scanned(2)
    await stage.settle(running)
    const uploads = stage
      .spy()
      .uploads.filter((path) => path.includes('/odd/'))
      .map((path) => path.replace('/My Drive/w/odd/', ''))
    const named = running.lines.of('record.unreadable')
    // What can't be told apart from others is warned of together.
    expect(new Set(named.map(({ site_sync: fields, message }) => `${fields?.representation_id} ${message}`)).size).toBe(named.length)
    expect([...uploads, ...named].length).toBeGreaterThan(taken.length / 2)
    expect(new Set(uploads).size).toBe(uploads.length)
    expect(running.lines.of('stream.lost', 'scan.failed', 'service.unexpected', 'database.lost').map(({ message }) => message)).toEqual([])
    await running.stop()
  },
  60_000,
)

test('ids of many megabytes and collections whose names are not UTF-8: named once, and nobody waits for them', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.5 } })
  const running = await stage.start()
  await using wire = await Wire.open(stage.uri)
  const file = [element('path', text('{root[work]}/odd')), element('_id', text('f')), element('sites', wanted)] as const
  await stage.file('odd')
  const insert = async (collection: Buffer, id: RawValue): Promise<void> => {
    const documentsOf = array([[TYPE.object, document(id, ...file)]])
    const name = [TYPE.string, utf8('insert'), rawText(collection)] as const
    const answer = await wire.send(rawDocument([name, element('documents', documentsOf), element('$db', text(stage.db.databaseName))]))
    expect(answer['n']).toBe(1)
  }
  for (const letter of 'abc') await insert(utf8(PROJECT), text(letter.repeat(5_000_000)))
  await insert(utf8(PROJECT), text('d'.repeat(8_000_000)))
  await insert(Buffer.of(0x70, 0xff, 0xfe), text('e'))
  await stage.fence()
  const of = (part: string) => running.lines.of('record.unreadable').filter(({ message }) => message.includes(part))
  await waitFor('the warnings', () => of('_id is too long').length >= 4 && of('a collection whose name is not valid UTF-8').length === 1, {
    withinMs: 30_000,
    seen: () => running.lines.summary(),
  })
  await running.lines.scanned()
  const good = representation([entry('{root[work]}/odd', inArray('gdrive'))])
  await stage.insert(good)
  await stage.synced(good)
  expect([of('_id is too long').length, of('a collection whose name').length]).toEqual([4, 1])
  expect(running.lines.of('stream.lost', 'scan.failed', 'service.unexpected').map(({ message }) => message)).toEqual([])
  await running.stop()
}, 60_000)
