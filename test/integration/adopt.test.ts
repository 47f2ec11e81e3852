import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { adoptFiles, noAdoptCounts } from '../../src/service/verify/adopt-files.ts'
import { lookingPool } from '../support/looking-pool.ts'
import { openProduction, recordsNow, SITE, type Adopting, type Production } from '../support/looked-production.ts'
import { entry, inArray, inObject, recordOf, representation, T0, type Representation, type SiteRecordJson } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { runsOf, writeConfig } from '../support/service-process.ts'
import { DOWN } from '../support/site-down.ts'

const FAILED = { error: 'the line broke', tries: 3, last_failed_dt: T0, progress: 0.5, mine: 'kept', priority: 80, paused: true }
const KEPT = { mine: 'kept', priority: 80, paused: true }

/** What stands at the site, by name; all have the content "content". */
const AT_SITE: Readonly<Record<string, string | undefined>> = {
  bare: 'content',
  failed: 'content',
  unasked: 'content',
  gone: undefined,
  'gone-unasked': undefined,
  other: 'CONTENT',
  short: 'con',
  marked: 'CONTENT',
}

const RECORDS: Readonly<Record<string, SiteRecordJson | undefined>> = {
  bare: {},
  failed: FAILED,
  gone: {},
  other: {},
  short: {},
  marked: { created_dt: T0, id: 'x' },
}

function sitesOf(shape: string, record: SiteRecordJson | undefined, site = SITE): unknown {
  if (shape === 'array') return record ? inArray({ name: site, ...record }) : inArray()
  return inObject(record ? { [site]: record } : {})
}

async function publish(production: Production, shape: string): Promise<Representation> {
  const { stage } = production.drive
  for (const [name, content] of Object.entries(AT_SITE)) {
    await stage.file(name, 'content')
    if (content !== undefined) await production.put(name, content)
  }
  const document = representation(
    Object.keys(AT_SITE).map((name) => entry(`{root[work]}/${name}`, sitesOf(shape, RECORDS[name]), { more: 1 })),
  )
  await stage.insert(document)
  return document
}

const withoutSites = (files: readonly Readonly<Record<string, unknown>>[]) => files.map(({ sites: _sites, ...rest }) => rest)

const leftOf = ({ left }: Adopting): Record<string, string> =>
  Object.fromEntries(left.map(({ path, finding }) => [path.replace('{root[work]}/', ''), finding]))

const LEFT = { gone: 'missing', 'gone-unasked': 'missing', other: 'different', short: 'different' }

describe.each(['local', 'memory', 'Drive'])('a site that is %s', (kind) => {
  test.each(['array', 'object'])('what is there with the same content is marked, as a success does it (%s shape)', async (shape) => {
    const production = await openProduction(kind)
    const { stage } = production.drive
    const document = await publish(production, shape)
    const before = await stage.raw(document)
    const counts = { looked: 7, adopted: 3, representations: 1, missing: 2, different: 2, unreachable: 0, alone: 0, skipped: 0, refused: 0 }
    const dry = await production.adopt({ isDryRun: true })
    expect([dry, leftOf(dry)]).toEqual([expect.objectContaining(counts), LEFT])
    expect((await stage.raw(document))?.equals(before as Buffer)).toBe(true)
    const adopted = await production.adopt()
    expect([adopted, leftOf(adopted)]).toEqual([expect.objectContaining(counts), LEFT])
    const is = { created_dt: expect.any(Date) as Date, id: expect.any(String) as string }
    expect(await recordsNow(production, document)).toEqual([is, { ...is, ...KEPT }, is, {}, undefined, {}, {}, { created_dt: T0, id: 'x' }])
    // In its own shape, and nothing else.
    const now = await stage.read(document)
    expect(withoutSites(now?.files ?? [])).toEqual(withoutSites(document.files))
    expect(now?.files.every(({ sites }) => Array.isArray(sites) === (shape === 'array'))).toBe(true)
    expect(await recordsNow(production, document, 'studio')).toEqual(document.files.map(() => ({ created_dt: T0 })))
    // What the provider calls it, as verify finds it there.
    expect(await production.verify()).toMatchObject({ records: 4, changed: 1, missing: 0 })
    // Once more adopts nothing.
    expect(await production.adopt()).toMatchObject({ looked: 4, adopted: 0, representations: 0 })
  })

  test('nothing is missing because the site is down, and nothing is marked', async () => {
    const production = await openProduction(kind)
    const document = await publish(production, 'array')
    const before = await production.drive.stage.raw(document)
    await DOWN[kind]?.(production)
    expect(await production.adopt()).toMatchObject({ looked: 7, adopted: 0, missing: 0, different: 0, unreachable: 7 })
    expect((await production.drive.stage.raw(document))?.equals(before as Buffer)).toBe(true)
  })
})

test.each(['array', 'object'])('a sequence of which nobody asked for a frame (%s shape)', async (shape) => {
  const production = await openProduction('local')
  const { stage } = production.drive
  const frames = Array.from({ length: 120 }, (_, n) => `seq/${n}.exr`)
  for (const frame of frames) {
    await stage.file(frame, frame)
    await production.put(frame, frame)
  }
  const document = representation(frames.map((frame) => entry(`{root[work]}/${frame}`, shape === 'array' ? inArray() : inObject({}))))
  await stage.insert(document)
  expect(await production.adopt()).toMatchObject({ looked: 120, adopted: 120, representations: 1, left: [] })
  const now = (await stage.read(document))?.files ?? []
  for (const [n, file] of now.entries()) {
    const id: unknown = recordOf(file, SITE)?.['id']
    expect([file.path, id]).toEqual([`{root[work]}/seq/${n}.exr`, `seq/${n}.exr`])
  }
  const shapes = new Set(
    now.map(({ sites }) => JSON.stringify(Array.isArray(sites) ? Object.keys(sites[1] as object) : Object.keys(sites as object))),
  )
  expect([...shapes]).toEqual([JSON.stringify(shape === 'array' ? ['name', 'created_dt', 'id'] : ['studio', SITE])])
})

test.each(['array', 'object'])('records of alternatives are marked in the same update (%s shape)', async (shape) => {
  const production = await openProduction('memory')
  const { stage } = production.drive
  const site = production.settings.sites.get(SITE)
  if (!site) throw new Error('no site')
  const settings = {
    ...production.settings,
    sites: new Map(production.settings.sites).set(SITE, { ...site, alternativeSites: ['alt', 'other'] }),
  }
  for (const name of ['a', 'b']) {
    await stage.file(name, 'content')
    await production.put(name, 'content')
  }
  const alt = { tries: 2, error: 'no', mine: 'kept' }
  const withAlt = (record: SiteRecordJson | undefined): unknown =>
    shape === 'array'
      ? inArray({ name: 'alt', ...alt }, ...(record ? [{ name: SITE, ...record }] : []))
      : inObject({ alt, ...(record && { [SITE]: record }) })
  const document = representation([entry('{root[work]}/a', withAlt(undefined)), entry('{root[work]}/b', withAlt({}))])
  await stage.insert(document)
  expect(await production.adopt({ settings })).toMatchObject({ adopted: 2 })
  const marked = { created_dt: expect.any(Date) as Date, mine: 'kept' }
  expect(await recordsNow(production, document, 'alt')).toEqual([marked, marked])
  expect(await recordsNow(production, document, 'other')).toEqual([undefined, undefined])
})

test('two files of one name on Drive are left to a person', async () => {
  const production = await openProduction('Drive')
  const { stage } = production.drive
  await stage.file('twice', 'content')
  await production.put('twice', 'content')
  await production.put('twice', 'content')
  const document = representation([entry('{root[work]}/twice', inArray(SITE))])
  await stage.insert(document)
  expect(leftOf(await production.adopt())).toEqual({ twice: 'different' })
  expect(await recordsNow(production, document)).toEqual([{}])
})

test('beside a running service: what was adopted is never sent', async () => {
  const stage = await Stage.open()
  const running = await stage.start()
  const documents = ['array', 'object'].map((shape) =>
    representation([entry(`{root[work]}/${shape}`, shape === 'array' ? inArray() : inObject({}))]),
  )
  for (const shape of ['array', 'object']) {
    await stage.file(shape, 'content')
    stage.spy().store.put(`/My Drive/w/${shape}`, Buffer.from('content'), T0)
  }
  await stage.insert(...documents)
  await using providers = lookingPool(stage)
  const counts = noAdoptCounts()
  const { db, settings } = stage
  const signal = new AbortController().signal
  const parts = { db, settings, selection: { site: 'gdrive' }, isDryRun: false, misconfigured: new Map(), providers, signal }
  for await (const one of adoptFiles(parts, counts)) expect(one).toBeUndefined()
  expect(counts).toMatchObject({ adopted: 2, representations: 2 })
  await stage.fence()
  expect(stage.spy().uploads.filter((path) => !path.includes('fence'))).toEqual([])
  expect(running.lines.of('transfer.started').filter(({ site_sync: fields }) => !String(fields?.['path']).includes('fence'))).toEqual([])
  await running.stop()
})

test('what nobody else has is not marked: there is nothing to compare it with', async () => {
  const production = await openProduction('memory')
  const { stage } = production.drive
  await production.put('a', 'content')
  const document = representation([entry('{root[work]}/a', [{ name: SITE }], { size: 7 })])
  await stage.insert(document)
  await mkdir(stage.studioPath(''), { recursive: true })
  expect(await production.adopt()).toMatchObject({ looked: 1, adopted: 0, alone: 1 })
  expect(await recordsNow(production, document)).toEqual([{}])
})

test('the publish site has files that came by another way: compared with the site that has them', async () => {
  const production = await openProduction('Drive')
  const { stage } = production.drive
  for (const name of ['same', 'other']) await production.put(name, 'content')
  await stage.file('same', 'content')
  await stage.file('other', 'CONTENT')
  const there = { name: SITE, created_dt: T0 }
  const document = representation(['same', 'other'].map((name) => entry(`{root[work]}/${name}`, [{ name: 'studio' }, there])))
  await stage.insert(document)
  expect(await production.adopt({ selection: { site: 'studio', all: true } })).toMatchObject({ adopted: 1, different: 1 })
  expect(await recordsNow(production, document, 'studio')).toEqual([{ created_dt: expect.any(Date) as Date, id: 'same' }, {}])
})

test.each([
  ['a skeleton', { name: SITE }],
  ['no record', undefined],
])('a document that changed meanwhile is skipped and counted (%s)', async (_what, record) => {
  const production = await openProduction('memory')
  const { stage } = production.drive
  await stage.file('a', 'content')
  await production.put('a', 'content')
  const document = representation([entry('{root[work]}/a', inArray(...(record ? [record] : [])))])
  await stage.insert(document)
  const now = { name: SITE, error: 'failed since', tries: 1 }
  stage.spy(SITE).gate = async ({ verb }) => {
    if (verb === 'stat') await stage.project('prj').updateOne({ _id: document._id }, { $set: { 'files.0.sites': inArray(now) } })
  }
  expect(await production.adopt()).toMatchObject({ looked: 1, adopted: 0, skipped: 1, left: [] })
  const { name: _name, ...rest } = now
  expect(await recordsNow(production, document)).toEqual([rest])
  stage.spy(SITE).gate = undefined
  expect(await production.adopt({ selection: { site: SITE, states: new Set(['failed']) } })).toMatchObject({ adopted: 1, skipped: 0 })
})

test('lists of texts, and what nobody can read, are left alone', async () => {
  const production = await openProduction('memory')
  const { stage } = production.drive
  await stage.file('a', 'content')
  await production.put('a', 'content')
  const odd: readonly unknown[] = [['studio'], 'studio', { studio: { created_dt: T0 }, [SITE]: 'here' }]
  const document = representation(odd.map((sites) => entry('{root[work]}/a', sites)))
  await stage.insert(document)
  const before = await stage.raw(document)
  expect(await production.adopt()).toMatchObject({ looked: 0, adopted: 0 })
  expect((await stage.raw(document))?.equals(before as Buffer)).toBe(true)
})

test('told to end, it ends; run again, it does the rest', async () => {
  const production = await openProduction('memory')
  const document = await publish(production, 'object')
  const controller = new AbortController()
  const { stage } = production.drive
  stage.spy(SITE).gate = ({ verb }) => {
    if (verb === 'stat') controller.abort()
  }
  expect(await production.adopt({ signal: controller.signal })).toMatchObject({ adopted: 0 })
  stage.spy(SITE).gate = undefined
  expect(await production.adopt()).toMatchObject({ adopted: 3 })
  expect((await recordsNow(production, document)).filter((record) => record?.['created_dt'])).toHaveLength(4)
})

test('the command: exit codes, one JSON value, an audit of what was written, and nothing is sent', async () => {
  const stage = await Stage.open()
  const root = join(stage.dir, 'gdrive')
  await mkdir(root)
  const gdrive = { provider: 'local_drive', root: { work: root } }
  const config = await writeConfig(stage, { general: { remote_site: 'gdrive' }, sites: { gdrive } })
  for (const name of ['a.ma', 'b.ma']) await stage.file(name)
  await copyFile(stage.studioPath('a.ma'), join(root, 'a.ma'))
  const documents = [
    representation([entry('{root[work]}/a.ma', inArray()), entry('{root[work]}/b.ma', inArray())]),
    representation([entry('{root[work]}/a.ma', inObject({ gdrive: {} }))]),
  ]
  await stage.insert(...documents)
  const run = runsOf('adopt', config)
  expect(await run('--all')).toMatchObject({ code: 2, stderr: expect.stringContaining('--site NAME') as string })
  expect(await run('--site', 'gdriv')).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "gdrive"') as string })
  const dry = await run('--site', 'gdrive', '--dry-run', '--json', '--yes')
  expect([dry.code, dry.stderr, JSON.parse(dry.stdout)]).toEqual([
    0,
    '',
    expect.objectContaining({ records: 2, representations: 2, adopted: 2, missing: 1, dry_run: true }),
  ])
  expect(await stage.state.collection('audit').countDocuments({})).toBe(0)
  const adopted = await run('--site', 'gdrive', '--json')
  expect([adopted.code, adopted.stderr.includes('controls.changed')]).toEqual([0, true])
  expect(JSON.parse(adopted.stdout)).toMatchObject({
    action: 'adopt',
    left: [{ project: 'prj', path: '{root[work]}/b.ma', site: 'gdrive', finding: 'missing' }],
    records: 2,
    representations: 2,
    adopted: 2,
    interrupted: false,
  })
  expect(await stage.state.collection('audit').find({}).toArray()).toMatchObject([
    { action: 'adopt', selection: { site: 'gdrive' }, records: 2, representations: 2, skipped: 0 },
  ])
  expect(await stage.record(documents[0] as Representation)).toMatchObject({ created_dt: expect.any(Date) as Date, id: 'a.ma' })
  expect(await run('--asset', 'nobody', '--site', 'gdrive')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('0 adopted') as string,
  })
  await writeFile(join(root, 'b.ma'), 'xxxx')
  expect(await run('--site', 'gdrive')).toMatchObject({ code: 1, stdout: expect.stringContaining('1 different') as string })
})
