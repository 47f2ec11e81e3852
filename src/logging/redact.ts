import { inspect } from 'node:util'

import { maxSecretLength, withoutSecrets } from '../secrets.ts'
import { HINT_OF_SECRET, SECRET_KEY, SECRET_PATTERNS } from './secret-patterns.ts'
import { withoutUserinfo } from './uri-userinfo.ts'

const MARK = '[redacted]'
/** Longer texts are cut: a line must stay a line. */
const MAX_TEXT = 8192
/** So much behind the cut is looked through as well, and not shown: a secret that begins before it would not be known by its beginning. */
const MIN_AHEAD = 8192
/** What data may have of values, and of characters in all of them. */
const MAX_VALUES = 1000
const MAX_CHARACTERS = 65_536
const TOO_MUCH = '[too much]'

/** The text without secrets: those registered, and whatever looks like one. A long one is cut, before it is looked through. */
export function redact(text: string): string {
  if (text.length <= MAX_TEXT) return cut(clean(text))
  const ahead = Math.max(MIN_AHEAD, 2 * maxSecretLength())
  const window = clean(text.slice(0, MAX_TEXT + ahead))
  if (text.length <= MAX_TEXT + ahead) return cut(window)
  return `${window.slice(0, Math.min(MAX_TEXT, Math.max(0, window.length - ahead)))}…`
}

function clean(text: string): string {
  const unknown = withoutSecrets(text)
  if (!HINT_OF_SECRET.test(unknown)) return unknown
  let clear = withoutUserinfo(unknown, MARK)
  for (const [secret, replacement] of SECRET_PATTERNS) clear = clear.replace(secret, replacement)
  return clear
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
}

/** A copy of data for a log: plain, bounded in depth and size, every text redacted; what stands under a key such as `password` goes altogether. */
export function redactDeep(value: unknown): unknown {
  let values = MAX_VALUES
  let characters = MAX_CHARACTERS
  const shown = (text: string): string => {
    if (characters <= 0) return TOO_MUCH
    const redacted = redact(text)
    characters -= redacted.length
    return redacted
  }
  const copy = (item: unknown, depth: number): unknown => {
    if (typeof item === 'string') return shown(item)
    if (typeof item !== 'object' || item === null) return typeof item === 'bigint' ? String(item) : item
    if (item instanceof Date) return Number.isNaN(item.getTime()) ? 'invalid date' : item.toISOString()
    if (depth > 6 || values <= 0) return TOO_MUCH
    if (item instanceof Error) return shown(`${item.name}: ${item.message}`)
    if (ArrayBuffer.isView(item)) return `[${item.byteLength} bytes]`
    if (Array.isArray(item) || item instanceof Set) return elements(item as Iterable<unknown>, depth)
    // Ids of the database, addresses and the like: what they say of themselves.
    if (!isPlain(item) && !(item instanceof Map)) return shown(textOf(item))
    return Object.fromEntries(entries(item instanceof Map ? item : Object.entries(item), depth))
  }
  const elements = (items: Iterable<unknown>, depth: number): unknown[] => {
    const copies: unknown[] = []
    for (const item of items) {
      if (--values < 0) return [...copies, TOO_MUCH]
      copies.push(copy(item, depth + 1))
    }
    return copies
  }
  const entries = (pairs: Iterable<[unknown, unknown]>, depth: number): [string, unknown][] => {
    const copies: [string, unknown][] = []
    for (const [key, item] of pairs) {
      if (--values < 0) return [...copies, ['…', TOO_MUCH]]
      const name = String(key)
      copies.push([shown(name), SECRET_KEY.test(name) && item !== undefined ? MARK : copy(item, depth + 1)])
    }
    return copies
  }
  return copy(value, 0)
}

function textOf(value: object): string {
  const told: unknown = 'toJSON' in value && typeof value.toJSON === 'function' ? value.toJSON() : undefined
  return typeof told === 'string' ? told : inspect(value, { depth: 1, breakLength: Infinity })
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
