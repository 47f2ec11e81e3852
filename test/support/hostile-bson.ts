import type { Random } from './random.ts'
import { int32, rawArray, rawBinary, rawDocument, rawRegExp, rawText, TYPE, type RawElement } from './raw-bson.ts'

export type RawValue = readonly [type: number, value: Buffer]

const utf8 = (text: string): Buffer => Buffer.from(text)

/** Texts that somebody may stumble over, some of them not UTF-8. */
const TEXTS: readonly [Buffer, ...Buffer[]] = [
  utf8(''),
  utf8('gdrive'),
  utf8('studio'),
  utf8('mirror'),
  utf8('representation'),
  utf8('{root[work]}/there.exr'),
  utf8('{root[work]}/none.exr'),
  utf8('{root[work]}/../../secret'),
  utf8('{root[work]}/\n      db.dropDatabase()'),
  utf8('/etc/passwd'),
  utf8('$where'),
  utf8('$ref'),
  utf8('$id'),
  utf8('$'),
  utf8('.'),
  utf8('a..b'),
  utf8('files.0.sites.'),
  utf8('created_dt'),
  utf8('tries'),
  utf8('paused'),
  utf8('_id'),
  utf8('_bsontype'),
  utf8('toBSON'),
  utf8('toJSON'),
  utf8('__proto__'),
  utf8('constructor'),
  utf8('line\r\nbreak'),
  utf8('\u001b[2J\u202e\u0085\u2028'),
  utf8('password=hunter22'),
  Buffer.of(0xff, 0xfe, 0x80),
  // Half of a surrogate pair, an overlong form, a character that is cut off.
  Buffer.of(0xed, 0xa0, 0x80),
  Buffer.of(0xc0, 0xaf),
  Buffer.of(0x61, 0xf0, 0x9f, 0x98),
]

const withoutEnd = (bytes: Buffer): Buffer => bytes.filter((byte) => byte !== 0) as Buffer

/** What may be a name. */
function anyText(random: Random): Buffer {
  if (random.chance(0.7)) return random.pick(TEXTS)
  if (random.chance(0.004)) return Buffer.alloc(10_000 + random.below(300_000), 'a.$\n😀')
  return Buffer.from(withoutEnd(random.bytes(random.below(24))))
}

const REGEXPS = ['(?i)a', '(', '[[:alpha:]]+', '(a+)+$', '\\K', '(?<n>a'] as const
const OPTIONS = ['', 'i', 'imx', 'zz', 'gy'] as const
/** Said to be shorter than it is. */
const wrongInner = Buffer.concat([int32(3), utf8('abcdefgh')])

/** A value of any type that the format knows. */
function anyValue(random: Random, depth = 3): RawValue {
  switch (random.below(depth > 0 ? 22 : 19)) {
    case 0:
      return [TYPE.double, random.chance(0.5) ? random.bytes(8) : Buffer.from([0, 0, 0, 0, 0, 0, 0xf8, 0x7f])]
    case 1:
    case 2:
      return [TYPE.string, rawText(anyText(random))]
    case 3:
      return [TYPE.binary, random.chance(0.5) ? rawBinary(random.below(256), random.bytes(random.below(20))) : rawBinary(2, wrongInner)]
    case 4:
      return [TYPE.undefined, Buffer.alloc(0)]
    case 5:
      return [TYPE.objectId, random.bytes(12)]
    case 6:
      return [TYPE.bool, Buffer.of(random.below(2))]
    case 7:
      return [TYPE.date, random.bytes(8)]
    case 8:
      return [TYPE.null, Buffer.alloc(0)]
    case 9:
      return [TYPE.regExp, rawRegExp(utf8(random.pick(REGEXPS)), utf8(random.pick(OPTIONS)))]
    case 10:
      return [TYPE.dbPointer, Buffer.concat([rawText(anyText(random)), random.bytes(12)])]
    case 11:
      return [TYPE.code, rawText(anyText(random))]
    case 12:
      return [TYPE.symbol, rawText(anyText(random))]
    case 13: {
      const parts = Buffer.concat([rawText(anyText(random)), rawDocument(anyElements(random, 0))])
      return [TYPE.codeWithScope, Buffer.concat([int32(parts.length + 4), parts])]
    }
    case 14:
      return [TYPE.int, random.bytes(4)]
    case 15:
      return [TYPE.timestamp, random.bytes(8)]
    case 16:
      return [TYPE.long, random.bytes(8)]
    case 17:
      return [TYPE.decimal, random.bytes(16)]
    case 18:
      return [random.chance(0.5) ? TYPE.minKey : TYPE.maxKey, Buffer.alloc(0)]
    case 19:
      return [TYPE.array, rawArray(Array.from({ length: random.below(4) }, () => anyValue(random, depth - 1)))]
    case 20:
      return [TYPE.object, deep(1 + random.below(150))]
    default:
      return [TYPE.object, rawDocument(anyElements(random, depth - 1))]
  }
}

function anyElements(random: Random, depth = 2): RawElement[] {
  return Array.from({ length: random.below(5) }, () => {
    const [type, value] = anyValue(random, depth)
    return [type, anyText(random), value]
  })
}

function deep(levels: number): Buffer {
  let document = rawDocument([])
  for (let level = 0; level < levels; level++) document = rawDocument([[TYPE.object, utf8('a'), document]])
  return document
}

const text = (value: string): RawValue => [TYPE.string, rawText(utf8(value))]
const element = (name: string, [type, value]: RawValue): RawElement => [type, utf8(name), value]
const object = (...elements: readonly RawElement[]): RawValue => [TYPE.object, rawDocument(elements)]
const array = (values: readonly RawValue[]): RawValue => [TYPE.array, rawArray(values)]
const now: RawValue = [TYPE.date, Buffer.from([0, 0, 0, 0, 0x8d, 1, 0, 0])]

/** As it should be, mostly. */
function mostly(random: Random, right: RawValue, sure = 0.8): RawValue {
  return random.chance(sure) ? right : anyValue(random)
}

function anyRecord(random: Random, ...fields: readonly RawElement[]): RawValue {
  const more = random.chance(0.3) ? anyElements(random) : []
  const results = ['created_dt', 'tries', 'error', 'id', 'paused', 'priority', 'last_failed_dt'] as const
  const said = random.chance(0.3) ? [element(random.pick(results), anyValue(random))] : []
  return mostly(random, object(...fields, ...said, ...more), 0.9)
}

function anySites(random: Random, site: string): RawValue {
  const source = random.chance(0.9) ? [element('created_dt', now)] : []
  if (random.chance(0.5)) {
    const records = [anyRecord(random, element('name', text('studio')), ...source), anyRecord(random, element('name', text(site)))]
    return array(random.chance(0.2) ? [...records, anyValue(random)] : records)
  }
  const records: RawElement[] = [element('studio', anyRecord(random, ...source)), element(site, anyRecord(random))]
  if (random.chance(0.2)) records.push([TYPE.object, anyText(random), rawDocument([])])
  return object(...records)
}

function anyFile(random: Random, site: string): RawValue {
  const paths = ['{root[work]}/there.exr', '{root[work]}/none.exr', '{root[work]}/../../secret', '{root[work]}/a\nb'] as const
  const known = [
    element('_id', mostly(random, [TYPE.objectId, random.bytes(12)])),
    element('path', mostly(random, text(random.pick(paths)))),
    element('sites', mostly(random, anySites(random, site))),
  ]
  return mostly(random, object(...known, ...(random.chance(0.2) ? anyElements(random) : [])), 0.9)
}

/** The server takes no arrays, regular expressions and undefined ones for ids. */
export function anyId(random: Random): RawValue {
  if (random.chance(0.5)) return [TYPE.objectId, random.bytes(12)]
  if (random.chance(0.02)) return [TYPE.string, rawText(Buffer.alloc(1_000_000 + random.below(3_000_000), 'i'))]
  const id = anyValue(random)
  return [TYPE.array, TYPE.regExp, TYPE.undefined].some((type) => type === id[0]) ? anyId(random) : id
}

/** Whatever the owner's database may hold in the place of a representation that wants its files at this site. */
export function anyRepresentation(random: Random, id: RawValue, site: string): Buffer {
  const files = Array.from({ length: 1 + random.below(3) }, () => anyFile(random, site))
  return rawDocument([
    element('_id', id),
    element('type', mostly(random, text('representation'), 0.95)),
    element('name', mostly(random, text('ma'))),
    element('context', mostly(random, object(element('root', mostly(random, text('/nowhere')))))),
    element('files', mostly(random, array(files), 0.9)),
    ...(random.chance(0.3) ? anyElements(random) : []),
  ])
}

/** What an update may do to such a document. */
export function anyUpdate(random: Random): Buffer {
  const paths = ['files.0.sites.', 'files.0.sites.1.', 'files.0.', 'context.', 'data.', ''] as const
  const name = Buffer.concat([utf8(random.pick(paths)), anyText(random)])
  const [type, value] = anyValue(random)
  const operator = random.chance(0.7) ? '$set' : '$unset'
  return rawDocument([element(operator, [TYPE.object, rawDocument([[type, name, value]])])])
}

export { array, element, object, text }
