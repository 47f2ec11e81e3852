import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

const read = async (path: string): Promise<string> => await readFile(new URL(`../../../${path}`, import.meta.url), 'utf8')

test('each step from a publish to created_dt names a file and a function of it, in at most 15 steps', async () => {
  const text = await read('docs/architecture.md')
  const steps = [...text.matchAll(/^\| \d+ \| `([^`]+)` \| `([^`]+)` \|/gm)].map(([, file = '', name = '']) => ({ file, name }))
  expect(steps.length).toBeGreaterThanOrEqual(10)
  expect(steps.length).toBeLessThanOrEqual(15)
  for (const { file, name } of steps) {
    const source = await read(`src/${file}`)
    const isThere = new RegExp(String.raw`^(?:export )?(?:async )?function ${name}\b|^ {2}(?:abstract |async )*${name}\(`, 'm').test(source)
    expect(isThere, `${file} has no function ${name}`).toBe(true)
  }
})

test('the glossary is in order, each word once', async () => {
  const [, glossary = ''] = (await read('docs/architecture.md')).split('## Glossary')
  const words = [...(glossary.split('\n## ')[0] ?? '').matchAll(/^\| ([a-z, ]+) \|/gm)].map(([, word = '']) => word).slice(1)
  expect(words.length).toBeGreaterThan(10)
  expect(words).toEqual([...new Set(words)].toSorted())
})

test('decisions have dates, the newest last; those that were superseded name one that is there', async () => {
  const text = await read('docs/decisions.md')
  const sections = text.split(/^## /m).slice(1)
  const titles = new Set(sections.map((section) => section.split('\n')[0]))
  const dates = sections.map((section) => /^_(\d{4}-\d\d-\d\d)/m.exec(section)?.[1] ?? '')
  expect(dates).not.toContain('')
  expect(dates).toEqual(dates.toSorted())
  for (const [, successor] of text.matchAll(/Superseded by "([^"]+)"/g)) expect(titles).toContain(successor)
})
