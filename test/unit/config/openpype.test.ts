import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { loadSettings } from '../../../src/config/load-settings.ts'
import { projectSettings } from '../../../src/model/project-settings.ts'
import { targetSites } from '../../../src/model/verdict.ts'
import { folderOf, load, mistakesOf, type Json } from './support.ts'

const example = (path: string) => fileURLToPath(new URL(`../../../examples/openpype/${path}`, import.meta.url))

const keys = ['enabled', 'sites']
const system = {
  enabled: true,
  sites: {
    gdrive: { provider: 'gdrive', alternative_sites: [] },
    nas: { provider: 'local_drive', alternative_sites: ['studio'] },
  },
  __overriden_keys__: keys,
}
const project = {
  enabled: true,
  config: { remote_site: 'nas', __overriden_keys__: ['remote_site'] },
  sites: {
    gdrive: {
      enabled: true,
      credentials_url: { windows: 'C:/key.json', darwin: '/keys/mac.json', linux: '/keys/linux.json' },
      root: { work: '/My Drive/w' },
    },
    nas: {
      enabled: true,
      root: { work: { windows: 'N:/w', darwin: '/Volumes/nas/w', linux: '/mnt/nas/w' }, __overriden_keys__: ['work'] },
    },
  },
}
const stored = {
  system: (syncServer: unknown): Json => ({
    _id: { $oid: '64a1f0c2e4b0a1b2c3d4e5f6' },
    type: 'system_settings_versioned',
    version: { $numberInt: '3' },
    data: { modules: { sync_server: syncServer, ftrack: { enabled: false }, __overriden_keys__: [] } },
  }),
  project: (syncServer: unknown, name: string | null = 'PRJ'): Json => ({
    _id: { $oid: '64a1f0c2e4b0a1b2c3d4e5f7' },
    type: 'project_settings_versioned',
    version: '3.18.0',
    is_default: name === null,
    project_name: name,
    data: { global: { sync_server: syncServer, publish: {} }, maya: {}, __overriden_keys__: [] },
  }),
}
/** Each way to give a part. */
const FORMS: readonly (readonly [string, (system: unknown) => unknown, (project: unknown) => unknown])[] = [
  ['whole documents', stored.system, (part) => stored.project(part)],
  ['their data', (part) => stored.system(part)['data'], (part) => stored.project(part)['data']],
  ['below modules and global', (part) => ({ modules: { sync_server: part } }), (part) => ({ global: { sync_server: part } })],
  ['only sync_server', (part) => part, (part) => part],
]
const both = (changes: { system?: Json; project?: Json } = {}) => ({
  system: { ...system, ...changes.system },
  project: { ...project, ...changes.project },
})

const enabledIn = async (file: Json) => {
  const { settings } = await load(file)
  return ['PRJ', 'OTHER'].filter((name) => projectSettings(settings, name).enabled)
}
const ofProject = (name: string | null) => ({ system: stored.system(system), project: stored.project(project, name) })

const mistakes = async (file: object) => (await mistakesOf(load(file))).problems

const expected = {
  publishSite: 'studio',
  remoteSite: 'nas',
  retryCount: 3,
  loopDelaySeconds: 60,
  rootsFromProject: true,
  sites: new Map([
    [
      'gdrive',
      {
        name: 'gdrive',
        provider: 'gdrive',
        root: new Map([['work', '/My Drive/w']]),
        credentialsFile: '/keys/linux.json',
        alternativeSites: [],
      },
    ],
    ['nas', { name: 'nas', provider: 'local_drive', root: new Map([['work', '/mnt/nas/w']]), alternativeSites: ['studio'] }],
  ]),
}

describe('both parts', () => {
  test.each(FORMS)('%s, in one file', async (_form, asSystem, asProject) => {
    const { settings, warnings } = await load({ system: asSystem(system), project: asProject(project), mongo: { database: 'shows' } })
    expect(warnings).toEqual([])
    expect(settings).toMatchObject(expected)
    expect(settings.mongo.database).toBe('shows')
    expect(settings).not.toHaveProperty('skipped')
  })

  test.each(FORMS)('%s, as two files in a folder, whatever they are called', async (_form, asSystem, asProject) => {
    const folder = await folderOf({
      'config.json': { mongo: { database: 'shows' }, lease_seconds: 20 },
      'a.json': asProject(project) as object,
      'b.json': asSystem(system) as object,
    })
    const { settings, warnings, files } = await loadSettings(folder, {}, 'linux')
    expect(warnings).toEqual([])
    expect(settings).toMatchObject({ ...expected, leaseSeconds: 20, mongo: { database: 'shows' } })
    expect(files).toEqual(['config.json', 'a.json', 'b.json'].map((name) => join(folder, name)))
  })

  test.each(FORMS)('%s, in a folder with nothing else', async (_form, asSystem, asProject) => {
    const folder = await folderOf({ 'system.json': asSystem(system) as object, 'project.json': asProject(project) as object })
    const { settings, warnings, files } = await loadSettings(folder, {}, 'linux')
    expect(warnings).toEqual([])
    expect(settings).toMatchObject(expected)
    expect(files).toEqual(['project.json', 'system.json'].map((name) => join(folder, name)))
  })

  test.each<[string, Record<string, object>]>([
    ['in config.json of a folder', { 'config.json': both() }],
    ['in one other file of a folder', { 'openpype.json': both() }],
    ['the project as the legacy config.json', { 'config.json': { ...project, mongo: {} }, 'system.json': system }],
    ['in a file each, below their names', { 'a.json': { system }, 'b.json': { project } }],
  ])('%s', async (_where, contents) => {
    const { settings, warnings } = await loadSettings(await folderOf(contents), {}, 'linux')
    expect(warnings).toEqual([])
    expect(settings).toMatchObject(expected)
  })

  test.each([
    ['linux', '/mnt/nas/w', '/keys/linux.json'],
    ['darwin', '/Volumes/nas/w', '/keys/mac.json'],
    ['win32', 'N:\\w', 'C:\\key.json'],
  ] as const)('paths on %s', async (platform, root, credentials) => {
    const { settings } = await load(both(), { platform })
    expect(settings.sites.get('nas')?.root).toEqual(new Map([['work', root]]))
    expect(settings.sites.get('gdrive')?.credentialsFile).toBe(credentials)
  })

  test.each(['settings.json', 'folder'])('the example %s', async (path) => {
    const { settings, warnings } = await loadSettings(example(path), {}, 'linux')
    expect(warnings).toEqual([])
    expect(settings).toMatchObject({ remoteSite: 'nas', publishSite: 'studio' })
    expect([...settings.sites.keys()]).toEqual(['gdrive', 'nas'])
    expect(targetSites(projectSettings(settings, 'COMMERCIAL_7')).map(({ name }) => name)).toEqual(['gdrive', 'nas'])
    expect(projectSettings(settings, 'OTHER').enabled).toBe(false)
  })
})

describe('what is left out is as in OpenPype', () => {
  test('nothing overridden: disabled, which is said with the key', async () => {
    const { settings, warnings } = await load({ system: {}, project: {} })
    expect(settings).toMatchObject({ remoteSite: '', publishSite: 'studio', retryCount: 3, loopDelaySeconds: 60, sites: new Map() })
    expect(warnings).toEqual(['system.enabled (left out) is false: nothing is synced'])
  })

  test.each([
    [{ system: { enabled: undefined } }, 'system.enabled (left out)'],
    [{ system: { enabled: false } }, 'system.enabled'],
    [{ project: { enabled: undefined } }, 'project.enabled (left out)'],
    [{ project: { enabled: false } }, 'project.enabled'],
  ])('%j: nothing is synced', async (changes, key) => {
    const { settings, warnings } = await load(both(changes))
    expect(settings.remoteSite).toBe('')
    expect(warnings).toEqual([`${key} is false: nothing is synced`])
  })

  test('enabled: false of ours counts too', async () => {
    expect((await load({ ...both(), enabled: false })).warnings).toEqual(['enabled is false: nothing is synced'])
  })

  test('remote_site is studio, and so is active_site: nothing is transferred', async () => {
    const { settings, warnings } = await load(both({ project: { config: undefined } }))
    expect(settings).toMatchObject({ remoteSite: 'studio', publishSite: 'studio' })
    expect(warnings).toEqual(['project.config.remote_site (left out) is the site this instance works on (studio): nothing is transferred'])
  })

  test('values as text, and as mongoexport writes numbers', async () => {
    const config = { remote_site: 'nas', retry_cnt: { $numberInt: '5' }, loop_delay: '1.5', always_accessible_on: [] }
    expect((await load(both({ project: { config } }))).settings).toMatchObject({ retryCount: 5, loopDelaySeconds: 1.5 })
  })
})

test('__overriden_keys__ is nothing at any depth, in every layout', async () => {
  const mark = { __overriden_keys__: ['a'] }
  const nas = { ...project.sites.nas, ...mark }
  const { settings, warnings } = await load({
    ...mark,
    system: { ...stored.system({ ...system, sites: { ...system.sites, nas: { ...system.sites.nas, ...mark }, ...mark } }), ...mark },
    project: stored.project({
      ...project,
      config: { ...project.config, ...mark },
      sites: { gdrive: { ...project.sites.gdrive, root: { work: { linux: '/My Drive/w', ...mark }, ...mark } }, nas, ...mark },
    }),
    projects: { overrides: { PRJ: { retry_cnt: 7, ...mark }, ...mark } },
  })
  expect(warnings).toEqual([])
  expect(settings).toMatchObject(expected)
  expect([...settings.projects.overrides.keys()]).toEqual(['PRJ'])
  const legacy = await load({
    ...mark,
    config: { remote_site: 'nas', ...mark },
    sites: { nas: { provider: 'local_drive', ...nas }, ...mark },
  })
  expect(legacy.warnings).toEqual([])
  expect([...legacy.settings.sites.keys()]).toEqual(['nas'])
})

describe('a site', () => {
  const withSites = (sites: Json, more: Json = {}) => both({ project: { sites: { ...project.sites, ...sites } }, ...more })

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
    expect((await mistakes({ system: stored.system(system), project: stored.project(wrong) })).map(({ key }) => key)).toEqual([
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
    expect(await mistakes(both({ project: { config: { remote_site: 'nass' } } }))).toEqual([
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
    expect((await mistakes(file)).map((problem) => problem.key)).toEqual([key])
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
