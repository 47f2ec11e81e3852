/** BSON to the byte, for documents that no driver would write. */

export type RawElement = readonly [type: number, name: Buffer, value: Buffer]

export const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}

const END = Buffer.alloc(1)

export function rawDocument(elements: readonly RawElement[]): Buffer {
  const body = Buffer.concat(elements.flatMap(([type, name, value]) => [Buffer.of(type), name, END, value]))
  return Buffer.concat([int32(body.length + 5), body, END])
}

export const rawArray = (values: readonly (readonly [type: number, value: Buffer])[]): Buffer =>
  rawDocument(values.map(([type, value], index) => [type, Buffer.from(String(index)), value]))

/** Of a string, a symbol, code: its length, itself and an end. */
export const rawText = (text: Buffer): Buffer => Buffer.concat([int32(text.length + 1), text, END])

export const rawRegExp = (pattern: Buffer, options: Buffer): Buffer => Buffer.concat([pattern, END, options, END])

export const rawBinary = (subtype: number, bytes: Buffer): Buffer => Buffer.concat([int32(bytes.length), Buffer.of(subtype), bytes])

export const TYPE = {
  double: 1,
  string: 2,
  object: 3,
  array: 4,
  binary: 5,
  undefined: 6,
  objectId: 7,
  bool: 8,
  date: 9,
  null: 10,
  regExp: 11,
  dbPointer: 12,
  code: 13,
  symbol: 14,
  codeWithScope: 15,
  int: 16,
  timestamp: 17,
  long: 18,
  decimal: 19,
  maxKey: 127,
  minKey: 255,
} as const
