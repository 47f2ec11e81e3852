import { describe, expect, test } from 'vitest'

import { loadSettings } from '../../../src/config/load-settings.ts'
import { projectSettings } from '../../../src/model/project-settings.ts'
import { targetSites } from '../../../src/model/verdict.ts'
import { both, expected, project, stored, system } from './openpype-samples.ts'
import { folderOf, load, mistakesOf, type Json } from './support.ts'

const enabledIn = async (file: Json) => {
  const { settings } = await load(file)
  return ['PRJ', 'OTHER'].filter((name) => projectSettings(settings, name).enabled)
}
const ofProject = (name: string | null) => ({ system: stored.system(system), project: stored.project(project, name) })

const problems = async (file: object) => (await mistakesOf(load(file))).problems

const withSites = (sites: Json) => both({ project: { sites: { ...project.sites, ...sites } } })

describe('a site', () => {
  test.each([
    ['not enabled', { ...project.sites.gdrive, enabled: false }, 'project.sites.gdrive.enabled is false'],
    ['not said to be enabled', { root: { work: '/x' } }, 'project.sites.gdrive.enabled (left out) is false'],
    ['known to the system only', undefined, 'project.sites.gdrive.enabled (left out) is false'],
  ])('%s is skipped', async (_what, gdrive, reason) => {
    const { settings, warnings } = await load(withSites({ gdrive }))
    expect(settings.skipped?.get('gdrive')).toMatchObject({ provider: 'gdrive', reason })
    expect([...settings.sites.keys()]).toEqual(['nas'])
    expect(warnings).toEqual([])
  })

  test('that the system does not know has no provider: it is left out, and the others go on', async () => {
    const { settings } = await load(withSites({ sftp: { enabled: true, root: { work: '/w' } } }))
    expect([...settings.sites.keys()]).toEqual(['gdrive', 'nas', 'sftp'])
    expect(settings.sites.get('sftp')?.fault).toBe(
      "site sftp has no provider: name it in OpenPype's system settings (system.sites.sftp.provider)",
    )
  })

  test('as remote_site without a provider is declared', async () => {
    const config = { remote_site: 'sftp' }
    const { settings } = await load(both({ project: { config, sites: { ...project.sites, sftp: { enabled: true, root: '/w' } } } }))
    expect(settings.remoteSite).toBe('sftp')
  })

  test('may have paths in the system settings; what the project says counts', async () => {
    const nas = { provider: 'local_drive', enabled: false, root: { work: { linux: '/general', windows: 'G:/' } } }
    const of = async (own: Json) =>
      (await load({ system: { ...system, sites: { nas } }, project: { ...project, sites: { nas: own } } })).settings
    expect((await of({ enabled: true })).sites.get('nas')?.root).toEqual(new Map([['work', '/general']]))
    expect((await of({ enabled: true, root: { work: { linux: '/own' } } })).sites.get('nas')?.root).toEqual(new Map([['work', '/own']]))
  })

  test('studio is enabled where nobody says otherwise, and has the roots of the project document', async () => {
    const sites = { ...system.sites, studio: { provider: 'local_drive', alternative_sites: ['nas'] } }
    const { settings, warnings } = await load(both({ system: { sites } }))
    expect(settings.skipped?.get('studio')).toMatchObject({
      documentsServe: true,
      reason: 'project.sites.studio.root is missing: no root for linux; the roots in the project document serve',
    })
    expect(targetSites(projectSettings(settings, 'PRJ')).map(({ name }) => name)).toEqual(['gdrive', 'nas'])
    expect(warnings).toEqual([])
  })

  test('of ours beside the parts is added, or changes one of theirs key by key', async () => {
    const { settings, warnings } = await load({
      ...withSites({ sftp: { enabled: true, root: { work: '/w' } } }),
      retry_cnt: 9,
      sites: {
        studio: { root: { work: '/mnt/studio' } },
        nas: { concurrency: 2 },
        sftp: { provider: 'local_drive' },
        gdrive: { enabled: false },
        other: { provider: 'gdrive', root: '/x' },
      },
    })
    expect(warnings).toEqual([])
    expect(settings.retryCount).toBe(9)
    expect([...settings.sites.keys()].toSorted()).toEqual(['nas', 'other', 'sftp', 'studio'])
    expect(settings.sites.get('nas')).toEqual({ ...expected.sites.get('nas'), concurrency: 2 })
    expect(settings.sites.get('sftp')).not.toHaveProperty('fault')
    expect(settings.skipped?.get('gdrive')?.reason).toBe('sites.gdrive.enabled is false')
  })
})

describe('the project that the settings are of', () => {
  test('is the only one, where the document names it', async () => {
    expect(await enabledIn(ofProject('PRJ'))).toEqual(['PRJ'])
  })

  test('is every project for the default settings, and where the document is not whole', async () => {
    expect(await enabledIn(ofProject(null))).toEqual(['PRJ', 'OTHER'])
    expect(await enabledIn(both())).toEqual(['PRJ', 'OTHER'])
  })

  test('is what projects.include says', async () => {
    expect(await enabledIn({ ...ofProject('PRJ'), projects: { include: ['*'], overrides: { PRJ: { enabled: false } } } })).toEqual([
      'OTHER',
    ])
    expect(await enabledIn({ ...ofProject('PRJ'), projects: { exclude: ['PRJ'] } })).toEqual([])
  })
})

describe('mistakes', () => {
  test('name the place to the letter', async () => {
    const wrong = { ...project, config: { retry_cnt: 'many', remote_site: 'nas' }, sites: { nas: { enabled: 'yes', root: 7 } } }
    expect((await problems({ system: stored.system(system), project: stored.project(wrong) })).map(({ key }) => key)).toEqual([
      'project.data.global.sync_server.config.retry_cnt',
      'project.data.global.sync_server.sites.nas.enabled',
      'project.data.global.sync_server.sites.nas.root',
    ])
    const folder = await folderOf({ 's.json': stored.system({ enabled: 'yes', sites: { nas: 3 } }), 'p.json': stored.project(project) })
    expect((await mistakesOf(loadSettings(folder, {}, 'linux'))).problems.map(({ key }) => key)).toEqual([
      's.json: data.modules.sync_server.enabled',
      's.json: data.modules.sync_server.sites.nas',
    ])
  })

  test('a remote_site that neither part knows', async () => {
    expect(await problems(both({ project: { config: { remote_site: 'nass' } } }))).toEqual([
      {
        key: 'project.config.remote_site',
        value: 'nass',
        expected: 'the name of a declared site ("gdrive", "nas"), or "" for no syncing; did you mean "nas"?',
      },
    ])
  })

  test.each<[string, object, string]>([
    ['the system settings are missing', { project: stored.project(project) }, 'system'],
    ['the project settings are missing', { system }, 'project'],
    ['only the stored project settings', stored.project(project), 'system'],
    ['only the stored system settings', stored.system(system), 'project'],
    ['one in the place of the other', { system: stored.project(project), project }, 'system'],
    ['a list', { system: [stored.system(system)], project }, 'system'],
    ['a part that is no object', { system: stored.system([]), project }, 'system.data.modules.sync_server'],
    ['sites that are no object', both({ system: { sites: [] } }), 'system.sites'],
    ['config that is no object', both({ project: { config: [] } }), 'project.config'],
  ])('%s', async (_what, file, key) => {
    expect((await problems(file)).map((problem) => problem.key)).toEqual([key])
  })

  test('two files that hold the same part', async () => {
    const folder = await folderOf({
      'a.json': stored.system(system),
      'b.json': stored.project(project, 'A'),
      'c.json': stored.project(project, 'B'),
    })
    const { message } = await mistakesOf(loadSettings(folder, {}, 'linux'))
    expect(message).toContain('c.json is "declared twice": the project settings once; b.json holds them too')
    expect(message).toContain('projects.overrides')
  })
})

test('sites called system and project are sites as ever', async () => {
  const site = { provider: 'gdrive', root: '/x' }
  expect([...(await load({ sites: { system: site, project: site, modules: site } })).settings.sites.keys()]).toHaveLength(3)
  const folder = await folderOf({ 'config.json': {}, 'a.json': { system: site, project: site }, 'b.json': { sites: site, config: site } })
  expect([...(await loadSettings(folder, {}, 'linux')).settings.sites.keys()]).toEqual(['system', 'project', 'sites', 'config'])
})
