import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

import { expect, test } from 'vitest'

import { pageFiles } from '../../../src/http/page-files.ts'

const PAGE = join(import.meta.dirname, '../../../src/http/page')
const files = await pageFiles()
const own = readdirSync(PAGE, { recursive: true, encoding: 'utf8' }).filter((path) => /\.\w+$/.test(path))
const text = (path: string): string => readFileSync(join(PAGE, path), 'utf8')

test('every import and every link of the page leads to a file that is served, and none elsewhere', () => {
  const addresses = own
    .filter((path) => path.endsWith('.js'))
    .flatMap((path) =>
      [...text(path).matchAll(/from '([^']+)'/g)].map(
        ([, target = '']) => [path, posix.join('/page', posix.dirname(path), target)] as const,
      ),
    )
  expect(addresses.length).toBeGreaterThan(40)
  const links = [...text('index.html').matchAll(/(?:href|src)="\.([^"]+)"/g)].map(([, target = '']) => ['index.html', target] as const)
  expect([...addresses, ...links].filter(([, target]) => !files.has(target))).toEqual([])
  expect(own.filter((path) => /https?:\/\/(?!www\.w3\.org\/2000\/svg)/.test(text(path)))).toEqual([])
})

test('nothing of the page needs what its policy forbids, and no text becomes HTML', () => {
  expect(text('index.html')).not.toMatch(/<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=/)
  const scripts = own.filter((path) => path.endsWith('.js'))
  expect(scripts.filter((path) => /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/.test(text(path)))).toEqual(
    [],
  )
})

test('its files are of 250 lines at most, and have a type', () => {
  expect(own.filter((path) => text(path).trimEnd().split('\n').length > 250)).toEqual([])
  expect([...files.values()].filter(({ type, body }) => type === '' || body.length === 0)).toEqual([])
  expect(files.get('/')?.type).toBe('text/html; charset=utf-8')
})
