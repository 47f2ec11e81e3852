import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'

import { parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser'

import { registerSecretsIn } from './register-secrets.ts'
import { formatKey, type Problems, type Path } from './problems.ts'

/** Keys are own properties of objects without a prototype, whatever they are called. */
export type RawObject = Record<string, unknown>

/** OpenPype's note of what was overridden, at any depth; it says nothing to anybody else. */
export const OPENPYPE_NOTE = '__overriden_keys__'

/** An object in JSON with comments and trailing commas. `undefined` when it can't be read: the mistake is noted. */
export async function readJson(file: string, problems: Problems): Promise<RawObject | undefined> {
  const name = basename(file)
  const text = await readText(file, name, problems)
  if (text === undefined) return undefined
  if (text.trim() === '') return note(problems, name, '', 'a JSON object; the file is empty')
  try {
    const errors: ParseError[] = []
    const tree = parseTree(text, errors, { allowTrailingComma: true })
    for (const { error, offset } of errors.slice(0, 5)) {
      const { line, column } = position(text, offset)
      problems.add(`${name}, line ${line}, column ${column}`, 'a syntax error', words(printParseErrorCode(error)))
    }
    if (errors.length > 0 || !tree) return undefined
    const value = toValue(tree, (path) => problems.warn(`${name}: ${formatKey(path)} stands there twice; the last one counts`), [])
    registerSecretsIn(value)
    return isRawObject(value) ? value : note(problems, name, value, 'a JSON object')
  } catch (error) {
    if (error instanceof RangeError) return note(problems, name, 'nested too deeply', 'a JSON object')
    throw error
  }
}

export function isRawObject(value: unknown): value is RawObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object that holds any key without meaning anything by it, `__proto__` included. */
export function rawObject(entries: Iterable<readonly [string, unknown]>): RawObject {
  const object = Object.create(null) as RawObject
  for (const [key, value] of entries) object[key] = value
  return object
}

async function readText(file: string, name: string, problems: Problems): Promise<string | undefined> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return note(problems, name, 'not UTF-8', 'a file in UTF-8')
    return note(problems, name, `unreadable (${code})`, 'a file that this user may read')
  }
}

function note(problems: Problems, key: string, value: unknown, expected: string): undefined {
  problems.add(key, value, expected)
}

function toValue(node: Node, onDuplicate: (path: Path) => void, path: Path): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child, index) => toValue(child, onDuplicate, [...path, index]))
  if (node.type !== 'object') return node.value as unknown
  const object = rawObject([])
  for (const property of node.children ?? []) {
    const [key, value] = property.children ?? []
    if (!key || !value) continue
    const name = String(key.value)
    if (name === OPENPYPE_NOTE) continue
    if (name in object) onDuplicate([...path, name])
    object[name] = toValue(value, onDuplicate, [...path, name])
  }
  return numberIn(object) ?? object
}

/** `{"$numberInt": "3"}`, as mongoexport writes numbers. */
export function numberIn(object: RawObject): number | undefined {
  const [first, more] = Object.entries(object)
  if (!first || more) return undefined
  const [type, digits] = first
  if (!['$numberInt', '$numberLong', '$numberDouble'].includes(type) || typeof digits !== 'string') return undefined
  const number = Number(digits)
  return digits.trim() === '' || !Number.isFinite(number) ? undefined : number
}

function position(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split(/\r\n|\r|\n/)
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 }
}

/** `PropertyNameExpected` → `property name expected`. */
function words(code: string): string {
  return code.replace(/\B[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()
}
