import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

import { LOG_ACTIONS } from '../../../src/model/log.ts'

test('docs/logs.md has a row for each action, as it is in the code', async () => {
  const text = await readFile(new URL('../../../docs/logs.md', import.meta.url), 'utf8')
  const rows = text.split('\n').filter((row) => /^\| `[a-z]+\.[a-z_]+` \| (?:error|warn|info|debug) \|/.test(row))
  const expected = Object.entries(LOG_ACTIONS).map(
    ([name, { level, outcome, message }]) => `| \`${name}\` | ${level} | ${outcome} | ${message} |`,
  )
  expect(rows).toEqual(expected)
})

test('each action is told by some part of the program', async () => {
  const src = fileURLToPath(new URL('../../../src/', import.meta.url))
  const files = (await readdir(src, { recursive: true })).filter((name) => name.endsWith('.ts') && name !== join('model', 'log.ts'))
  const text = (await Promise.all(files.map(async (name) => await readFile(join(src, name), 'utf8')))).join('\n')
  expect(Object.keys(LOG_ACTIONS).filter((action) => !text.includes(`'${action}'`))).toEqual([])
})
