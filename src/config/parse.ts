import type { z } from 'zod'

import type { KeyOf, Problems } from './problems.ts'
import { rawObject, type RawObject } from './read-json.ts'

/**
 * What a schema makes of an object. Problems are noted, and the keys that hold them count as left out, so that the rest can still
 * be checked. Every key of the schema must be optional.
 */
export function parseWhatFits<T extends z.ZodObject>(schema: T, raw: RawObject, keyOf: KeyOf, problems: Problems): z.output<T> {
  const parsed = schema.safeParse(raw)
  if (parsed.success) return parsed.data
  problems.addIssues(parsed.error, raw, keyOf)
  const wrong = new Set(parsed.error.issues.map((issue) => issue.path[0]))
  return schema.parse(rawObject(Object.entries(raw).filter(([key]) => !wrong.has(key))))
}
