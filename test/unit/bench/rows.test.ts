import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { loadRows } from '../../../bench/rows.ts'

test('each row has a place in docs/performance.md, where a run writes its table', async () => {
  const page = await readFile(new URL('../../../docs/performance.md', import.meta.url), 'utf8')
  const rows = await loadRows()
  expect(rows.length).toBeGreaterThanOrEqual(13)
  const places = rows.map(({ number }) => `<a id="row-${number}"></a>`).filter((anchor) => !page.includes(anchor))
  const tables = rows.map(({ number }) => `<!-- measured: row ${number} -->`).filter((mark) => !page.includes(mark))
  expect([...places, ...tables]).toEqual([])
})
