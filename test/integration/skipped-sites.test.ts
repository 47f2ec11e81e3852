import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { entry, inArray, inObject, representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

/** The legacy settings, with these sites besides the studio. */
async function writeLegacy(stage: Stage, sites: object, config: object = {}): Promise<string> {
  await mkdir(join(stage.dir, 'config'), { recursive: true })
  const file = join(stage.dir, 'config', 'settings.json')
  const { uri, database, stateDatabase } = stage.settings.mongo
  const settings = {
    enabled: true,
    config: { retry_cnt: '3', loop_delay: '60', active_site: 'studio', remote_site: 'mirror', always_accessible_on: [], ...config },
    sites: { studio: { root: { work: { linux: stage.studioPath('') } } }, ...sites },
    mongo: { uri, database, state_database: stateDatabase },
  }
  await writeFile(file, JSON.stringify(settings))
  return file
}

const json = async (...args: readonly string[]): Promise<unknown> => {
  const command = new ServiceProcess([...args, '--json'])
  expect(await command.end()).toBe(0)
  return JSON.parse(command.stdout)
}

test('legacy settings with a site that is not filled in here: one line at each start and reload, everything else goes on', async () => {
  const stage = await Stage.open()
  const mirror = { provider: 'local_drive', root: { work: { windows: 'M:/', linux: join(stage.dir, 'mirror'), darwin: '' } } }
  const gdrive = { provider: 'gdrive', credentials_url: { windows: '', linux: '', darwin: '' }, root: { work: '' } }
  const config = await writeLegacy(stage, { mirror, gdrive })
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready')
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('mirror', 'gdrive'))])
  await stage.insert(document)
  await stage.synced(document, { site: 'mirror' })
  expect(service.lines.of('site.skipped')).toMatchObject([
    { 'log.level': 'info', message: 'site skipped: sites.gdrive.root.work is empty: no root for linux', site_sync: { site: 'gdrive' } },
  ])
  service.signal('SIGHUP')
  await service.lines.until('site.skipped', 2)
  expect(await json('status', '--config', config)).toMatchObject({
    sites: [
      { site: 'studio' },
      { site: 'mirror' },
      { site: 'gdrive', provider: 'gdrive', skipped: 'sites.gdrive.root.work is empty: no root for linux', instances: [] },
    ],
  })
  expect(await json('explain', String(document._id), '--config', config)).toMatchObject({
    files: [
      { site: 'mirror', state: 'synced' },
      { site: 'gdrive', state: 'skipped', reason: 'skipped on this machine: sites.gdrive.root.work is empty: no root for linux' },
    ],
  })
  service.signal('SIGTERM')
  expect(await service.end()).toBe(0)
  expect(await stage.record(document)).toEqual({ name: 'gdrive' })
  const words = new ServiceProcess(['status', '--config', config])
  await words.end()
  expect(words.stdout).toMatch(/gdrive +gdrive +skipped +sites\.gdrive\.root\.work is empty/)
}, 60_000)

test('a site that is not for this machine and served by another instance: how it is doing there is told', async () => {
  const stage = await Stage.open()
  const mirror = { provider: 'local_drive', root: { work: { linux: join(stage.dir, 'mirror') } } }
  const config = await writeLegacy(stage, { mirror })
  const service = new ServiceProcess(['run', '--config', config])
  await service.lines.until('service.ready')
  const elsewhere = join(stage.dir, 'elsewhere.json')
  const settings = (await readFile(config, 'utf8')).replace(JSON.stringify(mirror.root.work), '{"windows":"M:/"}')
  await writeFile(elsewhere, settings)
  const told = async () =>
    ((await json('status', '--config', elsewhere)) as { sites: { skipped?: string; instances: object[] }[] }).sites[1]
  await waitFor('its report', async () => (await told())?.instances.length === 1)
  expect(await told()).toMatchObject({ site: 'mirror', skipped: expect.any(String), instances: [{ state: 'ok' }] })
  const words = new ServiceProcess(['status', '--config', elsewhere])
  await words.end()
  expect(words.stdout).toMatch(/mirror +local_drive +ok/)
}, 60_000)

test('remote_site itself is skipped: that is said, nothing is transferred to it, and other sites are served', async () => {
  const stage = await Stage.open()
  const mirror = { provider: 'local_drive', root: { work: { linux: join(stage.dir, 'mirror') } } }
  const config = await writeLegacy(stage, { mirror, gdrive: { enabled: false, provider: 'gdrive' } }, { remote_site: 'gdrive' })
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inObject({ mirror: {}, gdrive: {} }))])
  await stage.insert(document)
  const scan = new ServiceProcess(['scan', '--once', '--config', config])
  expect(await scan.end()).toBe(0)
  expect(await stage.record(document, { site: 'mirror' })).toHaveProperty('created_dt')
  expect(await stage.record(document, { site: 'gdrive' })).toEqual({})
  expect(scan.lines.of('config.warning', 'site.skipped').map(({ message }) => message)).toEqual([
    'config.remote_site names gdrive, which is skipped on this machine: nothing is transferred to it',
    'site skipped: sites.gdrive.enabled is false',
  ])
})

test('the publish site has no root here: the one that stands in the document serves', async () => {
  const stage = await Stage.open()
  const mirror = { provider: 'local_drive', root: { work: join(stage.dir, 'mirror') } }
  const config = await writeLegacy(stage, { mirror, studio: { provider: 'local_drive', root: { work: { windows: 'P:/', linux: '' } } } })
  await stage.file('a.ma')
  const document = representation([entry('{root[work]}/a.ma', inArray('mirror'))], { context: { root: { work: stage.studioPath('') } } })
  await stage.insert(document)
  const scan = new ServiceProcess(['scan', '--once', '--config', config])
  expect(await scan.end()).toBe(0)
  expect(await stage.record(document, { site: 'mirror' })).toHaveProperty('created_dt')
  expect(scan.lines.of('site.skipped')).toHaveLength(1)
})
