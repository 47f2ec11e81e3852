import { describe, expect, test } from 'vitest'

import { projectSettings } from '../../../src/model/project-settings.ts'
import { targetSites } from '../../../src/model/verdict.ts'
import { gdrive, load, mistakesOf, type Json } from './support.ts'

const nowhere = { windows: '', linux: '', darwin: '' }
const legacy = (sites: Json, config: Json = {}) => ({ config: { active_site: 'studio', remote_site: 'gdrive', ...config }, sites })

describe('a site that is not filled in for this machine is skipped', () => {
  test.each([
    ['an empty text', '', 'nas.root is empty'],
    ['null', null, 'nas.root is empty'],
    ['no root names', {}, 'nas.root is empty'],
    ['empty texts for each system', nowhere, 'nas.root.linux is empty'],
    ['nulls for each system', { windows: null, linux: null }, 'nas.root.linux is empty'],
    ['no path for this system', { windows: 'P:/' }, 'nas.root.linux is missing'],
    ['an empty root name', { work: '' }, 'nas.root.work is empty'],
    ['empty texts for each system of a root name', { work: nowhere }, 'nas.root.work.linux is empty'],
    ['no path for this system of a root name', { work: { windows: 'P:/', darwin: '/V' } }, 'nas.root.work.linux is missing'],
    ['the other way about', { linux: { work: '' }, windows: { work: 'P:/' } }, 'nas.root.linux.work is empty'],
    ['all of several', { work: '', render: nowhere }, 'nas.root.work is empty, sites.nas.root.render.linux is empty'],
  ])('%s', async (_what, root, reason) => {
    for (const file of [{ sites: { nas: { provider: 'local_drive', root }, gdrive } }, legacy({ nas: { provider: '', root }, gdrive })]) {
      const { settings, warnings } = await load(file)
      expect(settings.skipped?.get('nas')).toMatchObject({
        name: 'nas',
        reason: `sites.${reason}: no root for linux`,
        documentsServe: false,
      })
      expect([...settings.sites.keys()]).toEqual(['gdrive'])
      expect(warnings).toEqual([])
    }
  })

  test.each([
    ['everything empty', { provider: '', credentials_url: nowhere, root: { work: nowhere } }],
    ['everything null', { provider: null, credentials_url: null, root: null, alternative_sites: null }],
    ['nothing at all', {}],
  ])('%s', async (_what, site) => {
    for (const file of [{ sites: { nas: site } }, legacy({ nas: site, gdrive })]) {
      expect((await load(file)).settings.skipped?.has('nas')).toBe(true)
    }
  })

  test('in the legacy settings also without the key; in ours that is a mistake', async () => {
    const site = { provider: 'gdrive', credentials_url: '/key.json' }
    expect((await load(legacy({ nas: site, gdrive }))).settings.skipped?.get('nas')?.reason).toBe(
      'sites.nas.root is missing: no root for linux',
    )
    expect((await mistakesOf(load({ sites: { nas: site } }))).problems.map(({ key }) => key)).toEqual(['sites.nas.root'])
  })

  test('whatever variables its other paths name', async () => {
    const { settings } = await load(legacy({ nas: { provider: 'gdrive', credentials_url: '{NOT_SET}/key.json', root: nowhere }, gdrive }))
    expect(settings.skipped?.has('nas')).toBe(true)
  })

  test('on another machine it is not', async () => {
    const { settings } = await load({ sites: { nas: { provider: 'local_drive', root: { windows: 'P:/' } } } }, { platform: 'win32' })
    expect([settings.sites.get('nas')?.root, settings.skipped]).toEqual(['P:\\', undefined])
  })
})

test.each([
  ['a root of a wrong type', { provider: 'gdrive', root: 7 }, 'root'],
  ['a part of a wrong type', { provider: 'gdrive', root: { work: nowhere, render: 7 } }, 'root.render'],
  ['another key of a wrong type', { provider: 'gdrive', root: '', concurrency: 'many' }, 'concurrency'],
  ['an unset variable', { provider: 'gdrive', root: '{NOT_SET}/w' }, 'root'],
  ['enabled that is neither', { ...gdrive, enabled: 'yes' }, 'enabled'],
])('%s is a mistake all the same', async (_what, nas, key) => {
  const { problems } = await mistakesOf(load(legacy({ nas, gdrive })))
  expect(problems.map((problem) => problem.key)).toEqual([`sites.nas.${key}`])
})

test('of several roots those stay that are filled in, with a warning for each other', async () => {
  const root = { work: { linux: '/w', windows: 'W:/' }, render: { windows: 'R:/', linux: '' }, cache: '/c', old: null }
  const { settings, warnings } = await load({ sites: { nas: { provider: 'local_drive', root } } })
  expect(settings.sites.get('nas')?.root).toEqual(
    new Map([
      ['work', '/w'],
      ['cache', '/c'],
    ]),
  )
  expect(warnings).toEqual([
    'sites.nas.root.render.linux is empty: no root of that name for linux',
    'sites.nas.root.old is empty: no root of that name for linux',
  ])
})

test.each([
  { sites: { nas: { ...gdrive, enabled: false }, gdrive } },
  legacy({ nas: { enabled: false, credentials_url: '{NOT_SET}' }, gdrive }),
])('enabled: false skips a site; without the key it is enabled', async (file) => {
  const { settings } = await load(file)
  expect(settings.skipped?.get('nas')?.reason).toBe('sites.nas.enabled is false')
  expect([...settings.sites.keys()]).toEqual(['gdrive'])
})

describe('a skipped site is declared', () => {
  test('as remote_site: nothing is transferred to it, which is said; others go on', async () => {
    const file = legacy({ gdrive: { provider: 'gdrive', root: { work: '' } }, nas: { provider: 'local_drive', root: '/n' } })
    const { settings, warnings } = await load(file)
    expect(warnings).toEqual(['config.remote_site names gdrive, which is skipped on this machine: nothing is transferred to it'])
    expect(targetSites(projectSettings(settings, 'PRJ')).map(({ name }) => name)).toEqual(['nas'])
  })

  test('as one of always_accessible_on, and as an alternative', async () => {
    const sites = { gdrive: { ...gdrive, alternative_sites: ['nas'] }, nas: { provider: 'local_drive', root: nowhere } }
    expect((await load(legacy(sites, { always_accessible_on: ['nas'] }))).warnings).toEqual([])
  })
})

describe('the publish site', () => {
  test('has the root that stands in each document where none is filled in', async () => {
    const { settings } = await load(legacy({ studio: { root: { work: nowhere } }, gdrive }))
    expect(settings.skipped?.get('studio')).toMatchObject({
      reason: 'sites.studio.root.work.linux is empty: no root for linux; the root that stands in each document serves',
      documentsServe: true,
    })
    expect(targetSites(projectSettings(settings, 'PRJ')).map(({ name }) => name)).toEqual(['gdrive'])
  })

  test.each([
    { provider: 'gdrive', root: '' },
    { root: '/s', enabled: false },
  ])('%j: nothing can be read here', async (studio) => {
    const { settings } = await load(legacy({ studio, gdrive }))
    expect(targetSites(projectSettings(settings, 'PRJ'))).toEqual([])
  })
})

test('a project may use a site that is skipped in general, and skip one that is not', async () => {
  const nas = { provider: 'local_drive', root: { windows: 'N:/' } }
  const { settings, warnings } = await load({
    remote_site: 'gdrive',
    sites: { gdrive, nas },
    projects: {
      overrides: { A: { sites: { nas: { root: '/nas' } } }, B: { remote_site: 'gdrive', sites: { gdrive: { enabled: false } } } },
    },
  })
  const of = (project: string) => {
    const { sites, skipped } = projectSettings(settings, project)
    return [[...sites.keys()], [...(skipped?.keys() ?? [])]]
  }
  expect([of('A'), of('B'), of('C')]).toEqual([
    [['gdrive', 'nas'], []],
    [[], ['nas', 'gdrive']],
    [['gdrive'], ['nas']],
  ])
  expect(warnings).toEqual([
    'projects.overrides.B.remote_site names gdrive, which is skipped on this machine: nothing is transferred to it',
  ])
})
