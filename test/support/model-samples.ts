import * as fc from 'fast-check'
import { Binary, Decimal128, Long, ObjectId, UUID } from 'mongodb'

import type { RepresentationDocument } from '../../src/model/document.ts'
import type { ProjectSettings } from '../../src/model/settings.ts'
import type { Root, Site } from '../../src/model/site.ts'
import type { Transfer } from '../../src/model/transfer.ts'

/** Names that break naive code, beside everyday ones. */
export const SITE_NAMES = [
  'studio',
  'gdrive',
  'nas',
  'local_0',
  'a.b',
  '$x',
  '__proto__',
  'constructor',
  `it's "q"`,
  'žluťoučký kůň',
  '',
] as const

export const FIRST_ID = new ObjectId('64f0c0ffee01234567890001')
export const SECOND_ID = new ObjectId('64f0c0ffee01234567890002')
export const CREATED = new Date('2024-01-01T00:00:00.000Z')

// Builders

export function siteOf(name: string, more: Partial<Site> = {}): Site {
  return { name, provider: 'memory', root: new Map([['work', `/${name}`]]), alternativeSites: [], ...more }
}

export function sitesOf(...sites: readonly Site[]): ReadonlyMap<string, Site> {
  return new Map(sites.map((site) => [site.name, site]))
}

/** Publishes at `studio`, sends to `gdrive` and `nas`. */
export function projectOf(more: Partial<ProjectSettings> = {}): ProjectSettings {
  return {
    enabled: true,
    localId: 'local_0',
    publishSite: 'studio',
    remoteSite: 'gdrive',
    retryCount: 3,
    sites: sitesOf(siteOf('studio'), siteOf('gdrive'), siteOf('nas')),
    ...more,
  }
}

export function fileOf(sites: unknown, more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { _id: FIRST_ID, path: '{root[work]}/p/a.ma', sites, ...more }
}

export function documentOf(files: unknown, more: Partial<RepresentationDocument> = {}): RepresentationDocument {
  return { _id: SECOND_ID, type: 'representation', name: 'ma', files, ...more }
}

let made = 0

/** A transfer from `studio`, of its own place and record unless told otherwise. */
export function transferOf(more: Partial<Transfer> = {}): Transfer {
  const n = ++made
  const site = more.site ?? 'gdrive'
  const path = more.path ?? `{root[work]}/p/${n}.ma`
  const below = path.replace(/^\{root[^}]*\}\//, '')
  return {
    key: `PRJ/${n}/${site}`,
    targetKey: `${site}\0${n}`,
    representationKey: `PRJ/${n}`,
    project: 'PRJ',
    representationId: `rep-${n}`,
    fileId: `file-${n}`,
    path,
    site,
    shape: 'array',
    snapshot: {},
    priority: 50,
    tries: 0,
    lastFailed: undefined,
    size: undefined,
    route: {
      source: { root: '/studio', path: below },
      sourceSite: siteOf('studio'),
      target: { root: `/${site}`, path: below },
      targetSite: siteOf(site),
    },
    ...more,
  }
}

/** An object with exactly these own fields, `__proto__` among them. */
export function plainOf(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
  return Object.fromEntries(entries) as Record<string, unknown>
}

/** Whoever writes to it, throws. Values with a class of their own stay as they are. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
  if (!isPlain) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}

// Arbitraries

/** Any value that a document may hold where another one belongs. */
const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown[]>(null, undefined, true, false, 0, 1, 2.0, -1, 2.5, Number.NaN, Infinity, '', '1', 'text', [], {}, [[]], [null]),
  fc.constantFrom<unknown[]>(
    CREATED,
    new Date(Number.NaN),
    FIRST_ID,
    new UUID('0e0e0e0e-0000-4000-8000-000000000000'),
    new Binary(Buffer.from([255, 254])),
    Long.fromString('9223372036854775807'),
    Decimal128.fromString('2'),
    /x/u,
    7n,
  ),
  fc.string(),
  fc.dictionary(fc.string({ maxLength: 4 }), fc.constantFrom<unknown[]>(1, null, 'x', CREATED), { maxKeys: 3 }),
)

const or = <T>(usual: fc.Arbitrary<T>, unusual: fc.Arbitrary<unknown> = anyValue): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 7, arbitrary: usual }, { weight: 1, arbitrary: unusual })

export const siteName: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('studio', 'gdrive', 'nas', 'local_0') },
  { weight: 2, arbitrary: fc.constantFrom<string[]>(...SITE_NAMES) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 5 }) },
)

const recordFields: fc.Arbitrary<Record<string, unknown>> = fc
  .record(
    {
      created_dt: or(fc.constantFrom<unknown[]>(CREATED, null)),
      tries: or(fc.constantFrom<unknown[]>(0, 1, 2.0, 3, 4, null, '1', '')),
      paused: or(fc.constantFrom<unknown[]>(true, false, null, 'true', 1)),
      priority: or(fc.integer({ min: -5, max: 1_200 })),
      error: or(fc.string()),
      last_failed_dt: or(fc.constant(CREATED)),
      id: or(fc.string()),
      progress: or(fc.double()),
      unknown: anyValue,
    },
    { requiredKeys: [] },
  )
  .map((fields) => ({ ...fields }))

const arraySites = fc.array(
  or(
    fc.tuple(siteName, recordFields).map(([name, fields]) => ({ name, ...fields })),
    fc.oneof(anyValue, fc.record({ name: anyValue }), siteName),
  ),
  { maxLength: 5 },
)
const objectSites = fc.array(fc.tuple(siteName, or(recordFields)), { maxLength: 5 }).map(plainOf)
const stringSites = fc.array(siteName, { maxLength: 5 })

const filePath: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '{root[work]}/p/a.ma',
    '{root}/p/a.ma',
    '{root[render]}/x',
    '{root[work]}/a{b}.ma',
    '{root[work]}/../../etc/x',
    '/mnt/abs/x',
    '{root[work]}/žluťoučký kůň.ma',
    '{root[__proto__]}/x',
    '',
  ),
  fc.nat(20).map((n) => `{root[work]}/seq/a.${n}.exr`),
)

const fileEntry = or(
  fc
    .record(
      {
        _id: or(fc.constantFrom<unknown[]>(FIRST_ID, SECOND_ID, 'text', 7)),
        path: or(filePath),
        size: anyValue,
        sites: or(fc.oneof(arraySites, objectSites, stringSites)),
      },
      { requiredKeys: ['path', 'sites'] },
    )
    .map((entry) => ({ ...entry })),
)

const anyRoot = fc.oneof(
  fc.constantFrom<unknown[]>('/mnt/doc', '', undefined, null, 7),
  fc.dictionary(fc.constantFrom('work', 'render', '__proto__'), or(fc.constant('/mnt/doc')), { maxKeys: 3 }),
)

/** A representation in which any part may be of any shape. */
export const anyDocument: fc.Arbitrary<RepresentationDocument> = fc
  .record({
    _id: or(fc.constantFrom<unknown[]>(FIRST_ID, 'text', 7)),
    type: or(fc.constant('representation'), fc.oneof(anyValue, fc.constant('archived_representation'))),
    context: or(fc.record({ root: anyRoot })),
    files: or(fc.array(fileEntry, { maxLength: 4 })),
  })
  .map((document) => ({ ...document }))

const configuredRoot: fc.Arbitrary<Root> = fc.constantFrom<Root[]>(
  '/mnt/single',
  new Map([['work', '/mnt/w']]),
  new Map([
    ['work', '/mnt/w'],
    ['render', '/mnt/r'],
  ]),
)

export const anyProject: fc.Arbitrary<ProjectSettings> = fc
  .record({
    enabled: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    localId: fc.constantFrom('local_0', 'nas'),
    publishSite: fc.oneof({ weight: 3, arbitrary: fc.constant('studio') }, { weight: 1, arbitrary: siteName }),
    remoteSite: fc.oneof({ weight: 9, arbitrary: fc.constant('gdrive') }, { weight: 1, arbitrary: fc.constantFrom('', 'studio', 'nas') }),
    retryCount: fc.nat(5),
    names: fc.uniqueArray(fc.tuple(siteName, configuredRoot), { selector: ([name]) => name, maxLength: 6 }),
  })
  .map(({ names, ...settings }) => ({ ...settings, sites: sitesOf(...names.map(([name, root]) => siteOf(name, { root }))) }))
