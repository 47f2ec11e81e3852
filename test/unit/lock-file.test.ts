import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

interface Entry {
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly inBundle?: boolean
  readonly hasInstallScript?: boolean
}

const { packages } = JSON.parse(await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Entry>>
}
const downloaded = Object.entries(packages).filter(([path, { link, inBundle }]) => path !== '' && link !== true && inBundle !== true)

test('whatever is downloaded is checked against the lock file, on every platform', () => {
  expect(downloaded.length).toBeGreaterThan(100)
  expect(downloaded.filter(([, { integrity = '' }]) => !integrity.startsWith('sha512-')).map(([path]) => path)).toEqual([])
})

test('the lock file names no host, so that each registry client uses its own', () => {
  expect(downloaded.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([])
})

test('nothing that is installed runs a script', () => {
  expect(downloaded.filter(([, { hasInstallScript }]) => hasInstallScript === true).map(([path]) => path)).toEqual([])
})
