import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { httpSchema } from '../../../src/config/http-schema.ts'
import {
  generalSchema,
  legacyConfigSchema,
  mongoSchema,
  openpypeSchema,
  overrideSchema,
  projectsSchema,
  siteSchema,
} from '../../../src/config/schema.ts'
import { verifyScheduleSchema } from '../../../src/config/verify-schedule.ts'

test('docs/configuration.md names every key', async () => {
  const text = await readFile(new URL('../../../docs/configuration.md', import.meta.url), 'utf8')
  const schemas = [generalSchema, legacyConfigSchema, openpypeSchema, siteSchema, projectsSchema, overrideSchema]
  const keys = [
    ...schemas.flatMap(({ shape }) => Object.keys(shape)),
    ...Object.keys(mongoSchema.shape).map((key) => `mongo.${key}`),
    ...Object.keys(verifyScheduleSchema.shape),
    ...Object.keys(httpSchema.shape).map((key) => `http.${key}`),
  ]
  expect(keys.filter((key) => !text.includes(`\`${key}\``))).toEqual([])
})
