import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

import { expect, test } from 'vitest'

const CHECKOUT = resolve(import.meta.dirname, '../../..')
/** The provider that the guide invents. */
const EXAMPLE = /my[_-]storage/
const PAGES = globSync(['*.md', 'docs/*.md', 'replica-set-dev/*.md'], { cwd: CHECKOUT })

test.each(PAGES)('%s leads nowhere where nothing is', (page) => {
  const text = readFileSync(join(CHECKOUT, page), 'utf8')
  const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => join(dirname(page), link))
  const named = [...text.matchAll(/`((?:src|test|docs|examples|schema|replica-set-dev)\/[\w./-]+)`/g)].map(([, path = '']) => path)
  const missing = [...links, ...named].filter((path) => !existsSync(join(CHECKOUT, path)) && !EXAMPLE.test(path))
  expect(missing).toEqual([])
})

test('there are pages to check', () => {
  expect(PAGES).toContain('README.md')
  expect(PAGES.length).toBeGreaterThan(8)
})
