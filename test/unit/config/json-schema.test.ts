import { readFile } from 'node:fs/promises'

import { parse } from 'jsonc-parser'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

import { configJsonSchema } from '../../../src/config/json-schema.ts'

const read = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8')
const schemaOf = (schema: object) => z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])

describe('the JSON Schema for editors', () => {
  test('the one that is checked in is current (npm run schema writes it)', async () => {
    expect(await read('schema/site-sync.schema.json')).toBe(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
  })

  test.each(['examples/config.json', 'examples/folder/config.json', 'examples/legacy/settings.json', 'examples/openpype/settings.json'])(
    'takes %s',
    async (path) => {
      const content: unknown = parse(await read(path))
      expect(schemaOf(configJsonSchema()).safeParse(content).error).toBeUndefined()
    },
  )

  test('takes the file of sites of the folder layout, by its own part', async () => {
    const { $defs } = configJsonSchema() as { $defs: { sites: object } }
    const { $schema: reference, ...content } = parse(await read('examples/folder/gdrive.json')) as Record<string, unknown>
    expect(reference).toBe('../../schema/site-sync.schema.json#/$defs/sites')
    expect(schemaOf($defs.sites).safeParse(content).error).toBeUndefined()
  })

  test.each([
    { retry_cnt: -1 },
    { sites: { a: { provider: 7, root: '/x' } } },
    { sites: { a: { provider: 'gdrive' } } },
    { indexes: 'on' },
  ])('refuses %j', (content) => {
    expect(schemaOf(configJsonSchema()).safeParse(content).success).toBe(false)
  })

  test('tells what each key is for, and its default', () => {
    const { properties } = configJsonSchema() as { properties: Record<string, { description?: string; default?: unknown }> }
    const undescribed = Object.entries(properties).filter(([key, { description }]) => key !== '$schema' && !description)
    expect(undescribed).toEqual([])
    expect(properties['retry_cnt']?.default).toBe(3)
    expect(properties['publish_site']?.default).toBe('studio')
  })
})
