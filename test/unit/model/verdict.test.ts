import { Decimal128, Long } from 'mongodb'
import { describe, expect, test } from 'vitest'

import type { RepresentationDocument } from '../../../src/model/document.ts'
import type { ProjectSettings } from '../../../src/model/settings.ts'
import { examine, targetSites, type Verdict } from '../../../src/model/verdict.ts'
import {
  CREATED,
  documentOf,
  fileOf,
  FIRST_ID,
  plainOf,
  projectOf,
  SECOND_ID,
  siteOf,
  sitesOf,
  SITE_NAMES,
} from '../../support/model-samples.ts'

const NONE = new Map<string, unknown>()
const studio = { name: 'studio', created_dt: CREATED }

function judged(document: RepresentationDocument, settings: ProjectSettings = projectOf()) {
  return examine(document, 'PRJ', settings, NONE)
}

/** The verdict on one file at gdrive. */
function verdictOn(record: object, settings?: ProjectSettings): Verdict | undefined {
  const document = documentOf([fileOf([studio, { name: 'gdrive', ...record }])])
  return judged(document, settings).verdicts.find(({ site }) => site === 'gdrive')
}

describe('what is pending', () => {
  test.each([
    ['an empty skeleton', {}, 'pending'],
    ['created_dt null', { created_dt: null }, 'pending'],
    ['created_dt undefined', { created_dt: undefined }, 'pending'],
    ['created_dt a date', { created_dt: CREATED }, 'synced'],
    ['created_dt of another type', { created_dt: '2024-01-01' }, 'synced'],
    ['tries 0', { tries: 0 }, 'pending'],
    ['tries null', { tries: null }, 'pending'],
    ['tries 2', { tries: 2 }, 'pending'],
    ['tries 2.0', { tries: Number('2.0') }, 'pending'],
    ['tries 3', { tries: 3 }, 'exhausted'],
    ['tries 4', { tries: 4 }, 'exhausted'],
    ['tries "1"', { tries: '1' }, 'bad-tries'],
    ['tries ""', { tries: '' }, 'bad-tries'],
    ['tries NaN', { tries: Number.NaN }, 'bad-tries'],
    ['tries Infinity', { tries: Infinity }, 'bad-tries'],
    ['tries a list', { tries: [1] }, 'bad-tries'],
    ['tries a huge number', { tries: Long.fromString('9223372036854775807') }, 'bad-tries'],
    ['tries a decimal', { tries: Decimal128.fromString('1') }, 'bad-tries'],
    ['paused', { paused: true }, 'paused'],
    ['paused false', { paused: false }, 'pending'],
    ['paused of another type', { paused: 'true' }, 'pending'],
    ['paused and exhausted', { paused: true, tries: 3 }, 'paused'],
    ['an error and no tries', { error: 'boom' }, 'pending'],
    ['the tries of an exhausted one deleted by hand', { error: 'boom', last_failed_dt: CREATED }, 'pending'],
  ])('%s: %o is %s', (_title, record, state) => {
    expect(verdictOn(record)?.state).toBe(state)
  })

  test('retry_cnt is the number of attempts in all; 0 is none', () => {
    expect(verdictOn({}, projectOf({ retryCount: 0 }))?.state).toBe('exhausted')
    expect(verdictOn({ tries: 0 }, projectOf({ retryCount: 1 }))?.state).toBe('pending')
    expect(verdictOn({ tries: 1 }, projectOf({ retryCount: 1 }))?.state).toBe('exhausted')
    expect(verdictOn({ tries: 3 }, projectOf({ retryCount: 5 }))?.state).toBe('pending')
  })

  test('it is decided a file entry: the others of the document do not count', () => {
    const files = [
      fileOf([studio, { name: 'gdrive', created_dt: CREATED }], { _id: 1 }),
      fileOf([{ name: 'studio' }, { name: 'gdrive' }], { _id: 2 }),
      fileOf([studio, { name: 'gdrive' }], { _id: 3 }),
    ]
    const atDrive = judged(documentOf(files)).verdicts.filter(({ site }) => site === 'gdrive')
    expect(atDrive.map(({ state }) => state)).toEqual(['synced', 'no-source', 'pending'])
  })

  test.each(SITE_NAMES.filter((name) => name !== 'studio' && name !== 'local_0'))('a site named %j is served in both shapes', (name) => {
    const settings = projectOf({ sites: sitesOf(siteOf('studio'), siteOf(name)) })
    const array = documentOf([fileOf([studio, { name }])])
    const object = documentOf([
      fileOf(
        plainOf([
          ['studio', { created_dt: CREATED }],
          [name, {}],
        ]),
      ),
    ])
    expect(judged(array, settings).verdicts).toMatchObject([{ site: name, state: 'pending', transfer: { shape: 'array' } }])
    expect(judged(object, settings).verdicts).toMatchObject([{ site: name, state: 'pending', transfer: { shape: 'object' } }])
  })
})

describe('the source', () => {
  const target = { name: 'gdrive' }

  test.each([
    ['the publish site has it', [studio, target], 'pending'],
    ['nobody said: the file on disk decides', [target], 'pending'],
    ['its record says that it is not there', [{ name: 'studio' }, target], 'no-source'],
    ['its record says so with a null', [{ name: 'studio', created_dt: null }, target], 'no-source'],
    ['one of two records says that it is there', [{ name: 'studio' }, studio, target], 'pending'],
    ['its record can not be read', ['studio', target], 'pending'],
  ])('%s', (_title, sites, state) => {
    expect(judged(documentOf([fileOf(sites)])).verdicts[0]?.state).toBe(state)
  })

  test('in object shape an empty record of the publish site says that it is not there', () => {
    expect(judged(documentOf([fileOf({ studio: {}, gdrive: {} })])).verdicts[0]).toMatchObject({ site: 'gdrive', state: 'no-source' })
    expect(judged(documentOf([fileOf({ gdrive: {} })])).verdicts[0]).toMatchObject({ site: 'gdrive', state: 'pending' })
  })

  const unconfigured = projectOf({ sites: sitesOf(siteOf('gdrive')) })
  const routeWith = (context: unknown, path = '{root[work]}/a.ma') =>
    judged(documentOf([fileOf([studio, target], { path })], { context }), unconfigured).verdicts[0]?.transfer?.route

  test.each([
    ['a text', { root: '/mnt/w' }, '{root}/a.ma', '/mnt/w'],
    ['a map', { root: { work: '/mnt/w', render: '/mnt/r' } }, '{root[work]}/a.ma', '/mnt/w'],
  ])('an unconfigured publish site has the root that the document brings: %s', (_title, context, path, root) => {
    const settings = projectOf({ sites: sitesOf(siteOf('gdrive', { root: path.startsWith('{root}') ? '/g' : new Map([['work', '/g']]) })) })
    const document = documentOf([fileOf([studio, target], { path })], { context })
    expect(judged(document, settings).verdicts[0]?.transfer?.route).toMatchObject({
      source: { root, path: 'a.ma' },
      sourceSite: { name: 'studio', provider: 'local_drive', declared: false },
    })
  })

  test.each([[undefined], [{}], [{ root: '' }], [{ root: {} }], [{ root: 7 }], [{ root: { work: 7 } }], [{ root: ['/mnt'] }], ['/mnt']])(
    'without a root anywhere it is an error that says so: context %j',
    (context) => {
      expect(routeWith(context)).toMatchObject({ error: { code: 'BAD_ROOT', message: expect.stringContaining('"studio" has no root') } })
    },
  )

  test('the configured root wins over the one in the document', () => {
    const document = documentOf([fileOf([studio, target])], { context: { root: '/mnt/doc' } })
    expect(judged(document).verdicts[0]?.transfer?.route).toMatchObject({ source: { root: '/studio', path: 'p/a.ma' } })
  })
})

describe('target sites', () => {
  test('all that are configured, the own ones last; of these, only what they ask for is told', () => {
    const sites = sitesOf(siteOf('studio'), siteOf('local_0'), siteOf('gdrive'), siteOf('nas'))
    expect(targetSites(projectOf({ sites })).map(({ name }) => name)).toEqual(['gdrive', 'nas', 'studio', 'local_0'])
    const { verdicts } = judged(documentOf([fileOf([{ name: 'studio' }, { name: 'gdrive', created_dt: CREATED }])]), projectOf({ sites }))
    expect(verdicts.map(({ site, state }) => [site, state])).toEqual([
      ['gdrive', 'synced'],
      ['nas', 'no-record'],
      ['studio', 'pending'],
    ])
  })

  test('none that others serve', () => {
    const served = targetSites(projectOf({ notServed: new Set(['nas', 'studio']) }))
    expect(served.map(({ name }) => name)).toEqual(['gdrive'])
  })

  test.each([{ remoteSite: '' }, { remoteSite: 'studio' }, { enabled: false }])('none with %j', (more) => {
    expect(targetSites(projectOf(more))).toEqual([])
    expect(judged(documentOf([fileOf([studio, { name: 'gdrive' }])]), projectOf(more)).verdicts).toEqual([])
  })

  test('a site that only the document names is left alone', () => {
    const { verdicts, unreadable } = judged(documentOf([fileOf([studio, { name: 'ghost', tries: 'x' }])]))
    expect(verdicts.map(({ site, state }) => [site, state])).toEqual([
      ['gdrive', 'no-record'],
      ['nas', 'no-record'],
    ])
    expect(unreadable).toEqual([])
  })

  test('a site that can not be used spends nothing', () => {
    const document = documentOf([fileOf([studio, { name: 'gdrive' }, { name: 'nas' }])])
    const { verdicts } = examine(document, 'PRJ', projectOf(), new Map([['gdrive', 'no such provider']]))
    expect(verdicts.map(({ site, state, transfer }) => [site, state, transfer !== undefined])).toEqual([
      ['gdrive', 'misconfigured', false],
      ['nas', 'pending', true],
    ])
  })
})

/** The place to which a path leads. */
function at(path: string, site = 'gdrive'): string | undefined {
  const { verdicts } = judged(documentOf([fileOf([studio, { name: site }], { path })]))
  return verdicts.find((verdict) => verdict.site === site)?.transfer?.targetKey
}

describe('the transfer', () => {
  test('says where a result is written, and how the record was', () => {
    const record = { name: 'gdrive', created_dt: null, error: 'x', tries: 1, last_failed_dt: CREATED, id: '7', priority: 90, progress: 0.5 }
    const [verdict] = judged(documentOf([fileOf([studio, record])])).verdicts
    expect(verdict?.transfer).toMatchObject({
      project: 'PRJ',
      representationId: SECOND_ID,
      fileId: FIRST_ID,
      path: '{root[work]}/p/a.ma',
      site: 'gdrive',
      shape: 'array',
      snapshot: { created_dt: null, error: 'x', tries: 1, last_failed_dt: CREATED, id: '7' },
      priority: 90,
      tries: 1,
      lastFailed: CREATED,
    })
    expect(Object.keys(verdict?.transfer?.snapshot ?? {})).not.toContain('priority')
  })

  test.each([
    [undefined, 50],
    [1, 1],
    [1_000, 1_000],
    [0, 1],
    [5_000, 1_000],
    ['90', 50],
    [null, 50],
    [Number.NaN, 50],
  ])('priority %j counts as %d', (priority, counts) => {
    expect(verdictOn({ priority })?.transfer?.priority).toBe(counts)
  })

  test('the same place of two documents is one place, however its name is composed', () => {
    expect(at('{root[work]}/k\u016f\u0148')).toBe(at('{root[work]}/ku\u030an\u030c'))
    expect(at('{root[work]}/x/../a')).toBe(at('{root[work]}//a'))
    expect(at('{root[work]}/a')).not.toBe(at('{root[work]}/A'))
    expect(at('{root[work]}/a')).not.toBe(at('{root[work]}/a', 'nas'))
  })

  test('a path that does not resolve is a transfer that fails, not one that is forgotten', () => {
    const { verdicts } = judged(documentOf([fileOf([studio, { name: 'gdrive' }], { path: '/mnt/abs' })]))
    expect(verdicts[0]).toMatchObject({ state: 'pending', transfer: { route: { error: { code: 'BAD_PATH' } } } })
  })
})
