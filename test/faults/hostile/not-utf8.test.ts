import { ObjectId, type Document } from 'mongodb'
import { expect, test } from 'vitest'

import { insertRaw, NOT_UTF8, sendCommand } from '../../support/not-utf8.ts'
import { entry, inArray, inObject, representation, wanted, type Representation } from '../../support/published.ts'
import { PROJECT, Stage, type Running } from '../../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../../support/service-process.ts'

const QUIET = { settings: { loopDelaySeconds: 3_600 } }
/** Bytes. Beyond it a new document does not come with its event. */
const LARGE = { filler: 'x'.repeat(8_192) }

interface Sample {
  readonly what: string
  readonly document: Representation
  /** What of it is served all the same, by the file's place. */
  readonly served: readonly number[]
  /** What the warning says; undefined: nothing that is read is broken. */
  readonly said?: RegExp
}

/** A good file after a bad one. */
function withGood(bad: unknown, good: string): Representation {
  return representation([bad, entry(`{root[work]}/${good}`, inArray('gdrive'))])
}

function samples(): readonly Sample[] {
  return [
    {
      what: 'path',
      document: withGood(entry(`{root[work]}/${NOT_UTF8}.ma`, inArray('gdrive')), 'beside-path.ma'),
      served: [1],
      said: /files\.0\.path is not valid UTF-8/,
    },
    {
      what: 'file id',
      document: withGood({ ...entry('{root[work]}/file-id.ma', inArray('gdrive')), _id: NOT_UTF8 }, 'beside-file-id.ma'),
      served: [1],
      said: /files\.0\._id is not valid UTF-8/,
    },
    {
      what: 'site name',
      document: representation([entry('{root[work]}/site-name.ma', inArray('gdrive', NOT_UTF8))]),
      served: [0],
      said: /files\.0\.sites\.2\.name is not valid UTF-8/,
    },
    {
      what: 'field name of a site',
      document: representation([entry('{root[work]}/site-field.ma', inObject({ gdrive: {}, [NOT_UTF8]: {} }))]),
      served: [0],
      said: /files\.0\.sites\.\S+: the name is not valid UTF-8/,
    },
    {
      what: 'error of an earlier attempt',
      document: representation([entry('{root[work]}/error.ma', inArray({ name: 'gdrive', error: `bad ${NOT_UTF8}` }))]),
      served: [0],
    },
    {
      what: 'error of an earlier attempt, object shape',
      document: representation([entry('{root[work]}/error-object.ma', inObject({ gdrive: { error: NOT_UTF8, id: NOT_UTF8 } }))]),
      served: [0],
    },
    {
      what: 'name',
      document: representation([entry('{root[work]}/name.ma', inArray('gdrive'))], { name: NOT_UTF8 }),
      served: [0],
      said: /^not understood, left as it is: name is not valid UTF-8/,
    },
    {
      what: 'something that nobody reads',
      document: representation([entry('{root[work]}/data.ma', inArray('gdrive'), { [NOT_UTF8]: NOT_UTF8 })], { extra: { [NOT_UTF8]: 1 } }),
      served: [0],
    },
  ]
}

const plain = ({ path }: { readonly path: unknown }) => String(path).replace('{root[work]}/', '')

/** The files that can be sent, on the disk. */
async function withFiles(stage: Stage): Promise<readonly Sample[]> {
  const all = samples()
  for (const { document, served } of all) for (const place of served) await stage.file(plain(document.files[place] as never))
  return all
}

async function expectServed(stage: Stage, all: readonly Sample[]): Promise<void> {
  for (const { document, served } of all)
    for (const file of served) expect(await stage.synced(document, { file })).not.toHaveProperty('error')
}

function expectNamedOnce(running: Pick<Running, 'lines'>, all: readonly Sample[]): void {
  const warnings = running.lines.of('record.unreadable')
  for (const { what, document, said } of all) {
    const own = warnings.filter(({ site_sync: fields }) => fields?.representation_id === String(document._id))
    // Where nothing that is read is broken it may be told or not: a small new document is seen as a whole.
    expect([what, own.length]).toEqual([what, said ? 1 : Math.min(own.length, 1)])
    expect([what, ...own.map(({ message }) => said?.test(message) ?? true)]).toEqual([what, ...own.map(() => true)])
  }
}

/** Nothing was sent that nobody asked for by that name. */
function expectNothingElse(stage: Stage, all: readonly Sample[]): void {
  const good = new Set(all.flatMap(({ document, served }) => served.map((place) => plain(document.files[place] as never))))
  for (const upload of stage.spy().uploads) {
    const path = upload.replace('/My Drive/w/', '')
    expect(path.startsWith('fence/') || path.startsWith('good') || good.has(path)).toBe(true)
  }
  expect(new Set(stage.spy().uploads).size).toBe(stage.spy().uploads.length)
}

test.each([
  ['small', {}],
  ['large', LARGE],
])('published while the service runs, %s: the stream goes on, each is named once, and what is good is synced', async (_size, more) => {
  const stage = await Stage.open(QUIET)
  const running = await stage.start()
  const all = await withFiles(stage)
  for (const { document } of all) await insertRaw(stage.uri, stage.db.databaseName, PROJECT, { ...document, ...more })
  await stage.synced(await stage.publish('good.ma'))
  await expectServed(stage, all)
  await stage.settle(running)
  expectNamedOnce(running, all)
  expectNothingElse(stage, all)
  expect(running.lines.of('stream.lost', 'scan.failed', 'service.unexpected', 'transfer.failed', 'transfer.dropped')).toEqual([])
  await running.stop()
})

test.each(['run', 'once'] as const)('there before the service (%s): scans serve what is good and name each once', async (mode) => {
  const stage = await Stage.open()
  const all = await withFiles(stage)
  for (const { document } of all) await insertRaw(stage.uri, stage.db.databaseName, PROJECT, document)
  const good = await stage.publish('good.ma')
  const running = stage.launch({ mode, settings: { ...stage.settings, loopDelaySeconds: 0.3 } })
  await expectServed(stage, [...all, { what: 'good', document: good, served: [0] }])
  if (mode === 'run') await running.lines.scanned(2)
  if (mode === 'run') running.service.stop()
  expect(await running.ended).toMatchObject({ failed: 0 })
  expectNamedOnce(running, all)
  expectNothingElse(stage, all)
  expect(running.lines.of('stream.lost', 'scan.failed', 'service.unexpected', 'transfer.failed', 'transfer.dropped')).toEqual([])
})

test('an _id: never found by it, so it is named and left alone; in other projects too', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.3 } })
  const running = await stage.start()
  await stage.file('id.ma')
  for (const project of [PROJECT, 'other']) {
    for (const more of [{}, LARGE]) {
      const _id = `${NOT_UTF8}${Object.keys(more).length}`
      await insertRaw(stage.uri, stage.db.databaseName, project, { ...wanted('{root[work]}/id.ma'), ...more, _id })
    }
    await stage.fence({ project })
  }
  await running.lines.until('record.unreadable', 4)
  await running.lines.scanned(2)
  const warnings = running.lines.of('record.unreadable')
  expect(warnings.map(({ site_sync: fields }) => String(fields?.project)).toSorted((one, other) => one.localeCompare(other))).toEqual([
    'other',
    'other',
    PROJECT,
    PROJECT,
  ])
  for (const { message } of warnings) expect(message).toContain('its _id is not valid UTF-8')
  expect(stage.spy().uploads.filter((path) => path.includes('id.ma'))).toEqual([])
  expect(running.lines.of('stream.lost', 'scan.failed', 'service.unexpected')).toEqual([])
  await running.stop()
})

/** Updates that servers once failed to compare, in the order in which they are made. */
const UPDATES: Readonly<Record<string, Document>> = {
  'of a value': { $set: { 'data.note': NOT_UTF8 } },
  'of a field name': { $set: { [`files.0.sites.${NOT_UTF8}.tries`]: 1, [`data.${NOT_UTF8}`]: { [NOT_UTF8]: 1 } } },
  'of a removed field name': { $unset: { [`files.0.sites.${NOT_UTF8}.tries`]: '', [`data.${NOT_UTF8}`]: '' } },
  'of a record': { $set: { [`files.0.sites.${NOT_UTF8}`]: { created_dt: null } } },
  'of an error': { $set: { 'files.0.sites.gdrive.error': NOT_UTF8 } },
}

test('updates that bring such texts and names: the stream goes on, also in collections with such a name', async () => {
  const stage = await Stage.open(QUIET)
  const running = await stage.start()
  const _id = new ObjectId()
  await stage.insert({ ...representation([entry('{root[work]}/none.ma', { studio: {} })]), _id })
  for (const update of Object.values(UPDATES)) {
    await sendCommand(stage.uri, { update: PROJECT, updates: [{ q: { _id }, u: update }], $db: stage.db.databaseName })
    await stage.fence()
  }
  await insertRaw(stage.uri, stage.db.databaseName, `of ${NOT_UTF8}`, wanted('{root[work]}/none.ma'))
  await stage.settle(running)
  expect(
    running.lines.of('stream.lost', 'scan.failed', 'service.unexpected', 'transfer.started').map(({ site_sync: f }) => f?.path),
  ).toEqual(running.lines.of('transfer.succeeded').map(({ site_sync: f }) => f?.path))
  await running.stop()
})

test("the publish's own root: the file is not looked for elsewhere", async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 3_600, publishSite: 'elsewhere' } })
  const running = await stage.start()
  // No other site has it.
  const document = representation([entry('{root[work]}/a.ma', [{ name: 'gdrive' }])])
  await insertRaw(stage.uri, stage.db.databaseName, PROJECT, { ...document, context: { root: { work: `/${NOT_UTF8}` } } })
  const { error } = await stage.until(document, 'an error', ({ error: said }) => said !== undefined)
  expect(error).toContain('context.root.work in the document is not valid UTF-8')
  await running.stop()
})

test('status counts, and explain names what is not understood', async () => {
  const stage = await Stage.open()
  const [bad] = samples() as readonly [Sample]
  await insertRaw(stage.uri, stage.db.databaseName, PROJECT, {
    ...bad.document,
    files: [...bad.document.files, entry('{root[work]}/m', inArray('mirror'))],
  })
  const config = ['--config', await writeConfig(stage)]
  const explain = new ServiceProcess(['explain', String(bad.document._id), ...config])
  expect(await explain.end()).toBe(0)
  expect(explain.stdout).toContain('not understood, left as it is: files.0.path is not valid UTF-8')
  const status = new ServiceProcess(['status', '--json', ...config])
  expect([await status.end(), status.stderr]).toEqual([0, ''])
  expect(JSON.parse(status.stdout)).toMatchObject({ projects: [{ project: PROJECT, site: 'mirror', pending: 1 }] })
})
