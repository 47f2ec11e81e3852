import { z } from 'zod'

interface NumberRange {
  readonly min: number
  readonly max: number
  readonly integer?: boolean
  /** `min` itself is not allowed. */
  readonly above?: boolean
}

/** A number, or the same as text, as the legacy settings write it. */
export function numeric({ min, max, integer = false, above = false }: NumberRange) {
  const error = `${integer ? 'a whole number' : 'a number'} ${above ? `above ${min} and up to` : `from ${min} to`} ${max}`
  const base = (integer ? z.int({ error }) : z.number({ error })).max(max, { error })
  const number = above ? base.gt(min, { error }) : base.min(min, { error })
  const digits = z.string({ error }).regex(integer ? /^\s*\d+\s*$/ : /^\s*\d+(?:\.\d+)?\s*$/, { error })
  return z.union([number, digits], { error }).transform(Number).pipe(number)
}

/** A text that is not empty. */
export function name(error: string) {
  return z.string({ error }).min(1, { error })
}

/** A list of texts, or a single one. */
export function textList(error: string) {
  const text = z.string({ error }).max(1000, { error })
  return z.union([z.array(text), text], { error }).transform((value) => (typeof value === 'string' ? [value] : value))
}

/** The legacy settings hold empty texts, or null, where nothing was filled in. */
export function emptyIsAbsent(value: unknown): unknown {
  return value === '' || value === null ? undefined : value
}
