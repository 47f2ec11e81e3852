import { join } from 'node:path'

import { expect, test } from 'vitest'

import { addressOf, ask, HTTP } from '../support/http-client.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { runsOf, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

interface Overview {
  readonly sites: readonly { readonly site: string; readonly skipped?: string; readonly instances: readonly { readonly state: string }[] }[]
}

test('a site that only projects declare is listed as any other, by the command and over HTTP', { timeout: 90_000 }, async () => {
  const stage = await Stage.open()
  const vendor = { name: 'vendor', provider: 'memory', root: new Map([['work', '/vendor']]), concurrency: 1, alternativeSites: [] }
  const away = { name: 'away', provider: 'memory', reason: 'it has no root here', documentsServe: false }
  const overrides = new Map([
    [PROJECT, { sites: new Map([['vendor', vendor]]), skipped: new Map([['away', away]]) }],
    ['other', { sites: new Map([['vendor', { ...vendor, root: new Map([['work', '/another']]) }]]), skipped: new Map([['away', away]]) }],
  ])
  const projects = { include: ['*'], exclude: [], overrides }
  const running = await stage.start({ settings: { ...stage.settings, projects, http: HTTP } })
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('vendor'))])
  await stage.insert(document)
  await stage.synced(document, { site: 'vendor' })

  const address = await addressOf(running)
  const told = await waitFor('the report', async () => {
    const { body } = await ask(address, '/api/v1/status')
    const { sites } = body as unknown as Overview
    return sites.find(({ site }) => site === 'vendor')?.instances.length === 1 && sites
  })
  expect(told.map(({ site, instances }) => [site, instances.map(({ state }) => state)])).toEqual([
    ['studio', ['ok']],
    ['gdrive', ['ok']],
    ['vendor', ['ok']],
    ['away', []],
  ])
  expect(told.at(-1)?.skipped).toBe('it has no root here')

  const sites = { vendor: { provider: 'local_drive', root: { work: join(stage.dir, 'vendor') } } }
  const config = await writeConfig(stage, { general: { projects: { overrides: { [PROJECT]: { sites } } } } })
  const { code, stdout } = await runsOf('status', config)('--json')
  expect(code).toBe(0)
  const { sites: listed } = JSON.parse(stdout) as Overview
  expect(listed.map(({ site, instances }) => [site, instances.length])).toEqual([
    ['studio', 1],
    ['mirror', 0],
    ['vendor', 1],
  ])
  const explained = await runsOf('explain', config)(String(document._id), '--json')
  expect(explained.stdout).not.toContain('no running instance serves the site')
  await running.stop()
})
