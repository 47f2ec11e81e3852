import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { loadSettings } from '../../../src/config/load-settings.ts'
import { projectSettings } from '../../../src/model/project-settings.ts'
import { targetSites } from '../../../src/model/verdict.ts'
import { both, expected, FORMS, project, stored, system } from './openpype-samples.ts'
import { folderOf, load } from './support.ts'

const example = (path: string) => fileURLToPath(new URL(`../../../examples/openpype/${path}`, import.meta.url))

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
