import { describe, expect, test } from 'vitest'

import { publishSiteOf, rootsFor } from '../../../src/model/publish-root.ts'
import { examine } from '../../../src/model/verdict.ts'
import { CREATED, documentOf, fileOf, projectOf, siteOf, sitesOf } from '../../support/model-samples.ts'

const work = { windows: 'P:/w', darwin: '/Volumes/w', linux: '/mnt/w' }

describe('the roots of a project document for this system', () => {
  test.each([
    ['linux', '/mnt/w'],
    ['darwin', '/Volumes/w'],
    ['win32', 'P:/w'],
  ] as const)('%s', (platform, path) => {
    expect(rootsFor({ work }, platform)).toEqual(new Map([['work', path]]))
  })

  test.each<[string, unknown, unknown]>([
    ['several, of which some have no path here', { work, render: { linux: '' }, cache: { windows: 'C:/' } }, new Map([['work', '/mnt/w']])],
    ['a plain path for a name', { work: '/w' }, new Map([['work', '/w']])],
    ['a single root for each system', work, '/mnt/w'],
    ['names below each system', { linux: { work: '/w' }, windows: {} }, new Map([['work', '/w']])],
    ['further keys beside the systems', { work: { ...work, __overriden_keys__: [] } }, new Map([['work', '/mnt/w']])],
    ['one text', '/w', '/w'],
    ['no path for this system', { work: { windows: 'P:/w', linux: '' } }, undefined],
    ['what is not UTF-8', { work: { linux: '/mnt/\uFFFD' }, ['\uFFFD']: '/x' }, undefined],
    ['nothing', undefined, undefined],
    ['null', null, undefined],
    ['a list', ['/w'], undefined],
    ['numbers', { work: 7 }, undefined],
    ['an empty text', '', undefined],
  ])('%s', (_what, roots, expected) => {
    expect(rootsFor(roots, 'linux')).toEqual(expected)
  })
})

describe('where publishes are', () => {
  const undeclared = { sites: sitesOf(siteOf('gdrive')) }
  const document = documentOf([], { context: { root: { work: '/from/document' } } })

  test('as configured, whatever the documents say', () => {
    const settings = projectOf({ projectRoot: new Map([['work', '/from/project']]) })
    expect(publishSiteOf(settings, document)).toBe(settings.sites.get('studio'))
  })

  test("else as the project's document has it, before what the representation's says", () => {
    const projectRoot = new Map([['work', '/from/project']])
    expect(publishSiteOf(projectOf({ ...undeclared, projectRoot }), document)).toEqual({
      name: 'studio',
      provider: 'local_drive',
      root: projectRoot,
      alternativeSites: [],
      declared: false,
    })
  })

  test("else as the representation's document has it", () => {
    expect(publishSiteOf(projectOf(undeclared), document).root).toEqual(new Map([['work', '/from/document']]))
  })

  test('else nowhere: the error names each place', () => {
    const settings = projectOf({ ...undeclared, rootsFromProject: true })
    expect(() => publishSiteOf(settings, documentOf([]))).toThrow(
      'publish site "studio" has no root: neither sites.studio.root in the configuration nor config.roots for this system in the project document nor context.root in the document',
    )
    expect(() => publishSiteOf(projectOf(undeclared), documentOf([]))).toThrow(
      'neither sites.studio.root in the configuration nor context.root in the document',
    )
  })

  test('is where a file is taken from', () => {
    const settings = projectOf({ ...undeclared, projectRoot: new Map([['work', '/from/project']]) })
    const sites = [{ name: 'studio', created_dt: CREATED }, { name: 'gdrive' }]
    const { verdicts } = examine({ ...document, files: [fileOf(sites)] }, 'PRJ', settings, new Map())
    expect(verdicts[0]?.transfer?.route).toMatchObject({ source: { root: '/from/project', path: 'p/a.ma' } })
  })
})
