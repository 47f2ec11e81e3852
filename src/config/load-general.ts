import type { z } from 'zod'

import type { RawConfig } from './layout.ts'
import type { Problems } from './problems.ts'
import { parseWhatFits } from './parse.ts'
import { isRawObject, rawObject, type RawObject } from './read-json.ts'
import { httpSchema } from './http-schema.ts'
import { generalSchema, legacyConfigSchema, mongoSchema, projectsSchema } from './schema.ts'
import { warnOfUnknownKeys } from './unknown-keys.ts'
import { verifyScheduleSchema } from './verify-schedule.ts'

export type General = z.output<typeof generalSchema>

/** Not yet used, or meant for editors. */
const IGNORED = ['$schema']

/** The general keys with their defaults. A key with a mistake has its default, so that the rest can still be checked. */
export function loadGeneral({ general, keyOf, isLegacy }: RawConfig, problems: Problems): General {
  const legacy = isLegacy ? Object.keys(legacyConfigSchema.shape) : []
  const warn = (raw: unknown, known: readonly string[], below: readonly string[]) => {
    if (isRawObject(raw)) warnOfUnknownKeys(raw, known, (path) => keyOf([...below, ...path]), problems)
  }
  warn(general, [...Object.keys(generalSchema.shape), ...legacy, ...IGNORED], [])
  warn(general['mongo'], Object.keys(mongoSchema.shape), ['mongo'])
  warn(general['http'], Object.keys(httpSchema.shape), ['http'])
  warn(general['verify_schedule'], Object.keys(verifyScheduleSchema.shape), ['verify_schedule'])
  warn(general['projects'], Object.keys(projectsSchema.shape), ['projects'])

  return parseWhatFits(generalSchema, withoutOverrides(general), keyOf, problems)
}

/** Overrides are keyed by any name and are read on their own. */
function withoutOverrides(general: RawObject): RawObject {
  const { projects, ...rest } = general
  if (!isRawObject(projects)) return general
  return { ...rest, projects: rawObject(Object.entries(projects).filter(([key]) => key !== 'overrides')) }
}
