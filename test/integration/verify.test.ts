import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { MaxKey, MinKey } from 'mongodb'
import { describe, expect, test } from 'vitest'

import { ProviderPool } from '../../src/providers/provider-pool.ts'
import { readOnlyMemory } from '../../src/service/read-only-memory.ts'
import { selectedSlowly } from '../../src/streams/selected.ts'
import { array, element, object, text, type RawValue } from '../support/hostile-bson.ts'
import { openProduction, recordsNow, SITE, type Production, type Verified } from '../support/looked-production.ts'
import { entry, inArray, inObject, recordOf, representation, T0, type Representation } from '../support/published.ts'
import { rawBinary, rawDocument, TYPE } from '../support/raw-bson.ts'
import { Stage } from '../support/service-harness.ts'
import { runsOf, writeConfig } from '../support/service-process.ts'
import { DOWN } from '../support/site-down.ts'
import { Wire } from '../support/wire.ts'

const THERE = { name: SITE, created_dt: T0, id: 'x', mine: 'kept' }

const findingsOf = ({ found }: Verified): Record<string, string> =>
  Object.fromEntries(found.map(({ path, finding, mended }) => [path.replace('{root[work]}/', ''), `${finding}${mended ? ', mended' : ''}`]))

/** One file of each kind of trouble, and one that is as it should be; by name, as they stand at the site. */
const AT_SITE: Readonly<Record<string, string | undefined>> = { good: 'content', gone: undefined, other: 'CONTENT', short: 'con' }

async function publish(production: Production, shape: string): Promise<Representation> {
  const { stage } = production.drive
  const sites = (): unknown => (shape === 'array' ? inArray(THERE) : inObject({ [SITE]: { created_dt: T0, id: 'x', mine: 'kept' } }))
  for (const [name, content] of Object.entries(AT_SITE)) {
    await stage.file(name, 'content')
    if (content !== undefined) await production.put(name, content)
  }
  const pending = entry('{root[work]}/pending', inArray(SITE))
  const document = representation([...Object.keys(AT_SITE).map((name) => entry(`{root[work]}/${name}`, sites())), pending])
  await stage.insert(document)
  return document
}

const KEPT = { created_dt: T0, id: 'x', mine: 'kept' }

describe.each(['local', 'memory', 'Drive'])('a site that is %s', (kind) => {
  test.each(['array', 'object'])('what is wrong there is found, and mended where that is asked for (%s shape)', async (shape) => {
    const production = await openProduction(kind)
    const document = await publish(production, shape)
    const wrong = { gone: 'missing', other: 'changed', short: 'truncated' }
    const reported = await production.verify()
    expect(findingsOf(reported)).toEqual(wrong)
    expect(reported).toMatchObject({ records: 4, representations: 1, missing: 1, changed: 1, truncated: 1, mended: 0, not_looked: 0 })
    const mended = Object.fromEntries(Object.entries(wrong).map(([name, finding]) => [name, `${finding}, mended`]))
    expect(findingsOf(await production.verify({ mend: 'reset', isDryRun: true }))).toEqual(mended)
    // Neither wrote anything.
    expect(await recordsNow(production, document)).toEqual([KEPT, KEPT, KEPT, KEPT, {}])
    const reset = await production.verify({ mend: 'reset' })
    expect(findingsOf(reset)).toEqual(mended)
    expect(reset).toMatchObject({ mended: 3, mended_representations: 1 })
    expect(await recordsNow(production, document)).toEqual([KEPT, {}, {}, {}, {}])
    expect(await recordsNow(production, document, 'studio')).toEqual(Array.from({ length: 5 }, () => ({ created_dt: T0 })))
    // Once more changes nothing.
    expect(await production.verify({ mend: 'reset' })).toMatchObject({ records: 1, found: [], mended: 0 })
  })
})

test('two files of one name on Drive are found, and left to a person', async () => {
  const production = await openProduction('Drive')
  const { stage } = production.drive
  await stage.file('twice', 'content')
  await production.put('twice', 'content')
  await production.put('twice', 'content')
  const document = representation([entry('{root[work]}/twice', inArray(THERE))])
  await stage.insert(document)
  const verified = await production.verify({ mend: 'reset' })
  expect(findingsOf(verified)).toEqual({ twice: 'duplicated' })
  expect(await recordsNow(production, document)).toEqual([KEPT])
})

test('a file that came to Drive since its folder was listed is not missing', async () => {
  const production = await openProduction('Drive')
  const { stage } = production.drive
  await using providers = new ProviderPool({ memory: readOnlyMemory(), isSource: () => true, warn: () => undefined })
  await production.put('early', 'content')
  for (const name of ['early', 'late']) await stage.file(name, 'content')
  await stage.insert(representation([entry('{root[work]}/early', inArray(THERE))]))
  expect(await production.verify({ providers })).toMatchObject({ records: 1, found: [] })
  await production.put('late', 'content')
  await stage.insert(representation([entry('{root[work]}/late', inArray(THERE))]))
  expect(await production.verify({ providers })).toMatchObject({ records: 2, found: [] })
})

describe('a site that is down', () => {
  test.each(Object.keys(DOWN))('has no missing files (%s)', async (kind) => {
    const production = await openProduction(kind)
    const document = await publish(production, 'array')
    await DOWN[kind]?.(production)
    const verified = await production.verify({ mend: 'reset' })
    expect(verified).toMatchObject({ records: 4, not_looked: 4, missing: 0, changed: 0, truncated: 0, mended: 0 })
    expect(await recordsNow(production, document)).toEqual([KEPT, KEPT, KEPT, KEPT, {}])
  })

  test('is no measure for others: what can not be compared is not found changed', async () => {
    const production = await openProduction('memory')
    const document = await publish(production, 'array')
    const { stage } = production.drive
    await rename(stage.studioPath(''), `${stage.studioPath('')}-unmounted`)
    const verified = await production.verify({ mend: 'reset' })
    // That it is not there can be told without its source.
    expect(verified).toMatchObject({ missing: 1, not_looked: 3, changed: 0, truncated: 0, mended: 1 })
    expect(await recordsNow(production, document)).toEqual([KEPT, {}, KEPT, KEPT, {}])
  })
})

test('a document that changed meanwhile is skipped, and not told of', async () => {
  const production = await openProduction('memory')
  const document = await publish(production, 'array')
  const { stage } = production.drive
  let isChanged = false
  stage.spy(SITE).gate = async ({ verb, path }) => {
    if (verb !== 'stat' || !path.endsWith('gone') || isChanged) return
    isChanged = true
    await stage.project('prj').updateOne({ _id: document._id }, { $set: { 'files.1.sites': inArray({ name: SITE }) } })
  }
  for (const mend of ['report', 'reset'] as const) {
    isChanged = false
    await stage.project('prj').updateOne({ _id: document._id }, { $set: { 'files.1.sites': inArray(THERE) } })
    const verified = await production.verify({ mend })
    expect(verified).toMatchObject({ skipped: 1, missing: 0 })
    expect(findingsOf(verified)).not.toHaveProperty('gone')
  }
})

test('without a site: every site whose record says so; nothing is sent over what was published, and resend needs a source', async () => {
  const production = await openProduction('memory')
  const { stage } = production.drive
  await stage.file('changed', 'a longer content')
  await production.put('changed', 'a longer content')
  await production.put('restorable', 'content')
  const document = representation([
    entry('{root[work]}/changed', inArray(THERE), { size: 3 }),
    entry('{root[work]}/restorable', inArray(THERE), { size: 7 }),
    entry('{root[work]}/lost', inArray(THERE)),
  ])
  await stage.insert(document)
  const verified = await production.verify({ mend: 'resend', selection: { all: true } })
  expect(verified.found.map(({ site, path, finding, mended }) => `${site}: ${path.slice(13)} ${finding} ${mended}`).toSorted()).toEqual([
    `${SITE}: lost missing false`,
    'studio: changed changed false',
    'studio: lost missing false',
    'studio: restorable missing true',
  ])
  expect(await recordsNow(production, document, 'studio')).toEqual([{ created_dt: T0 }, {}, { created_dt: T0 }])
})

test('a changed original of the same size is found by any copy that differs, and is right where one is the same', async () => {
  const production = await openProduction('memory')
  const { stage } = production.drive
  for (const name of ['a', 'b']) await stage.file(name, 'CONTENT')
  for (const name of ['a', 'b']) production.drive.drive.addFile(name, 'content', { parent: production.drive.w })
  await production.put('a', 'content')
  await production.put('b', 'CONTENT')
  const document = representation(
    ['a', 'b'].map((name) => entry(`{root[work]}/${name}`, inArray(THERE, { name: 'gdrive', created_dt: T0 }), { size: 7 })),
  )
  await stage.insert(document)
  const verified = await production.verify({ selection: { site: 'studio', all: true }, mend: 'reset' })
  expect(verified.found.map(({ path, finding, why, mended }) => [path, finding, why, mended])).toEqual([
    ['{root[work]}/a', 'changed', `it has other content than at gdrive, ${SITE}`, false],
  ])
  expect(verified).toMatchObject({ records: 2, changed: 1, alone: 0 })
  expect(await recordsNow(production, document, 'studio')).toEqual([{ created_dt: T0 }, { created_dt: T0 }])
})

test.each(['local', 'memory', 'Drive'])('what no other site has is not reset, and named (%s)', async (kind) => {
  const production = await openProduction(kind)
  const { stage } = production.drive
  await production.put('short', 'con')
  const document = representation([entry('{root[work]}/gone', inArray(THERE)), entry('{root[work]}/short', inArray(THERE), { size: 7 })])
  await stage.insert(document)
  await mkdir(stage.studioPath(''), { recursive: true })
  for (const mend of ['reset', 'resend'] as const) {
    const verified = await production.verify({ mend })
    expect(findingsOf(verified)).toEqual({ gone: 'missing', short: 'truncated' })
    expect(verified.found.map(({ why }) => why.endsWith('; no other site is known to have it'))).toEqual([true, true])
    expect(verified).toMatchObject({ mended: 0, nowhere_else: 2 })
    expect(await recordsNow(production, document)).toEqual([KEPT, KEPT])
  }
})

test('told to end, it ends, and says what it did', async () => {
  const production = await openProduction('memory')
  await publish(production, 'array')
  const controller = new AbortController()
  production.drive.stage.spy(SITE).gate = ({ verb }) => {
    if (verb === 'stat') controller.abort()
  }
  const verified = await production.verify({ mend: 'reset', signal: controller.signal })
  expect(verified).toMatchObject({ missing: 0, mended: 0, found: [] })
})

test('a cursor is never old, and ids of all types are gone through once', async () => {
  const stage = await Stage.open()
  const own = Array.from({ length: 5 }, () => representation([])._id)
  const ids: unknown[] = [1, 2, 'a', 'b', ...own, new MinKey(), new MaxKey()]
  await stage.db.collection('prj').insertMany(ids.map((_id) => ({ ...representation([]), _id })) as object[])
  const unreadable: RawValue = [TYPE.binary, rawBinary(2, Buffer.from([3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]))]
  await using wire = await Wire.open(stage.uri)
  const document = object(element('_id', unreadable), element('type', text('representation')))
  const insert = [element('insert', text('prj')), element('documents', array([document])), element('$db', text(stage.db.databaseName))]
  expect((await wire.send(rawDocument(insert)))['n']).toBe(1)
  const seen: unknown[] = []
  for await (const { _id } of selectedSlowly(stage.db, 'prj', { all: true }, { sites: [], cursorMs: 0 })) seen.push(_id)
  expect(seen).toEqual([new MinKey(), 1, 2, 'a', 'b', undefined, ...own, new MaxKey()])
  expect(await Array.fromAsync(selectedSlowly(stage.db, 'prj', { all: true }, { sites: [], after: new MaxKey() }))).toEqual([])
})

test('the command: exit codes, one JSON value, and an audit of what was written', async () => {
  const stage = await Stage.open()
  const root = join(stage.dir, 'gdrive')
  await mkdir(root)
  const gdrive = { provider: 'local_drive', root: { work: root } }
  const config = await writeConfig(stage, { general: { remote_site: 'gdrive' }, sites: { gdrive } })
  await stage.file('a.ma')
  await copyFile(stage.studioPath('a.ma'), join(root, 'a.ma'))
  const document = representation([entry('{root[work]}/a.ma', inArray({ name: 'gdrive', created_dt: T0 }))])
  await stage.insert(document)
  const run = runsOf('verify', config)
  expect(await run('--all')).toMatchObject({ code: 0 })
  expect(await run('--asset', 'nobody')).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing matches') as string })
  expect(await run('--site', 'gdriv')).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean "gdrive"') as string })
  expect(await run()).toMatchObject({ code: 2 })
  expect(await run('--all', '--mend', 'resett')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('report, reset, resend') as string,
  })
  await writeFile(join(root, 'a.ma'), 'x')
  await rm(join(root, 'a.ma'))
  const reported = await run('--site', 'gdrive', '--json')
  expect([reported.code, reported.stderr]).toEqual([1, ''])
  expect(JSON.parse(reported.stdout)).toMatchObject({
    findings: [{ project: 'prj', path: '{root[work]}/a.ma', site: 'gdrive', finding: 'missing', mended: false }],
    records: 1,
    representations: 1,
    missing: 1,
    interrupted: false,
  })
  expect(await stage.state.collection('audit').countDocuments({})).toBe(0)
  const mended = await run('--site', 'gdrive', '--mend', 'reset', '--json')
  expect([mended.code, mended.stderr.includes('controls.changed')]).toEqual([1, true])
  const [audited] = await stage.state.collection('audit').find({}).toArray()
  expect(audited).toMatchObject({ action: 'verify', selection: { site: 'gdrive', mend: 'reset' }, records: 1, representations: 1 })
  const now = await stage.project('prj').findOne({ _id: document._id })
  expect(recordOf(now?.files[0], 'gdrive')).toEqual({ name: 'gdrive' })
})
