import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import type { ErrorCode } from '../../../src/errors.ts'
import { SyncError } from '../../../src/errors.ts'

const ROOT = join(import.meta.dirname, '../../..')

test('the table of faults in the documentation is that of the code', async () => {
  const code = await readFile(join(ROOT, 'src/errors.ts'), 'utf8')
  const codes = [...code.matchAll(/^ {2}([A-Z_]+): '[a-z]+',$/gm)].map(([, name]) => name as ErrorCode)
  const documentation = await readFile(join(ROOT, 'docs/adding-a-provider.md'), 'utf8')
  const rows = documentation.matchAll(/^\| `(file|site|transient|stop)` \| ([^|]+) \|/gm)
  const documented = [...rows].flatMap(([, kind, names]) => [...String(names).matchAll(/`(\w+)`/g)].map(([, name]) => [name, kind]))
  expect(codes.length).toBeGreaterThan(20)
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(codes.map((name) => [name, new SyncError(name, '').kind])))
})
