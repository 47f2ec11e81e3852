import { inspect } from 'node:util'

import { HINT_OF_SECRET, SECRET_KEY, SECRET_PATTERNS } from './secret-patterns.ts'

const MARK = '[redacted]'
/** Shorter ones would blot out ordinary words; they are still caught by the patterns around them. */
const MIN_SECRET_LENGTH = 6
const MAX_SECRETS = 200

const secrets = new Set<string>()
let registered: RegExp | undefined

/**
 * From now on this value shows in no log line of the process, in whatever text it stands: as it is, and as it looks inside a URI
 * or inside JSON. Values below 6 characters are not taken. Only the last 200 values are kept.
 */
export function registerSecret(value: string): void {
  if (value.length < MIN_SECRET_LENGTH || MARK.includes(value)) return
  secrets.delete(value)
  secrets.add(value)
  for (const oldest of secrets) {
    if (secrets.size <= MAX_SECRETS) break
    secrets.delete(oldest)
  }
  registered = undefined
}

/** The text without secrets: those registered, and whatever looks like one. */
export function redact(text: string): string {
  registered ??= pattern()
  let clean = secrets.size > 0 ? text.replace(registered, MARK) : text
  if (!HINT_OF_SECRET.test(clean)) return clean
  for (const [secret, replacement] of SECRET_PATTERNS) clean = clean.replace(secret, replacement)
  return clean
}

/** A copy of data for a log: plain, bounded in depth and size, every text redacted; what stands under a key such as `password` goes altogether. */
export function redactDeep(value: unknown, clean: (text: string) => string = redact): unknown {
  let budget = 1000
  const copy = (item: unknown, depth: number): unknown => {
    if (typeof item === 'string') return clean(item)
    if (typeof item !== 'object' || item === null) return typeof item === 'bigint' ? String(item) : item
    if (item instanceof Date) return Number.isNaN(item.getTime()) ? 'invalid date' : item.toISOString()
    if (depth > 6 || --budget < 0) return '[too much]'
    if (item instanceof Error) return clean(`${item.name}: ${item.message}`)
    if (ArrayBuffer.isView(item)) return `[${item.byteLength} bytes]`
    if (Array.isArray(item) || item instanceof Set) return Array.from(item as Iterable<unknown>, (element) => copy(element, depth + 1))
    // Ids of the database, addresses and the like: what they say of themselves.
    if (!isPlain(item) && !(item instanceof Map)) return clean(textOf(item))
    const entries: [unknown, unknown][] = item instanceof Map ? [...item] : Object.entries(item)
    return Object.fromEntries(
      entries.map(([key, element]) => [
        clean(String(key)),
        SECRET_KEY.test(String(key)) && element !== undefined ? MARK : copy(element, depth + 1),
      ]),
    )
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

/** The longest first: one secret may be part of another. */
function pattern(): RegExp {
  const spellings = [...new Set([...secrets].flatMap(spellingsOf))].sort((one, other) => other.length - one.length)
  return new RegExp(spellings.map((spelling) => spelling.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'), 'g')
}

function spellingsOf(secret: string): string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret.toWellFormed()), encodeURI(secret.toWellFormed())]
}
