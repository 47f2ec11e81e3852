import { mkdir, writeFile } from 'node:fs/promises'

import { configJsonSchema } from './json-schema.ts'

const target = new URL('../../schema/site-sync.schema.json', import.meta.url)

await mkdir(new URL('.', target), { recursive: true })
await writeFile(target, `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
