import { runInNewContext } from 'node:vm'

import { describe, expect, test } from 'vitest'

import type { RepresentationDocument } from '../../../src/model/document.ts'
import { explainDocument, type Explanation } from '../../../src/model/explanation.ts'
import type { ProjectSettings } from '../../../src/model/settings.ts'
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

const studio = { name: 'studio', created_dt: CREATED }
const broken = new Map([['nas', { message: 'there is no provider "nfs"' }]])
const onDrive = projectOf({ sites: sitesOf(siteOf('studio'), siteOf('gdrive')) })

const explained = (document: RepresentationDocument, settings: ProjectSettings = onDrive) =>
  explainDocument(document, 'PRJ', settings, broken)

/** What is said of one record at gdrive. */
function about(record: object | undefined, more: object = {}, settings = onDrive): Explanation {
  const sites = record === undefined ? [studio] : [studio, { name: 'gdrive', ...record }]
  return explained(documentOf([fileOf(sites, more as Record<string, unknown>)]), settings).explanations[0] as Explanation
}

/** Runs a command as the shell would, and gives back what it would send. */
function sent(command: string | undefined): { collection: string; filter: unknown; update: object; options: { arrayFilters: unknown } } {
  const context = {
    ObjectId: (hex: string) => ({ $oid: hex }),
    db: {
      getCollection: (collection: string) => ({
        updateOne: (filter: unknown, update: object, options: unknown) => ({ collection, filter, update, options }),
      }),
    },
  }
  return JSON.parse(JSON.stringify(runInNewContext(command ?? '', context))) as ReturnType<typeof sent>
}

test('a record that carries the id of another file is in doubt', () => {
  const synced = { name: 'gdrive', created_dt: CREATED }
  const files = [
    fileOf([studio, { ...synced, id: 'one' }], { _id: '1', path: '{root[work]}/f.1001.exr' }),
    fileOf([studio, { ...synced, id: 'one' }], { _id: '2', path: '{root[work]}/f.1002.exr' }),
    fileOf([studio, { ...synced, id: 'two' }], { _id: '3', path: '{root[work]}/f.1003.exr' }),
  ]
  const [first, second, third] = explained(documentOf(files)).explanations
  expect(first?.reason).toContain('with the id of "{root[work]}/f.1002.exr"')
  expect(second?.reason).toContain('with the id of "{root[work]}/f.1001.exr"')
  expect(third?.reason).toBe('synced 2024-01-01T00:00:00.000Z; if somebody removed it there, reset the record')
})

describe('what is said', () => {
  test('of other names of the storage that ask for the file, and of none that do not', () => {
    const alternatives = projectOf({
      sites: sitesOf(siteOf('studio'), { ...siteOf('gdrive'), alternativeSites: ['sftp', 'archive', 'done'] }),
    })
    const of = (...names: readonly string[]) => {
      const sites = [studio, { name: 'gdrive' }, ...names.map((name) => ({ name })), { name: 'done', created_dt: CREATED }]
      return explained(documentOf([fileOf(sites)]), alternatives).explanations[0]?.reason
    }
    expect(of()).not.toContain('alternative_sites')
    expect(of('sftp')).toMatch(/ Marked with it, as the same storage \("alternative_sites"\): "sftp"\.$/)
    expect(of('sftp', 'archive')).toMatch(/ Marked with it, as names of the same storage \("alternative_sites"\): "sftp", "archive"\.$/)
  })

  test('of a site of always_accessible_on that was not asked, or whose record was removed', () => {
    const reason = about(undefined, {}, { ...onDrive, alwaysAccessibleOn: ['gdrive'] }).reason
    expect(reason).toContain('"always_accessible_on" names it, which asks once')
    expect(about(undefined).reason).toBe('no record of this site: nobody asked for it')
  })

  test.each<[string, object | undefined, Explanation['state'], string]>([
    ['no record', undefined, 'no-record', 'nobody asked for it'],
    ['synced', { created_dt: CREATED }, 'synced', 'synced 2024-01-01T00:00:00.000Z'],
    ['synced at an odd time', { created_dt: 'then' }, 'synced', 'synced then'],
    ['synced at no time at all', { created_dt: new Date(Number.NaN) }, 'synced', 'synced Invalid Date'],
    [
      'exhausted',
      { tries: 3, error: 'boom' },
      'exhausted',
      'failed 3 times, "retry_cnt" is 3; last error: boom. Mend that, then delete "tries"',
    ],
    ['bad tries', { tries: '1' }, 'bad-tries', 'its "tries" is not a number: delete it'],
    ['paused', { paused: true }, 'paused', 'paused in the document'],
    ['pending', {}, 'pending', 'pending. /studio/p/a.ma → /gdrive/p/a.ma'],
    ['pending again', { tries: 2, error: 'boom' }, 'pending', 'pending after 2 of 3 tries, next one with the next scan; last error: boom.'],
    ['after trouble of the site', { error: 'quota' }, 'pending', 'pending; last error: quota.'],
  ])('%s', (_title, record, state, reason) => {
    expect(about(record)).toMatchObject({ path: '{root[work]}/p/a.ma', site: 'gdrive', state, reason: expect.stringContaining(reason) })
  })

  test.each<[unknown, boolean]>([
    [undefined, true],
    [[], true],
    [{}, true],
    [null, false],
  ])('a file whose "sites" is %j: nobody asked for it, and a record can be added or not', (sites, canBeAdded) => {
    const { explanations, remarks } = explained(documentOf([fileOf(sites)]))
    expect(remarks).toEqual([])
    expect(explanations).toMatchObject([{ site: 'gdrive', state: 'no-record', reason: 'no record of this site: nobody asked for it' }])
    expect([explanations[0]?.command, explanations[0]?.fix].map((line) => line !== undefined)).toEqual([canBeAdded, canBeAdded])
  })

  test('pending, and it will fail', () => {
    expect(about({}, { path: '/mnt/abs' }).reason).toBe(
      'pending, and will fail: path "/mnt/abs" does not start with {root} or {root[NAME]}',
    )
  })

  test('nothing to send yet', () => {
    const { explanations } = explained(documentOf([fileOf([{ name: 'studio' }, { name: 'gdrive' }])]))
    expect(explanations[0]).toMatchObject({
      state: 'no-source',
      reason: expect.stringContaining('no source: no record of the publish site "studio"'),
    })
    expect(explanations[0]?.fix).toBeUndefined()
  })

  test('a file that a site which is not configured here is said to have', () => {
    const { explanations } = explained(
      documentOf([
        fileOf([
          { name: 'workstation', created_dt: CREATED },
          { name: 'gdrive', tries: 1 },
        ]),
      ]),
    )
    expect(explanations[0]).toMatchObject({
      state: 'pending',
      reason: expect.stringContaining(
        "it is said to be at a site that this instance can't read, so another instance sends it, or this one if the file is at /",
      ),
      command: expect.stringContaining('retry'),
    })
  })

  test('a site that can not be used', () => {
    const { explanations } = explained(documentOf([fileOf([studio, { name: 'nas' }])]), projectOf())
    expect(explanations.find(({ site }) => site === 'nas')).toMatchObject({
      state: 'misconfigured',
      reason: `the site can't be used: there is no provider "nfs"`,
    })
  })
})

describe('what holds for the whole document', () => {
  const one = [fileOf([studio, { name: 'gdrive' }])]
  test.each<[string, Partial<RepresentationDocument>, Partial<ProjectSettings>, string]>([
    ['another type', { type: 'asset' }, {}, 'its type is "asset": only "representation" is synced'],
    ['its project is off', {}, { enabled: false }, 'its project is not enabled'],
    ['nothing is synced', {}, { remoteSite: '' }, '"remote_site" is empty'],
    ['both sites are the same', {}, { remoteSite: 'studio' }, '"remote_site" and "publish_site" are both "studio"'],
    ['there is nowhere to sync to', {}, { sites: sitesOf(siteOf('studio')) }, 'the configuration has no site to sync to'],
    ['it has no files', { files: [] }, {}, 'it has no files'],
    ['its files can not be read', { files: 'x' }, {}, 'not understood, left as it is: files is a string'],
  ])('%s', (_title, document, settings, remark) => {
    const { remarks } = explained({ ...documentOf(one), ...document }, projectOf({ ...onDrive, ...settings }))
    expect(remarks).toContainEqual(expect.stringContaining(remark))
  })

  test('all is well: nothing is said', () => {
    expect(explained(documentOf(one)).remarks).toEqual([])
  })
})

const ARRAY_FILTERS = [{ 'f._id': { $oid: FIRST_ID.toHexString() } }, { 's.name': 'gdrive' }]

describe('the command that mends it', () => {
  test.each<[string, object | undefined, object]>([
    [
      'deletes the tries of an exhausted record',
      { tries: 3 },
      { $unset: { 'files.$[f].sites.$[s].tries': '', 'files.$[f].sites.$[s].error': '' } },
    ],
    [
      'deletes tries that are no number',
      { tries: 'x' },
      { $unset: { 'files.$[f].sites.$[s].tries': '', 'files.$[f].sites.$[s].error': '' } },
    ],
    ['tries again at once', { tries: 1 }, { $unset: { 'files.$[f].sites.$[s].tries': '', 'files.$[f].sites.$[s].error': '' } }],
    ['ends a pause', { paused: true }, { $unset: { 'files.$[f].sites.$[s].paused': '' } }],
    ['resets a record', { created_dt: CREATED }, { $set: { 'files.$[f].sites.$[s]': { name: 'gdrive' } } }],
    ['asks for a file', undefined, { $push: { 'files.$[f].sites': { name: 'gdrive' } } }],
  ])('in array shape %s', (_title, record, update) => {
    expect(sent(about(record).fix)).toEqual({
      collection: 'PRJ',
      filter: { _id: { $oid: SECOND_ID.toHexString() } },
      update,
      options: { arrayFilters: record === undefined ? ARRAY_FILTERS.slice(0, 1) : ARRAY_FILTERS },
    })
  })

  test.each<[string, object, object]>([
    ['deletes tries', { studio, gdrive: { tries: 3 } }, { $unset: { 'files.$[f].sites.gdrive.tries': '' } }],
    ['resets a record', { studio, gdrive: { created_dt: CREATED } }, { $set: { 'files.$[f].sites.gdrive': {} } }],
    ['asks for a file', { studio }, { $set: { 'files.$[f].sites.gdrive': {} } }],
  ])('in object shape %s', (_title, sites, update) => {
    const [explanation] = explained(documentOf([fileOf(sites)])).explanations
    expect(sent(explanation?.fix)).toMatchObject({ update, options: { arrayFilters: ARRAY_FILTERS.slice(0, 1) } })
  })

  test('there is none for what is only waiting', () => {
    expect(about({}).fix).toBeUndefined()
  })

  test.each<[unknown, unknown]>([
    ['a "quoted" text', 'a "quoted" text'],
    [7, 7],
  ])('names documents by whatever id they have: %j', (id, expected) => {
    const [explanation] = explained(documentOf([fileOf([studio], { _id: id })], { _id: id })).explanations
    expect(sent(explanation?.fix)).toMatchObject({ filter: { _id: expected }, options: { arrayFilters: [{ 'f._id': expected }] } })
  })

  test.each(SITE_NAMES.filter((name) => name !== 'studio' && name !== 'local_0'))(
    'touches that record alone, of a site named %j',
    (name) => {
      const settings = projectOf({ sites: sitesOf(siteOf('studio'), siteOf(name)) })
      for (const record of [{ tries: 3 }, { created_dt: CREATED }, undefined]) {
        const sites = plainOf([['studio', studio], ...(record ? [[name, record] as const] : [])])
        const [explanation] = explained(documentOf([fileOf(sites)]), settings).explanations
        const { update } = sent(explanation?.fix)
        const isPath = /^[^.$]/.test(name) && !name.includes('.')
        const paths = Array.isArray(update) ? [] : Object.values(update as Record<string, object>).flatMap((fields) => Object.keys(fields))
        expect([...new Set(paths.map((path) => path.replace(/\.(?:tries|error)$/, '')))]).toEqual(
          isPath ? [`files.$[f].sites.${name}`] : [],
        )
        expect(explanation?.fix).toContain(isPath ? 'arrayFilters' : `$literal: ${JSON.stringify(name)}`)
      }
    },
  )
})
