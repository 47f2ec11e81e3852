import type { z } from 'zod'

import type { ConfigProblem } from '../errors.ts'
import { redact, redactDeep } from '../logging/redact.ts'
import { SECRET_KEY } from '../logging/secret-patterns.ts'

export type Path = readonly PropertyKey[]
/** How a place in the configuration is named to a person: with its file, where there are several. */
export type KeyOf = (path: Path) => string

/** Behind a key that nobody wrote, and that means something all the same. */
export const LEFT_OUT = ' (left out)'

/** Collects everything that is wrong, so that all of it is shown at once. Nothing it holds is secret. */
export class Problems {
  readonly problems: ConfigProblem[] = []
  readonly warnings: string[] = []

  /** `value` as the person wrote it; `undefined` reads "is missing". */
  add(key: string, value: unknown, expected: string): void {
    const problem = { key: redact(key), ...(value !== undefined && { value: isSecret(key) ? '[redacted]' : shown(value) }), expected }
    if (this.problems.some((known) => known.key === problem.key && known.expected === expected)) return
    this.problems.push(problem)
  }

  addIssues(error: z.ZodError, raw: unknown, keyOf: KeyOf): void {
    for (const issue of error.issues) this.add(keyOf(issue.path), at(raw, issue.path), issue.message)
  }

  warn(text: string): void {
    const clean = redact(text)
    if (!this.warnings.includes(clean)) this.warnings.push(clean)
  }
}

/** `sites.gdrive.root`; names that are no plain words stand in brackets: `sites["a.b"].root`. */
export function formatKey(path: Path): string {
  return path.reduce<string>((key, part) => {
    const name = String(part)
    if (typeof part === 'number') return `${key}[${name}]`
    if (!/^[\p{L}\p{N}_$-]+$/u.test(name)) return `${key}[${JSON.stringify(name)}]`
    return key === '' ? name : `${key}.${name}`
  }, '')
}

function at(raw: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined),
    raw,
  )
}

/** What stands under a key such as `password` is not shown, whatever it is. */
function isSecret(key: string): boolean {
  return key.split(/[.[\]"]+/).some((part) => SECRET_KEY.test(part))
}

/** Lists and objects are shown when they are small. */
function shown(value: unknown): unknown {
  if (typeof value === 'string') return shorten(redact(value))
  if (typeof value !== 'object' || value === null) return value
  const copy = redactDeep(value)
  if (JSON.stringify(copy).length <= 80) return copy
  return Array.isArray(value) ? `a list of ${value.length}` : `an object of ${Object.keys(value).length} keys`
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
