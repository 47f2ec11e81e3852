import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { openProvider, providers } from '../../../src/providers/registry.ts'

const ICONS = join(import.meta.dirname, '../../../src/providers/icons')
const CONTEXT = { mayCreateRoot: false, warn: () => {} }

describe('the registry', () => {
  test('every provider has an icon of its name, and every icon a provider', async () => {
    expect((await readdir(ICONS)).toSorted()).toEqual([...providers.keys()].map((name) => `${name}.png`).toSorted())
  })

  test.each([...providers.keys()])('the icon of %s is a PNG of 24 × 24', async (name) => {
    const icon = await readFile(join(ICONS, `${name}.png`))
    expect(icon.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]))
    expect(icon.toString('latin1', 12, 16)).toBe('IHDR')
    expect([icon.readUInt32BE(16), icon.readUInt32BE(20)]).toEqual([24, 24])
  })

  test.each([...providers])('%s stands in a file of its name, and its limit is a number of transfers', async (name, { concurrency }) => {
    const file = join(ICONS, '..', `${name.replaceAll('_', '-')}.ts`)
    expect(await readFile(file, 'utf8')).toContain('extends Provider')
    expect(Number.isInteger(concurrency) && concurrency > 0).toBe(true)
  })

  test('a site is opened by its provider', async () => {
    const site = { name: 'studio', provider: 'local_drive', root: '/mnt/w', alternativeSites: [] }
    expect((await openProvider(site, CONTEXT)).site).toBe(site)
  })

  test('an unknown provider is a mistake of the configuration, and the known ones are named', async () => {
    const site = { name: 'box', provider: 'dropbox9', root: '/', alternativeSites: [] }
    await expect(openProvider(site, CONTEXT)).rejects.toMatchObject({
      code: 'MISCONFIGURED',
      kind: 'site',
      message: 'site box: there is no provider "dropbox9"; there are: gdrive, local_drive',
    })
  })
})
