import { homedir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { redact } from '../../../src/logging/redact.ts'
import { folderOf, gdrive, load, mistakesOf, type Json, type LoadOptions } from './support.ts'

const site = async (definition: Json, options?: LoadOptions) => {
  const { settings, folder } = await load({ sites: { nas: definition } }, options)
  return { ...settings.sites.get('nas'), folder }
}

describe('plain keys', () => {
  test.each([
    ['retry_cnt', '3', 'retryCount', 3],
    ['retry_cnt', ' 10 ', 'retryCount', 10],
    ['retry_cnt', 0, 'retryCount', 0],
    ['loop_delay', '0.25', 'loopDelaySeconds', 0.25],
    ['loop_delay', 0.05, 'loopDelaySeconds', 0.05],
    ['lease_seconds', 2, 'leaseSeconds', 2],
    ['lease_seconds', '45', 'leaseSeconds', 45],
    ['shutdown_grace', 0, 'shutdownGraceSeconds', 0],
    ['indexes', 'off', 'indexes', 'off'],
    ['write_progress', true, 'writeProgress', true],
    ['local_id', 'žluťoučký kůň', 'localId', 'žluťoučký kůň'],
    ['publish_site', 'here', 'publishSite', 'here'],
    ['verify_schedule', {}, 'verifySchedule', { every: '7d', everyMs: 604_800_000, rate: 10, sites: ['*'] }],
    [
      'verify_schedule',
      { every: '12h', rate: '0.5', sites: 'nas' },
      'verifySchedule',
      { every: '12h', everyMs: 43_200_000, rate: 0.5, sites: ['nas'] },
    ],
  ])('%s: %j', async (key, value, field, expected) => {
    expect((await load({ [key]: value })).settings).toHaveProperty(field, expected)
  })

  test.each([
    ['retry_cnt', -1, 'a whole number from 0 to 1000'],
    ['retry_cnt', 1.5, 'a whole number from 0 to 1000'],
    ['retry_cnt', '1.5', 'a whole number from 0 to 1000'],
    ['retry_cnt', '', 'a whole number from 0 to 1000'],
    ['retry_cnt', 'three', 'a whole number from 0 to 1000'],
    ['retry_cnt', '99999', 'a whole number from 0 to 1000'],
    ['retry_cnt', null, 'a whole number from 0 to 1000'],
    ['loop_delay', 0, 'a number above 0 and up to 604800'],
    ['loop_delay', '0', 'a number above 0 and up to 604800'],
    ['loop_delay', '-5', 'a number above 0 and up to 604800'],
    ['lease_seconds', 1, 'a number from 2 to 3600'],
    ['shutdown_grace', -1, 'a number from 0 to 3600'],
    ['indexes', 'on', '"auto" or "off"'],
    ['write_progress', 'yes', 'true or false'],
    ['enabled', 1, 'true or false'],
    ['local_id', '', 'the name of this machine'],
    ['publish_site', 7, 'the name of a site'],
    ['remote_site', ['a'], 'the name of a site, or "" for no syncing'],
    ['sites', 3, 'an object: a site for each name'],
    ['config', [], 'an object: the general keys of the legacy settings'],
    ['mongo', 'x', 'an object with uri, database and state_database'],
    ['projects', [], 'an object with include, exclude and overrides'],
    ['verify_schedule', true, 'an object with every, rate and sites'],
  ])('%s: %j is a mistake', async (key, value, expected) => {
    expect((await mistakesOf(load({ [key]: value }))).problems).toEqual([{ key, value, expected }])
  })

  test.each([
    ['every', 7, 'a time with s, m, h, d or w, such as "7d", from a minute to a year'],
    ['every', 'weekly', 'a time with s, m, h, d or w, such as "7d", from a minute to a year'],
    ['every', '1s', 'a time with s, m, h, d or w, such as "7d", from a minute to a year'],
    ['rate', 0, 'a number above 0 and up to 10000'],
    ['sites', 3, 'a list of site names or globs'],
  ])('verify_schedule.%s: %j is a mistake', async (key, value, expected) => {
    const { problems } = await mistakesOf(load({ verify_schedule: { [key]: value } }))
    expect(problems).toEqual([{ key: `verify_schedule.${key}`, value, expected }])
  })

  test('without "verify_schedule" nothing is verified by itself', async () => {
    expect((await load({})).settings).not.toHaveProperty('verifySchedule')
  })

  test('all mistakes at once', async () => {
    const { problems, message } = await mistakesOf(
      load({
        retry_cnt: 'three',
        loop_delay: 0,
        remote_site: 'gdrve',
        sites: { gdrive: { provider: 'gdrive', concurrency: 0, api_endpoint: 'ftp://x' }, 'a.b': 7 },
        projects: { overrides: { PRJ: { retry_cnt: -1, remote_site: 'nowhere', sites: { gdrive: { root: 7 } } }, OTHER: 1 } },
        mongo: { database: 'x', state_database: 'X' },
      }),
    )
    expect(problems.map(({ key }) => key)).toEqual([
      'retry_cnt',
      'loop_delay',
      'sites.gdrive.concurrency',
      'sites.gdrive.root',
      'sites.gdrive.api_endpoint',
      'sites["a.b"]',
      'mongo.state_database',
      'projects.overrides.PRJ.retry_cnt',
      'projects.overrides.PRJ.sites.gdrive.root',
      'projects.overrides.OTHER',
      'remote_site',
      'projects.overrides.PRJ.remote_site',
    ])
    expect(message).toContain('sites.gdrive.root is missing: a path')
    expect(message).toContain(
      'remote_site is "gdrve": the name of a declared site ("gdrive", "a.b"), or "" for no syncing; did you mean "gdrive"?',
    )
  })

  test('unknown keys are warned of, with what was probably meant', async () => {
    const { warnings } = await load({
      retry_count: 1,
      loop_dealy: 1,
      active_site: 'x',
      studio_notes: {},
      $schema: 'x',
      mongo: { url: 'x' },
      projects: { includes: [] },
      sites: { a: { ...gdrive, credentials: 'x', password: 'hunter2' } },
    })
    expect(warnings).toEqual([
      'retry_count is not known and not used; did you mean retry_cnt?',
      'loop_dealy is not known and not used; did you mean loop_delay?',
      'active_site is not known and not used; did you mean publish_site?',
      'studio_notes is not known and not used',
      'mongo.url is not known and not used; did you mean uri?',
      'projects.includes is not known and not used; did you mean include?',
      'sites.a.credentials is not known and not used; did you mean credentials_url?',
      'sites.a.password is not known and not used',
    ])
  })
})

describe('sites', () => {
  const names = ['__proto__', 'constructor', 'a.b', '$x', 'it\'s "q"', 'žluť', ' ', '0', 'toString']

  test('any name is a site, and nothing else is changed by it', async () => {
    const text = `{ "remote_site": "__proto__", "sites": {${names.map((name) => `${JSON.stringify(name)}: {"provider": "gdrive", "root": "/x"}`).join(',')}} }`
    const { settings } = await load(text)
    expect([...settings.sites.keys()].sort()).toEqual(names.toSorted())
    for (const [name, { name: own, provider }] of settings.sites) expect([own, provider]).toEqual([name, 'gdrive'])
    expect(Object.hasOwn(Object.prototype, 'provider')).toBe(false)
    expect(({} as Json)['provider']).toBeUndefined()
  })

  test('root names may be anything as well', async () => {
    const { settings } = await load(
      '{ "sites": { "a": { "provider": "gdrive", "root": { "__proto__": "/p", "constructor": "/c", "a.b": "/ab" } } } }',
    )
    expect(settings.sites.get('a')?.root).toEqual(
      new Map([
        ['__proto__', '/p'],
        ['constructor', '/c'],
        ['a.b', '/ab'],
      ]),
    )
  })

  test('project names of overrides may be anything as well', async () => {
    const { settings } = await load('{ "projects": { "overrides": { "__proto__": { "retry_cnt": 9 } } } }')
    expect(settings.projects.overrides).toEqual(new Map([['__proto__', { retryCount: 9 }]]))
  })

  test('everything a site may say', async () => {
    const { folder: _, ...definition } = await site({
      provider: 'gdrive',
      root: '/My Drive',
      credentials_url: '/keys/drive.json',
      api_endpoint: 'http://127.0.0.1:8080/',
      concurrency: '4',
      concurrency_scope: 'cluster',
      alternative_sites: ['other', 'nas', 'other'],
    })
    expect(definition).toEqual({
      name: 'nas',
      provider: 'gdrive',
      root: '/My Drive',
      credentialsFile: '/keys/drive.json',
      apiEndpoint: 'http://127.0.0.1:8080',
      concurrency: 4,
      concurrencyScope: 'cluster',
      alternativeSites: ['other'],
    })
  })

  test('a provider that nobody knows is for the service to flag', async () => {
    expect(await site({ provider: 'dropbox9', root: '/x', credentials_url: '/not/there' })).toMatchObject({ provider: 'dropbox9' })
  })

  test.each(['studio', 'me', 'home'])('the own site %s is a local_drive when nothing else is said', async (name) => {
    const { settings } = await load({
      local_id: 'me',
      sites: { [name]: { root: '/mnt/w' } },
      projects: { overrides: { PRJ: { publish_site: 'home' } } },
    })
    expect(settings.sites.get(name)?.provider).toBe('local_drive')
  })

  test.each([
    ['no provider', { root: '/x' }, 'provider', undefined],
    ['an empty provider', { provider: '', root: '/x' }, 'provider', ''],
    ['a provider that is no text', { provider: 7, root: '/x' }, 'provider', 7],
    ['no root', { provider: 'gdrive' }, 'root', undefined],
    ['a root that is no path', { provider: 'gdrive', root: 7 }, 'root', 7],
    ['a root of a name that is no path', { provider: 'gdrive', root: { work: ['/x'] } }, 'root.work', ['/x']],
    ['a path of another system', { provider: 'local_drive', root: 'P:\\projects' }, 'root', 'P:\\projects'],
    ['a share of another system', { provider: 'local_drive', root: { work: '\\\\server\\share' } }, 'root.work', '\\\\server\\share'],
    ['a NUL', { provider: 'local_drive', root: '/a\0b' }, 'root', '/a\0b'],
    ['an unset variable in a root', { provider: 'gdrive', root: { work: '/x/{NOT_SET}' } }, 'root.work', '/x/{NOT_SET}'],
    ['an empty variable in credentials', { ...gdrive, credentials_url: '{EMPTY}/x' }, 'credentials_url', '{EMPTY}/x'],
    ['credentials on the web', { ...gdrive, credentials_url: 'https://h/x' }, 'credentials_url', 'https://h/x'],
    ['credentials on another host', { ...gdrive, credentials_url: 'file://host/x' }, 'credentials_url', 'file://host/x'],
    ['credentials that are no path', { ...gdrive, credentials_url: 7 }, 'credentials_url', 7],
    ['concurrency 0', { ...gdrive, concurrency: 0 }, 'concurrency', 0],
    ['no bandwidth at all', { ...gdrive, bandwidth: 0 }, 'bandwidth', 0],
    ['a bandwidth that is no number', { ...gdrive, bandwidth: '10 MB' }, 'bandwidth', '10 MB'],
    ['a scope nobody knows', { ...gdrive, concurrency_scope: 'world' }, 'concurrency_scope', 'world'],
    ['alternative sites that are no list', { ...gdrive, alternative_sites: { a: 1 } }, 'alternative_sites', { a: 1 }],
    ['permissions that are a number', { ...gdrive, file_mode: 664 }, 'file_mode', 664],
    ['permissions that the owner has no use of', { ...gdrive, file_mode: '0044' }, 'file_mode', '0044'],
    ['set-user-ID for files', { ...gdrive, file_mode: '4755' }, 'file_mode', '4755'],
    ['no octal number', { ...gdrive, folder_mode: '0778' }, 'folder_mode', '0778'],
    ['folders that the owner can not enter', { ...gdrive, folder_mode: '0644' }, 'folder_mode', '0644'],
    ['an endpoint with a path', { ...gdrive, api_endpoint: 'http://h/drive' }, 'api_endpoint', 'http://h/drive'],
    ['an endpoint with a query', { ...gdrive, api_endpoint: 'http://h/?' }, 'api_endpoint', 'http://h/?'],
    ['an endpoint without a scheme', { ...gdrive, api_endpoint: 'localhost:80' }, 'api_endpoint', 'localhost:80'],
    ['an endpoint with a password', { ...gdrive, api_endpoint: 'http://u:p@h' }, 'api_endpoint', 'http://[redacted]@h'],
  ])('%s is a mistake', async (_, definition, key, value) => {
    const { problems } = await mistakesOf(load({ sites: { nas: definition } }, { env: { EMPTY: '' } }))
    expect(problems.map((problem) => ({ key: problem.key, value: problem.value }))).toEqual([{ key: `sites.nas.${key}`, value }])
  })

  test('an unset variable is named', async () => {
    const { message } = await mistakesOf(load({ sites: { nas: { provider: 'gdrive', root: '/{ONE}/{TWO}/{ONE}' } } }))
    expect(message).toContain('2 mistakes')
    expect(message).toContain('the environment variable ONE, which is not set')
    expect(message).toContain('the environment variable TWO, which is not set')
  })

  test('a site without a name is a mistake', async () => {
    expect((await mistakesOf(load({ sites: { '': gdrive } }))).message).toContain('a name for the site')
  })

  test('an alternative that is not declared is warned of', async () => {
    const { warnings } = await load({ sites: { a: { ...gdrive, alternative_sites: ['studio', 'local_0', 'b', 'c'] }, b: gdrive } })
    expect(warnings).toEqual(['sites.a.alternative_sites names c, which is not declared'])
  })
})

test.each([
  ['0664', '2775', 0o664, 0o2775],
  ['640', '0750', 0o640, 0o750],
  ['', null, undefined, undefined],
])('file_mode %j and folder_mode %j are octal', async (file_mode, folder_mode, fileMode, folderMode) => {
  const definition = await site({ provider: 'local_drive', root: '/mnt/w', file_mode, folder_mode })
  expect([definition.fileMode, definition.folderMode]).toEqual([fileMode, folderMode])
})

test('a mistake in permissions says what is allowed', async () => {
  const { problems } = await mistakesOf(load({ sites: { nas: { provider: 'local_drive', root: '/mnt/w', file_mode: '777777' } } }))
  expect(problems).toMatchObject([
    { key: 'sites.nas.file_mode', value: '777777', expected: expect.stringContaining('such as "0664"') as string },
  ])
})

describe('bandwidth', () => {
  test.each<[string, unknown, unknown]>([
    ['a number', 5_000, 5_000],
    ['a number as text', '5000', 5_000],
    ['no window at all', [], []],
    ['a window', [{ from: '08:30', to: '19:00', limit: 0 }], [{ from: 510, to: 1_140, limit: 0 }]],
    ['to the end of the day', [{ from: '00:00', to: '24:00', limit: '7' }], [{ from: 0, to: 1_440, limit: 7 }]],
    [
      'days',
      [{ from: '22:00', to: '06:00', days: ['Mon', 'wed-fri'], limit: 1 }],
      [{ from: 1_320, to: 360, days: new Set([1, 3, 4, 5]), limit: 1 }],
    ],
    [
      'days over the end of the week',
      [{ from: '22:00', to: '06:00', days: 'sat-mon', limit: 1 }],
      [{ from: 1_320, to: 360, days: new Set([6, 0, 1]), limit: 1 }],
    ],
  ])('%s', async (_, bandwidth, expected) => {
    expect((await site({ ...gdrive, bandwidth })).bandwidth).toEqual(expected)
  })

  test.each<[string, Json, string, unknown, string]>([
    ['a time that is none', { from: '8:00', to: '19:00', limit: 1 }, 'from', '8:00', 'a time of the day, such as "08:00"'],
    ['a beginning at the end of the day', { from: '24:00', to: '19:00', limit: 1 }, 'from', '24:00', 'a time of the day, such as "08:00"'],
    ['an end that is no time', { from: '08:00', to: '19:60', limit: 1 }, 'to', '19:60', 'a time of the day, such as "08:00"'],
    ['a limit below nothing', { from: '08:00', to: '19:00', limit: -1 }, 'limit', -1, 'a whole number from 0 to 1000000000000'],
    [
      'a day that is none',
      { from: '08:00', to: '19:00', limit: 1, days: ['mo'] },
      'days',
      ['mo'],
      'days such as "mon", or "mon-fri" for several',
    ],
  ])('%s is a mistake that names its place', async (_, wrong, key, value, expected) => {
    const { problems } = await mistakesOf(site({ ...gdrive, bandwidth: [{ from: '00:00', to: '01:00', limit: 1 }, wrong] }))
    expect(problems).toEqual([{ key: `sites.nas.bandwidth[1].${key}`, value, expected }])
  })

  test('is of a site, whichever project uses it: what a project says beside is not used, with a warning', async () => {
    const overrides = { prj: { sites: { nas: { bandwidth: 7 }, other: { ...gdrive, bandwidth: 9 } } } }
    const { warnings } = await load({ sites: { nas: { ...gdrive, bandwidth: 5 } }, projects: { overrides } })
    expect(warnings.filter((warning) => warning.includes('bandwidth'))).toEqual([
      'projects.overrides.prj.sites.nas.bandwidth is not used: a site has one line for all projects, and its general definition counts',
    ])
  })
})

describe('paths', () => {
  const env = { HOME: '/home/me', USERPROFILE: 'C:\\Users\\me', STORAGE: '/storage' }

  test.each([
    ['linux', '/mnt/w', '/mnt/w'],
    ['linux', '/mnt/w/', '/mnt/w'],
    ['linux', '/mnt//w/../x', '/mnt/x'],
    ['linux', '~/projects', '/home/me/projects'],
    ['linux', '/a/~/b', '/a/~/b'],
    ['linux', '/a b/#%?', '/a b/#%?'],
    ['linux', '{STORAGE}/w', '/storage/w'],
    ['linux', '/a{b c}', '/a{b c}'],
    ['win32', 'P:/projects', 'P:\\projects'],
    ['win32', '\\\\server\\share\\w', '\\\\server\\share\\w'],
    ['win32', '~\\projects', 'C:\\Users\\me\\projects'],
  ] as const)('on %s the root %s on disk is %s', async (platform, root, expected) => {
    expect(await site({ provider: 'local_drive', root }, { env, platform })).toMatchObject({ root: expected })
  })

  test.each(['files', './files', '~files', 'C:files'])("the root %s on disk starts at the configuration's folder", async (root) => {
    const { folder, ...definition } = await site({ provider: 'local_drive', root }, { env })
    expect(definition.root).toBe(join(folder, root))
  })

  test('without HOME the account tells the home folder', async () => {
    expect(await site({ provider: 'local_drive', root: '~/x' }, { env: {} })).toMatchObject({ root: join(homedir(), 'x') })
  })

  test.each(['/My Drive/x/', 'https://drive.google.com/drive/folders/1AbC', '1AbC', '~/x', 'C:/x'])(
    'the root %s elsewhere is left as it is',
    async (root) => {
      expect(await site({ provider: 'gdrive', root }, { env })).toMatchObject({ root })
    },
  )

  test('variables are replaced in roots elsewhere too, once', async () => {
    const options = { env: { SHOW: 'a{STORAGE}b', STORAGE: '/x' } }
    expect(await site({ provider: 'gdrive', root: '/My Drive/{SHOW}' }, options)).toMatchObject({ root: '/My Drive/a{STORAGE}b' })
  })

  test.each([
    [{ windows: 'W:/', linux: '/l', darwin: '/d' }, '/l'],
    [{ linux: '/l' }, '/l'],
    [
      { linux: '/l', work: '/w' },
      { linux: '/l', work: '/w' },
    ],
    [{ linux: { work: '/l' }, windows: 'W:/' }, { work: '/l' }],
    [
      { work: { linux: '/l', darwin: '/d' }, render: '/r' },
      { work: '/l', render: '/r' },
    ],
  ])('the root %j', async (root, expected) => {
    const found = await site({ provider: 'gdrive', root })
    expect(found.root).toEqual(typeof expected === 'string' ? expected : new Map(Object.entries(expected)))
  })

  test.each([
    ['/keys/a b.json', '/keys/a b.json'],
    ['~/drive.json', '/home/me/drive.json'],
    ['{STORAGE}/drive.json', '/storage/drive.json'],
    ['file:///keys/a%20b.json', '/keys/a b.json'],
    [{ linux: '/l.json', windows: 'C:/w.json' }, '/l.json'],
    [{ windows: 'C:/w.json' }, undefined],
    ['', undefined],
  ])('credentials_url %j', async (credentials_url, expected) => {
    expect((await site({ ...gdrive, credentials_url }, { env })).credentialsFile).toBe(expected)
  })

  test("relative credentials start at the configuration's folder", async () => {
    const { folder, credentialsFile } = await site({ ...gdrive, credentials_url: 'keys/drive.json' })
    expect(credentialsFile).toBe(join(folder, 'keys/drive.json'))
  })

  test('a file:// address on Windows', async () => {
    const options = { platform: 'win32' } as const
    expect(await site({ ...gdrive, credentials_url: 'file:///C:/keys/d.json' }, options)).toMatchObject({
      credentialsFile: 'C:\\keys\\d.json',
    })
  })

  test.each([
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080'],
    ['https://proxy.example', 'https://proxy.example'],
    ['HTTPS://Proxy.Example:443/', 'https://proxy.example'],
    ['http://[::1]:99', 'http://[::1]:99'],
    ['', undefined],
  ])('api_endpoint %j', async (api_endpoint, expected) => {
    expect((await site({ ...gdrive, api_endpoint })).apiEndpoint).toBe(expected)
  })
})

describe('projects', () => {
  test('an override changes single keys of a site; the rest is as in the general definition', async () => {
    const { settings } = await load({
      remote_site: 'gdrive',
      sites: { gdrive: { ...gdrive, credentials_url: '/k.json', concurrency: 2 }, other: gdrive },
      projects: {
        overrides: {
          PRJ: {
            enabled: true,
            publish_site: 'here',
            remote_site: 'extra',
            retry_cnt: '7',
            sites: { gdrive: { root: { work: '/w' } }, extra: { provider: 'local_drive', root: '/mnt/extra' } },
          },
        },
      },
    })
    expect(settings.projects.overrides.get('PRJ')).toEqual({
      enabled: true,
      publishSite: 'here',
      remoteSite: 'extra',
      retryCount: 7,
      sites: new Map<string, object>([
        [
          'gdrive',
          {
            name: 'gdrive',
            provider: 'gdrive',
            root: new Map([['work', '/w']]),
            credentialsFile: '/k.json',
            concurrency: 2,
            alternativeSites: [],
          },
        ],
        ['extra', { name: 'extra', provider: 'local_drive', root: '/mnt/extra', alternativeSites: [] }],
      ]),
    })
  })

  test('a mistake of the general definition is told once, where it stands', async () => {
    const { problems } = await mistakesOf(
      load({
        sites: { a: { provider: 'gdrive', root: '/x', concurrency: -1 } },
        projects: { overrides: { PRJ: { sites: { a: { root: '/y' } } } } },
      }),
    )
    expect(problems.map(({ key }) => key)).toEqual(['sites.a.concurrency'])
  })

  test('its mistakes name the place in the override', async () => {
    const { problems } = await mistakesOf(
      load({ projects: { overrides: { 'P.1': { sites: { a: { root: '/y' } }, enabled: 'no' }, Q: { sites: 1, remote_site: 'zz' } } } }),
    )
    expect(problems.map(({ key }) => key)).toEqual([
      'projects.overrides["P.1"].enabled',
      'projects.overrides["P.1"].sites.a.provider',
      'projects.overrides.Q.sites',
      'projects.overrides.Q.remote_site',
    ])
  })

  test('overrides that are no object', async () => {
    const { problems } = await mistakesOf(load({ projects: { overrides: [] } }))
    expect(problems).toEqual([{ key: 'projects.overrides', value: [], expected: 'an object: an override for each project' }])
  })

  test('an override may name its own publish site as remote: nothing to do, no mistake', async () => {
    await expect(load({ projects: { overrides: { PRJ: { publish_site: 'x', remote_site: 'x' } } } })).resolves.toBeDefined()
  })

  test.each([[['a', 7]], [7], [{}]])('include %j is a mistake', async (include) => {
    const { problems } = await mistakesOf(load({ projects: { include } }))
    expect(problems.every(({ key }) => key.startsWith('projects.include'))).toBe(true)
  })
})

describe('mongo', () => {
  const all = { SITE_SYNC_MONGO_URI: 'mongodb://one', AVALON_MONGO: 'mongodb://two', OPENPYPE_MONGO: 'mongodb://three', AVALON_DB: 'shows' }

  test.each([
    ['the file wins', { uri: 'mongodb://file', database: 'x' }, all, 'mongodb://file', 'x'],
    ['then SITE_SYNC_MONGO_URI', {}, all, 'mongodb://one', 'shows'],
    ['then AVALON_MONGO', {}, { ...all, SITE_SYNC_MONGO_URI: '' }, 'mongodb://two', 'shows'],
    ['then OPENPYPE_MONGO', {}, { OPENPYPE_MONGO: 'mongodb://three' }, 'mongodb://three', 'avalon'],
    ['an empty uri counts as left out', { uri: '' }, all, 'mongodb://one', 'shows'],
    ['variables in the uri', { uri: 'mongodb://u:{PW}@h/' }, { PW: 'p%40ss-word' }, 'mongodb://u:p%40ss-word@h/', 'avalon'],
    ['srv', { uri: 'mongodb+srv://cluster.example' }, {}, 'mongodb+srv://cluster.example', 'avalon'],
  ])('%s', async (_, mongo, env, uri, database) => {
    expect((await load({ mongo }, { env })).settings.mongo).toMatchObject({ uri, database })
  })

  test('SITE_SYNC_MONGO_URI_FILE comes after SITE_SYNC_MONGO_URI and before the legacy names; what it holds is never shown', async () => {
    const folder = await folderOf({ address: ' mongodb://filed\n', wrong: 'u:hunter2@h' })
    const filed = { ...all, SITE_SYNC_MONGO_URI_FILE: join(folder, 'address') }
    expect((await load({}, { env: filed })).settings.mongo.uri).toBe('mongodb://one')
    const loaded = await load({}, { env: { ...filed, SITE_SYNC_MONGO_URI: '' } })
    expect([loaded.settings.mongo.uri, loaded.isMongoNamed]).toEqual(['mongodb://filed', true])
    const { problems, message } = await mistakesOf(load({}, { env: { SITE_SYNC_MONGO_URI_FILE: join(folder, 'wrong') } }))
    expect(problems.map(({ key }) => key)).toEqual([`${join(folder, 'wrong')} (environment SITE_SYNC_MONGO_URI_FILE)`])
    expect(message).not.toContain('hunter2')
  })

  test.each([
    ['a wrong scheme', { uri: 'http://u:hunter2@h' }, {}, 'mongo.uri'],
    ['a missing scheme', { uri: 'u:hunter2@h/db' }, {}, 'mongo.uri'],
    ['a slip in the scheme', { uri: 'mongdb:/u:hunter2@h' }, {}, 'mongo.uri'],
    ['no host', { uri: 'mongodb://' }, {}, 'mongo.uri'],
    ['an unset variable', { uri: 'mongodb://u:hunter2@{HOST}' }, {}, 'mongo.uri'],
    ['a wrong scheme in the environment', {}, { AVALON_MONGO: 'u:hunter2@h' }, 'environment AVALON_MONGO'],
    ['a database name', { database: 'a.b' }, {}, 'mongo.database'],
    ['a database name in the environment', {}, { AVALON_DB: 'a b' }, 'environment AVALON_DB'],
    ["the server's own database", { state_database: 'admin' }, {}, 'mongo.state_database'],
    ['an empty database name', { database: '' }, {}, 'mongo.database'],
    ['one database for both', { database: 'same', state_database: 'Same' }, {}, 'mongo.state_database'],
    ['one database for both, by default', { state_database: 'avalon' }, {}, 'mongo.state_database'],
    ['one database for both, by the environment', {}, { AVALON_DB: 'site_sync' }, 'mongo.state_database'],
  ])('%s is a mistake', async (_, mongo, env, key) => {
    const error = await mistakesOf(load({ mongo }, { env }))
    expect(error.problems.map((problem) => problem.key)).toEqual([key])
    expect(error.message).not.toContain('hunter2')
  })

  test('an address in the wrong place shows no password', async () => {
    const { message } = await mistakesOf(
      load({ mongo: 'mongodb://u:hunter2@h/x', sites: { a: { ...gdrive, concurrency: 'mongodb://u:hunter2@h' } } }),
    )
    expect(message).toContain('mongodb://[redacted]@h/x')
    expect(message).not.toContain('hunter2')
  })

  test('its password is kept out of everything that is logged from then on', async () => {
    await load({ mongo: { uri: 'mongodb://u:corr%40ct-horse@h' } })
    expect(redact('login with corr@ct-horse (corr%40ct-horse) failed')).toBe('login with [redacted] ([redacted]) failed')
  })
})
