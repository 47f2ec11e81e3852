import { describe, expect, test } from 'vitest'

import { projectSettings } from '../../../src/model/project-settings.ts'
import type { Settings } from '../../../src/model/settings.ts'
import { gdrive, load } from './support.ts'

async function settingsWith(projects: object): Promise<Settings> {
  const { settings } = await load({ remote_site: 'gdrive', sites: { gdrive, nas: { provider: 'local_drive', root: '/nas' } }, projects })
  return settings
}

describe('which projects are synced', () => {
  test.each([
    [{}, 'PRJ', true],
    [{}, '.hidden', true],
    [{}, 'žluťoučký kůň', true],
    [{}, 'a/b', true],
    [{}, 'system.views', false],
    [{ include: ['system.*'] }, 'system.js', false],
    [{}, 'systems', true],
    [{ include: [] }, 'PRJ', false],
    [{ include: ['a_*', 'b?'] }, 'a_1', true],
    [{ include: ['a_*', 'b?'] }, 'b2', true],
    [{ include: ['a_*', 'b?'] }, 'b', false],
    [{ include: ['{one,two}'] }, 'two', true],
    [{ include: ['prj'] }, 'PRJ', false],
    [{ include: 'PRJ' }, 'PRJ', true],
    [{ include: ['show[2]'] }, 'show[2]', true],
    [{ include: ['show(2)'] }, 'show(2)', true],
    [{ include: ['['] }, 'PRJ', false],
    [{ exclude: ['test_*'] }, 'test_1', false],
    [{ include: ['test_1'], exclude: ['test_*'] }, 'test_1', false],
    [{ overrides: { PRJ: { enabled: false } } }, 'PRJ', false],
    [{ overrides: { PRJ: { enabled: false } } }, 'OTHER', true],
    [{ exclude: ['*'], overrides: { PRJ: { enabled: true } } }, 'PRJ', false],
  ])('%j: %s %s', async (projects, project, expected) => {
    expect(projectSettings(await settingsWith(projects), project).enabled).toBe(expected)
  })
})

describe('what holds for a project', () => {
  test('without an override all is as in general', async () => {
    const settings = await settingsWith({})
    expect(projectSettings(settings, 'PRJ')).toEqual({
      enabled: true,
      localId: 'local_0',
      publishSite: 'studio',
      remoteSite: 'gdrive',
      retryCount: 3,
      sites: settings.sites,
      documentRoots: settings.documentRoots,
    })
  })

  test('an override replaces what it names and leaves the rest', async () => {
    const settings = await settingsWith({
      overrides: { PRJ: { publish_site: 'here', remote_site: '', retry_cnt: 0, sites: { gdrive: { root: '/other' } } } },
    })
    const own = projectSettings(settings, 'PRJ')
    expect(own).toMatchObject({ enabled: true, publishSite: 'here', remoteSite: '', retryCount: 0 })
    expect([...own.sites.keys()]).toEqual(['gdrive', 'nas'])
    expect(own.sites.get('gdrive')?.root).toBe('/other')
    expect(own.sites.get('nas')).toBe(settings.sites.get('nas'))
    expect(projectSettings(settings, 'OTHER').sites.get('gdrive')?.root).toBe('/My Drive')
  })

  test('"sources" of a project are its own, else the general ones; a site that one project alone declares counts there', async () => {
    const declared = { gdrive, nas: { provider: 'local_drive', root: '/nas' } }
    const far = { provider: 'local_drive', root: '/far' }
    const overrides = { PRJ: { sources: ['nas', 'gdrive', 'nowhere'] }, FAR: { sites: { far } } }
    const { settings, warnings } = await load({
      remote_site: 'gdrive',
      sites: declared,
      sources: ['far', 'gdrive'],
      projects: { overrides },
    })
    expect(['PRJ', 'FAR', 'OTHER'].map((project) => projectSettings(settings, project).sources)).toEqual([
      ['nas', 'gdrive', 'nowhere'],
      ['far', 'gdrive'],
      ['far', 'gdrive'],
    ])
    expect(warnings.filter((text) => text.includes('sources'))).toEqual([
      expect.stringContaining('projects.overrides.PRJ.sources names nowhere, which is not declared'),
    ])
  })

  test('is worked out once for the same settings', async () => {
    const settings = await settingsWith({})
    expect(projectSettings(settings, 'PRJ')).toBe(projectSettings(settings, 'PRJ'))
    expect(projectSettings({ ...settings, retryCount: 9 }, 'PRJ').retryCount).toBe(9)
  })
})
