import { isPlain } from './document.ts'

/** What would break a line, steer a terminal or turn the reading order, and what ends a quotation of a shell around it. */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}'`]/gu

/** A text as both MongoDB shells and JavaScript read it, on one line and without anything that does not show. */
export function textLiteral(text: string): string {
  return JSON.stringify(text).replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`).join(''),
  )
}

/** A value of any type that BSON knows, such that it is found again by it. */
export function mongoLiteral(value: unknown): string {
  if (typeof value === 'string') return textLiteral(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Date) return `new Date(${value.getTime()})`
  if (Array.isArray(value)) return `[${value.map(mongoLiteral).join(', ')}]`
  if (isPlain(value)) return objectLiteral(Object.entries(value))
  return literalOf(value)
}

function objectLiteral(entries: readonly (readonly [string, unknown])[]): string {
  return `{${entries.map(([key, element]) => `${nameLiteral(key)}: ${mongoLiteral(element)}`).join(', ')}}`
}

/** As it stands, that one name would set the prototype. */
function nameLiteral(key: string): string {
  return key === '__proto__' ? `[${textLiteral(key)}]` : textLiteral(key)
}

/** What the driver's own types have in common, and what some have; none of them is imported here. */
interface BsonValue {
  readonly _bsontype?: string
  readonly sub_type?: number
  readonly code?: string
  readonly scope?: unknown
  readonly pattern?: string
  readonly options?: string
  readonly collection?: string
  readonly oid?: unknown
  readonly db?: string
  readonly t?: number
  readonly i?: number
  toString(encoding?: string): string
}

function literalOf(value: BsonValue): string {
  const text = (): string => textLiteral(String(value))
  switch (value[BSON_TYPE]) {
    case 'ObjectId':
      return `ObjectId(${text()})`
    case 'Long':
      return `NumberLong(${text()})`
    case 'Decimal128':
      return `NumberDecimal(${text()})`
    case 'Binary':
      return `BinData(${value.sub_type ?? 0}, ${textLiteral(value.toString('base64'))})`
    case 'Timestamp':
      return `Timestamp(${value.t ?? 0}, ${value.i ?? 0})`
    case 'BSONRegExp':
      return `BSONRegExp(${textLiteral(value.pattern ?? '')}, ${textLiteral(value.options ?? '')})`
    case 'Code':
      return `Code(${textLiteral(value.code ?? '')}${value.scope === null || value.scope === undefined ? '' : `, ${mongoLiteral(value.scope)}`})`
    case 'DBRef':
      return `DBRef(${[value.collection, value.oid, ...(value.db === undefined ? [] : [value.db])].map(mongoLiteral).join(', ')})`
    case 'MinKey':
    case 'MaxKey':
      return `${value[BSON_TYPE]}()`
    default:
      return text()
  }
}

const BSON_TYPE = '_bsontype'
