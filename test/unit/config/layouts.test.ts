import { mkdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { loadSettings } from '../../../src/config/load-settings.ts'
import { folderOf, gdrive, load, mistakesOf } from './support.ts'

const example = (path: string) => fileURLToPath(new URL(`../../../examples/${path}`, import.meta.url))

describe('one file', () => {
  test('an empty object has every default', async () => {
    const { settings, warnings, files, folder } = await load('{}')
    expect(settings).toEqual({
      localId: 'local_0',
      publishSite: 'studio',
      remoteSite: '',
      retryCount: 3,
      loopDelaySeconds: 60,
      leaseSeconds: 30,
      shutdownGraceSeconds: 30,
      indexes: 'auto',
      writeProgress: false,
      mongo: { uri: 'mongodb://127.0.0.1:27017', database: 'avalon', stateDatabase: 'site_sync' },
      documentRoots: { guarded: expect.any(Array) as string[], platform: expect.any(String) as NodeJS.Platform },
      ownFiles: files,
      sites: new Map(),
      projects: { include: ['*'], exclude: [], overrides: new Map() },
    })
    expect(warnings).toEqual([])
    expect(files).toEqual([join(folder, 'settings.json')])
  })

  test('the example', async () => {
    const { settings, warnings } = await loadSettings(example('config.json'), {}, 'linux')
    expect(warnings).toEqual([])
    expect(settings.remoteSite).toBe('gdrive')
    expect(settings.sites.get('studio')?.root).toEqual(new Map([['work', example('files/studio/work')]]))
    expect(settings.sites.get('gdrive')).toEqual({
      name: 'gdrive',
      provider: 'gdrive',
      root: new Map([['work', '/My Drive/work']]),
      credentialsFile: example('credentials.json'),
      alternativeSites: [],
    })
  })

  test('comments, trailing commas and a byte order mark', async () => {
    const text = '\uFEFF// general\n{ /* three */ "retry_cnt": 5, "sites": { "a": { "provider": "gdrive", "root": "/x", }, }, }\n'
    const { settings } = await load(text)
    expect(settings.retryCount).toBe(5)
    expect([...settings.sites.keys()]).toEqual(['a'])
  })

  test('sites that stand beside the general keys are taken, with a warning', async () => {
    const { settings, warnings } = await load({ remote_site: 'gdrive', gdrive })
    expect(settings.sites.get('gdrive')?.provider).toBe('gdrive')
    expect(warnings).toEqual(['gdrive is taken for a site; it belongs below "sites"'])
  })
})

describe('a folder', () => {
  test('the example: general keys, and the sites of gdrive.json', async () => {
    const { settings, warnings, files } = await loadSettings(example('folder'), {}, 'linux')
    expect(warnings).toEqual([])
    expect(settings).toMatchObject({ localId: 'local_0', retryCount: 3, loopDelaySeconds: 60, publishSite: 'studio', remoteSite: 'gdrive' })
    expect(settings.sites.get('gdrive')).toEqual({
      name: 'gdrive',
      provider: 'gdrive',
      root: new Map([
        ['root_one', '/My Drive/work_folder'],
        ['root_two', '/My Drive/publish_folder'],
      ]),
      credentialsFile: '/my_secret_folder/credentials.json',
      alternativeSites: [],
    })
    expect(files).toEqual([example('folder/config.json'), example('folder/gdrive.json')])
  })

  test('every other *.json is a map of sites; other files and hidden ones are not read', async () => {
    const folder = await folderOf({
      'config.json': { remote_site: 'a', sites: { own: gdrive } },
      'one.json': { a: gdrive, b: gdrive },
      'two.json': { c: gdrive },
      '._one.json': 'not json',
      'notes.txt': 'not json',
    })
    const { settings, files } = await loadSettings(folder, {}, 'linux')
    expect([...settings.sites.keys()]).toEqual(['own', 'a', 'b', 'c'])
    expect(files).toEqual(['config.json', 'one.json', 'two.json'].map((name) => join(folder, name)))
  })

  test('a key file beside the configuration is no file of sites', async () => {
    const folder = await folderOf({
      'config.json': { remote_site: 'a' },
      'a.json': { a: { ...gdrive, credentials_url: 'credentials.json' } },
      'credentials.json': { type: 'service_account', client_email: 'x@y', private_key: 'secret' },
      'oauth.json': { installed: { client_id: 'x', client_secret: 'y' } },
    })
    const { settings, files } = await loadSettings(folder, {}, 'linux')
    expect(settings.sites.get('a')?.credentialsFile).toBe(join(folder, 'credentials.json'))
    expect(files).toEqual([join(folder, 'config.json'), join(folder, 'a.json')])
  })

  test('unreadable credentials beside the configuration are no mistake of the configuration', async () => {
    const folder = await folderOf({
      'config.json': { remote_site: 'a', sites: { b: { ...gdrive, credentials_url: { linux: '{KEYS}/b-key.json' } } } },
      'a.json': { a: { ...gdrive, credentials_url: './a-key.json' } },
      'a-key.json': 'no JSON',
      'b-key.json': '',
    })
    const { settings } = await loadSettings(folder, { KEYS: folder }, 'linux')
    expect([...settings.sites.keys()]).toEqual(['b', 'a'])
  })

  test('a file of sites may be called as the credentials it names', async () => {
    const folder = await folderOf({ 'config.json': {}, 'gdrive.json': { gdrive: { ...gdrive, credentials_url: '/keys/gdrive.json' } } })
    expect((await loadSettings(folder, {}, 'linux')).settings.sites.has('gdrive')).toBe(true)
  })

  test('files may be links, as mounted configuration maps have them', async () => {
    const target = await folderOf({ 'x.json': { remote_site: 'a' }, 'y.json': { a: gdrive } })
    const folder = await folderOf({})
    await symlink(join(target, 'x.json'), join(folder, 'config.json'))
    await symlink(join(target, 'y.json'), join(folder, 'a.json'))
    expect((await loadSettings(folder, {}, 'linux')).settings.sites.has('a')).toBe(true)
  })

  test('mistakes name the file', async () => {
    const folder = await folderOf({ 'config.json': { retry_cnt: -1 }, 'nas.json': { nas: { provider: 'local_drive' }, other: 3 } })
    const { problems } = await mistakesOf(loadSettings(folder, {}, 'linux'))
    expect(problems.map(({ key }) => key)).toEqual(['config.json: retry_cnt', 'nas.json: nas.root', 'nas.json: other'])
  })

  test('the same site in two files is a mistake that names both', async () => {
    const folder = await folderOf({ 'config.json': {}, 'a.json': { x: gdrive }, 'b.json': { x: gdrive } })
    const { message } = await mistakesOf(loadSettings(folder, {}, 'linux'))
    expect(message).toContain('b.json: x is "declared twice"')
    expect(message).toContain('a.json: x')
  })

  test('the legacy settings may stand in its config.json', async () => {
    const folder = await folderOf({
      'config.json': { config: { active_site: 'here', remote_site: 'a' }, sites: {} },
      'a.json': { a: gdrive },
    })
    expect((await loadSettings(folder, {}, 'linux')).settings).toMatchObject({ publishSite: 'here', remoteSite: 'a' })
  })

  test('a remote_site that is not found hints at the folder when only its config.json was given', async () => {
    const { message } = await mistakesOf(loadSettings(example('folder/config.json'), {}, 'linux'))
    expect(message).toContain('remote_site is "gdrive"')
    expect(message).toContain('give the folder')
  })
})

describe('the legacy settings', () => {
  test.each([
    ['linux', '/mnt/projects', '/my_secret_folder/credentials.json'],
    ['darwin', '/Volumes/projects', '/my_secret_folder/credentials.json'],
    ['win32', 'P:\\projects', 'C:\\keys\\credentials.json'],
  ] as const)('the example on %s', async (platform, root, credentials) => {
    const { settings, warnings } = await loadSettings(example('legacy/settings.json'), {}, platform)
    expect(warnings).toEqual([])
    expect(settings).toMatchObject({ publishSite: 'studio', remoteSite: 'gdrive', retryCount: 3, loopDelaySeconds: 60 })
    expect(settings.sites.get('studio')?.root).toEqual(new Map([['work', root]]))
    expect(settings.sites.get('studio')).not.toHaveProperty('credentialsFile')
    expect(settings.sites.get('gdrive')?.credentialsFile).toBe(credentials)
    expect(settings.sites.get('gdrive')?.root).toEqual(new Map([['work', '/My Drive/work_folder']]))
  })

  test('no sites, no syncing', async () => {
    const { settings, warnings } = await load({
      enabled: true,
      config: { retry_cnt: '0', loop_delay: '0.5', active_site: 'studio', remote_site: '' },
      sites: {},
    })
    expect(settings).toMatchObject({ retryCount: 0, loopDelaySeconds: 0.5, remoteSite: '', sites: new Map() })
    expect(warnings).toEqual([])
  })

  test('the same undeclared site on both sides, as the legacy defaults have it: nothing to do, no mistake', async () => {
    const { settings, warnings } = await load({ config: { active_site: 'studio', remote_site: 'studio' }, sites: {} })
    expect(settings).toMatchObject({ publishSite: 'studio', remoteSite: 'studio' })
    expect(warnings).toEqual(['config.remote_site is the site this instance works on (studio): nothing is transferred'])
  })

  test('enabled: false switches all of it off, overrides too', async () => {
    const { settings, warnings } = await load({
      enabled: false,
      config: { remote_site: 'gone', always_accessible_on: ['gone'] },
      sites: { gdrive },
      projects: { overrides: { PRJ: { remote_site: 'gdrive' } } },
    })
    expect(settings.remoteSite).toBe('')
    expect(settings.projects.overrides.get('PRJ')?.remoteSite).toBe('')
    expect(warnings).toEqual(['enabled is false: nothing is synced'])
  })

  test('always_accessible_on names sites that must exist; the own ones do', async () => {
    const config = { active_site: 'here', local_id: 'me', remote_site: 'gdrive' }
    await expect(load({ config: { ...config, always_accessible_on: ['gdrive', 'here', 'me'] }, sites: { gdrive } })).resolves.toBeDefined()
    const { problems } = await mistakesOf(load({ config: { ...config, always_accessible_on: ['gdrive', 'gdriv'] }, sites: { gdrive } }))
    expect(problems).toEqual([
      { key: 'config.always_accessible_on[1]', value: 'gdriv', expected: 'the name of a declared site ("gdrive"); did you mean "gdrive"?' },
    ])
    const wrong = await mistakesOf(load({ config: { ...config, always_accessible_on: 7 }, sites: { gdrive } }))
    expect(wrong.problems).toEqual([{ key: 'config.always_accessible_on', value: 7, expected: 'a list of site names' }])
  })

  test('mistakes name the keys as the file has them', async () => {
    const { problems } = await mistakesOf(load({ config: { retry_cnt: 'many', active_site: 3 }, sites: [] }))
    expect(problems.map(({ key }) => key)).toEqual(['sites', 'config.active_site', 'config.retry_cnt'])
  })

  test('extra legacy keys are warned of, and mongo and projects may stand beside', async () => {
    const { settings, warnings } = await load({
      enabled: true,
      config: { active_site: 'studio', remote_site: '', project_sync: true },
      sites: {},
      presets: { a: 1 },
      mongo: { database: 'shows' },
      projects: { exclude: 'test_*' },
    })
    expect(settings.mongo.database).toBe('shows')
    expect(settings.projects.exclude).toEqual(['test_*'])
    expect(warnings).toEqual(['presets is not known and not used', 'config.project_sync is not known and not used'])
  })
})

describe('what can not be read', () => {
  test.each([
    ['an empty file', '', /settings\.json is "": a JSON object; the file is empty/],
    ['blanks only', ' \n\t', /the file is empty/],
    ['a list', '[]', /settings\.json is \[\]: a JSON object/],
    ['null', 'null', /settings\.json is null: a JSON object/],
    ['not UTF-8', Uint8Array.of(0xff, 0xfe, 0x7b, 0), /settings\.json is "not UTF-8"/],
    ['a missing comma', '{\n  "a": 1\n  "b": 2\n}', /settings\.json, line 3, column 3 is "a syntax error": comma expected/],
    ['a missing brace', '{ "a": 1', /line 1, column 9 is "a syntax error": close brace expected/],
    ['text behind', '{} x', /line 1, column 4/],
    ['an unquoted secret', '{ "uri": hunter2hunter2 }', /line 1, column 10/],
    ['nesting without end', `{"a":${'['.repeat(200_000)}`, /settings\.json/],
  ])('%s', async (_, content, expected) => {
    const error = await mistakesOf(load(content))
    expect(error.message).toMatch(expected)
    expect(error.message).not.toContain('hunter2')
  })

  test('syntax errors of all files at once', async () => {
    const folder = await folderOf({ 'config.json': '{,}', 'a.json': '{"a" 1}', 'b.json': '' })
    const { message } = await mistakesOf(loadSettings(folder, {}, 'linux'))
    expect(message).toMatch(/: 3 mistakes\n/)
    expect(message).toMatch(/config\.json, line 1, column 2/)
    expect(message).toMatch(/a\.json, line 1, column 6/)
    expect(message).toMatch(/b\.json is ""/)
  })

  test('nothing there, no config.json, a folder in the place of a file', async () => {
    const folder = await folderOf({ 'gdrive.json': { gdrive } })
    expect((await mistakesOf(loadSettings(join(folder, 'nope.json'), {}))).message).toMatch(
      /--config is ".*nope\.json": .*nothing is there/,
    )
    expect((await mistakesOf(loadSettings(folder, {}))).message).toMatch(/a folder that holds config\.json/)
    await mkdir(join(folder, 'config.json'))
    expect((await mistakesOf(loadSettings(folder, {}))).message).toMatch(/config\.json is "unreadable \(EISDIR\)"/)
  })

  test('a key that stands there twice: the last one counts, with a warning', async () => {
    const { settings, warnings } = await load(
      '{ "retry_cnt": 1, "retry_cnt": 2, "sites": {"a": {"provider": "gdrive", "root": "/x", "root": "/y"}} }',
    )
    expect(settings.retryCount).toBe(2)
    expect(settings.sites.get('a')?.root).toBe('/y')
    expect(warnings).toEqual([
      'settings.json: retry_cnt stands there twice; the last one counts',
      'settings.json: sites.a.root stands there twice; the last one counts',
    ])
  })
})
