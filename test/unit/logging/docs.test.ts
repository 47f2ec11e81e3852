import { readFile } from 'node:fs/promises'

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
