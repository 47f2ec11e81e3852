/** A value as BSON gives it: nothing about its type is known. */
export type Plain = Readonly<Record<string, unknown>>

/** Why nothing of a document can be read. No field of a document has such a name. */
export const UNREADABLE: unique symbol = Symbol('unreadable')

/** What the service reads of a document of a project collection. Every field may be of any type. */
export interface RepresentationDocument {
  readonly _id: unknown
  readonly type?: unknown
  readonly name?: unknown
  readonly context?: unknown
  readonly files?: unknown
  readonly [UNREADABLE]?: string
}

/** A sub-document: not an array, a date, an id or another BSON value with a class of its own. */
export function isPlain(value: unknown): value is Plain {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** The file entries of a document that anybody can read. */
export function fileEntries({ files }: Pick<RepresentationDocument, 'files'>): readonly Plain[] {
  return Array.isArray(files) ? files.filter(isPlain) : []
}

/** Characters. Ids of which more than that would be said are served by nobody: their texts need not tell them apart. */
export const MAX_ID_LENGTH = 4_096

/** One text an id, different for different ids of any type; of an id that is too long, a text that is too long as well, but not by much. */
export function idText(id: unknown): string {
  if (typeof id === 'string' && id.length > MAX_ID_LENGTH) return shortened(id, id.length)
  const text = wholeText(id)
  return text.length > MAX_ID_LENGTH ? shortened(text, text.length) : text
}

function shortened(text: string, length: number): string {
  return `${text.slice(0, MAX_ID_LENGTH)}… (${length})`
}

function wholeText(id: unknown): string {
  if (typeof id === 'number' || typeof id === 'bigint') return `${typeof id}(${id})`
  if (typeof id !== 'object' || id === null) return JSON.stringify(id) ?? 'undefined'
  if (Array.isArray(id)) return `[${id.map(wholeText).join(',')}]`
  // By far the most of them, and many: as below, only quicker.
  if ('toHexString' in id && typeof id.toHexString === 'function')
    return `${id.constructor.name}("${(id as { toHexString(): string }).toHexString()}")`
  if (isPlain(id))
    return `{${Object.entries(id)
      .map(([key, value]) => `${JSON.stringify(key)}:${wholeText(value)}`)
      .join(',')}}`
  // As text, dates lose their milliseconds and binary values the bytes that are no UTF-8; as JSON they are exact.
  return `${id.constructor.name}${'sub_type' in id ? String(id.sub_type) : ''}(${JSON.stringify(id)})`
}

/** An id as people write it; never empty. */
export function idPlain(id: unknown): string {
  if (typeof id === 'string' && id !== '') return id
  // BSON's own types say who they are, most of them.
  const said = typeof id === 'object' && id !== null && !isPlain(id) && !Array.isArray(id) ? (id as { toString(): string }).toString() : ''
  if (said !== '' && said !== '[object Object]') return said
  return typeof id === 'number' || typeof id === 'bigint' ? String(id) : (JSON.stringify(id) ?? 'undefined')
}
