import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { gatherSettings } from '../../../src/config/import/gather-settings.ts'
import { importSettings, type Imported } from '../../../src/config/import/import-settings.ts'
import { compareVersions } from '../../../src/config/import/versions.ts'
import { loadSettings } from '../../../src/config/load-settings.ts'
import { both, expected, project, stored, system } from './openpype-samples.ts'

const imported = (...values: readonly unknown[]): Imported => importSettings(gatherSettings(values))

const at = (version: string, retries: string) => ({
  ...stored.project({ ...project, config: { remote_site: 'nas', retry_cnt: retries } }),
  version,
})

/** As `run` loads it. */
async function loaded({ configuration }: Imported) {
  const dir = await mkdtemp(join(tmpdir(), 'imported-'))
  onTestFinished(async () => await rm(dir, { recursive: true }))
  const file = join(dir, 'site-sync.json')
  await writeFile(file, JSON.stringify(configuration), { mode: 0o600 })
  return await loadSettings(file, {}, 'linux')
}

test('both documents become one configuration, which loads to what they mean', async () => {
  const result = imported(stored.system(system), stored.project(project))
  expect(result.configuration).toMatchObject({
    publish_site: 'studio',
    remote_site: 'nas',
    retry_cnt: 3,
    loop_delay: 60,
    roots_from_project: true,
    sites: { nas: { provider: 'local_drive', root: project.sites.nas.root && { work: { windows: 'N:/w', linux: '/mnt/nas/w' } } } },
    projects: { include: ['PRJ'] },
  })
  const { settings, warnings } = await loaded(result)
  expect(settings).toMatchObject(expected)
  expect(warnings).toEqual([])
  expect(JSON.stringify(result.configuration)).not.toContain('__overriden_keys__')
})

test('both parts in one file, and the legacy settings', async () => {
  expect((await loaded(imported(both()))).settings).toMatchObject({ remoteSite: 'nas', rootsFromProject: true })
  const legacy = {
    enabled: true,
    config: { retry_cnt: '5', loop_delay: '30', active_site: 'studio', remote_site: 'gdrive', always_accessible_on: [] },
    sites: { gdrive: { provider: 'gdrive', credentials_url: '/key.json', root: { work: '/My Drive/w' } } },
  }
  expect((await loaded(imported(legacy))).settings).toMatchObject({ remoteSite: 'gdrive', retryCount: 5, loopDelaySeconds: 30 })
})

test('the newest version counts, by its numbers', () => {
  const versions = ['3.18.0', '3.9.1', '3.18.0-nightly.2', undefined, '3.18.0-nightly.10', 3]
  expect(versions.toSorted(compareVersions)).toEqual([3, '3.9.1', '3.18.0-nightly.2', '3.18.0-nightly.10', '3.18.0', undefined])
  expect(compareVersions(undefined, '0.1')).toBeLessThan(0)
  const { configuration, notes } = imported(stored.system(system), at('3.9.0', '9'), at('3.18.0', '18'), at('3.10.0', '10'))
  expect(configuration['retry_cnt']).toBe(18)
  expect(notes).toContainEqual(expect.stringContaining('2 older versions'))
})

test('default settings hold for all projects, and what single ones do differently are overrides', async () => {
  const other = { enabled: true, config: { retry_cnt: '7', __overriden_keys__: [] }, sites: { gdrive: { enabled: false } } }
  const result = imported(
    stored.system(system),
    stored.project(project, null),
    stored.project(other, 'OTHER'),
    stored.project({ enabled: false }, 'OFF'),
  )
  const { settings } = await loaded(result)
  expect(settings.projects.include).toEqual(['*'])
  expect(settings.projects.overrides.get('OFF')).toEqual({ enabled: false })
  expect(settings.projects.overrides.get('OTHER')).toMatchObject({ retryCount: 7 })
  expect([...(settings.projects.overrides.get('OTHER')?.skipped?.keys() ?? [])]).toEqual(['gdrive'])
  expect(settings.sites.has('gdrive')).toBe(true)
})

test('a key that is noted as overridden is replaced as a whole', () => {
  const only = { enabled: true, sites: { nas: { enabled: true, root: { other: '/o' }, __overriden_keys__: ['root'] } } }
  const { configuration } = imported(stored.system(system), stored.project(project, null), stored.project(only, 'ONE'))
  expect(configuration).toMatchObject({ projects: { overrides: { ONE: { sites: { nas: { root: { other: '/o' } } } } } } })
  const nas = (configuration as { projects: { overrides: { ONE: { sites: { nas: { root: object } } } } } }).projects.overrides.ONE.sites.nas
  expect(Object.keys(nas.root)).toEqual(['other'])
})

test('what can not be carried over is noted, and the rest loads', async () => {
  const result = imported(
    stored.system({ enabled: true, sites: { ...system.sites, sftp: { provider: 'sftp9' }, idle: { provider: 'gdrive' } } }),
    stored.project({
      ...project,
      config: { remote_site: 'lost', odd: 1 },
      sites: {
        ...project.sites,
        sftp: { enabled: true, root: '/w', sftp_pass: 'hunter2-hunter2' },
        nobody: { enabled: true, root: '/x' },
        local: { enabled: true, root: '/y' },
        empty: { enabled: true },
        off: { enabled: false },
      },
    }),
  )
  const notes = result.notes.join('\n')
  for (const text of [
    /"lost" is no site/,
    /config\.odd/,
    /no provider sftp9/,
    /sites\.nobody is left out/,
    /sites\.local is left out/,
    /idle .* used by no project/,
    /sites\.off is left out/,
  ])
    expect(notes).toMatch(text)
  const { settings } = await loaded(result)
  expect(settings.remoteSite).toBe('')
  expect([...settings.sites.keys()]).toEqual(['gdrive', 'nas', 'sftp'])
})

test.each([
  ['nothing', []],
  ['only the system', [stored.system(system)]],
  ['only a project', [stored.project(project)]],
  ['nonsense', [1, null, { a: 1 }, { system: 3, project: { global: 4 } }]],
])('%s: notes say what is missing, and it loads', async (_, values) => {
  const result = imported(...values)
  expect(result.notes.length).toBeGreaterThan(2)
  expect((await loaded(result)).settings.remoteSite).toBe('')
})
