import * as fc from 'fast-check'
import { Binary, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } from 'mongodb'

/** Site names that a database may hold, and that a careless update stumbles over. */
export const ODD_NAMES = [
  'a.b',
  '.',
  'a..b',
  '$x',
  '$',
  '$[]',
  '$[f0]',
  'a.$[].b',
  '"quoted"',
  "it's",
  'back\\slash',
  'žluťoučký kůň',
  '日本',
  '😀',
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  '0',
  '1',
  '12',
  '-1',
  'name',
  'sites',
  'created_dt',
  '_id',
] as const

/** U+FFFD stands for what is not UTF-8: no name is taken for one that holds it. */
const isServed = (name: string): boolean => name.isWellFormed() && !name.includes('\uFFFD')

/** Field names that no path can hold are left out where the database would. */
export const anyName = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...ODD_NAMES) },
  { weight: 1, arbitrary: fc.constantFrom('gdrive', 'studio', 'nas') },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 8 }).filter((name) => !name.includes('\0') && isServed(name)) },
)

export const anyDate = fc.date({ min: new Date(-1e14), max: new Date(1e14), noInvalidDate: true })
const text = fc.string({ unit: 'grapheme', maxLength: 6 }).filter((value) => value.isWellFormed())
const fieldName = fc.oneof(
  fc.constantFrom('note', 'custom.x', '$y', 'ž', 'Progress'),
  text.filter((name) => !name.includes('\0')),
)

const scalar = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.integer().map((value) => new Int32(value)),
  fc.double({ noNaN: true }).map((value) => new Double(value)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => Long.fromBigInt(value)),
  fc.constantFrom(
    Decimal128.fromString('1.10'),
    new MinKey(),
    new MaxKey(),
    Timestamp.fromBits(1, 2),
    new Binary(Buffer.from('bin')),
    /a.*b/i,
  ),
  anyDate,
  fc.constant(null).map(() => new ObjectId()),
)

/** Any value that BSON knows, with its type. */
export const anyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(fc.tuple(fieldName, tie('value')), { maxLength: 3 }).map(objectOf),
  ),
})).value

/** With any field names at all, `__proto__` as well. */
export function objectOf(fields: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const made: Record<string, unknown> = {}
  for (const [name, value] of fields) Object.defineProperty(made, name, { value, enumerable: true, writable: true, configurable: true })
  return made
}

/** Fields that the service does not know. */
export const unknownFields = fc.array(
  fc.tuple(
    fieldName.filter((name) => !['name', 'created_dt', 'id', 'error', 'tries', 'last_failed_dt', 'progress', 'paused'].includes(name)),
    anyValue,
  ),
  { maxLength: 3 },
)
