import type { Document } from 'mongodb'
import { expect, test } from 'vitest'

import { loadSettings } from '../../src/config/load-settings.ts'
import { ADD, editedFiles, PAUSE, REMOVE, RESET, RESUME, RETRY, type EditedFiles, type RecordEdit } from '../../src/model/record-edit.ts'
import { parseSelection } from '../../src/model/selection.ts'
import { editRecords, knownNames, type EditCounts } from '../../src/service/edit-records.ts'
import { editUpdate } from '../../src/streams/edit-update.ts'
import { entry, inArray, inObject, recordOf, representation, T0, type Representation, type SiteRecordJson } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'

const FAILED = { tries: 3, error: 'Quota is used up', last_failed_dt: T0, mine: 'kept' }
const ODD = ['a.b', '$x', 'it\'s "x"', '__proto__']

interface Answer {
  readonly records: number
  readonly representations: number
  readonly skipped: number
}

async function run(config: string, ...args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const process = new ServiceProcess([...args, '--config', config])
  const code = await process.end()
  return { code, stdout: process.stdout, stderr: process.stderr }
}

async function answer(config: string, ...args: readonly string[]): Promise<Answer> {
  const { code, stdout, stderr } = await run(config, ...args, '--json')
  expect([code, stderr.includes('"stack"')]).toEqual([0, false])
  return JSON.parse(stdout) as Answer
}

const EDITS = {
  retry: RETRY,
  reset: RESET,
  'add-site': ADD,
  'remove-site': REMOVE,
  pause: PAUSE,
  resume: RESUME,
  priority: { kind: 'set', field: 'priority', value: 90 },
} as const satisfies Readonly<Record<string, RecordEdit>>

/** What a command does, without a process of its own. */
async function edited(
  { db }: Stage,
  config: string,
  edit: RecordEdit,
  given: Readonly<Record<string, unknown>>,
  dryRun = false,
): Promise<EditCounts> {
  const { settings } = await loadSettings(config, {})
  const selection = parseSelection(given, await knownNames(db, settings))
  return editRecords({ db, settings, selection, edit, dryRun, signal: new AbortController().signal })
}

async function filesOf(stage: Stage, { _id }: Representation): Promise<Representation['files']> {
  const document = (await stage.db.collection('prj').findOne({ _id } as Document)) as unknown as Representation
  return document.files
}

async function recordsOf(stage: Stage, document: Representation, site: string): Promise<readonly (SiteRecordJson | undefined)[]> {
  return (await filesOf(stage, document)).map((file) => recordOf(file, site))
}

async function configured(stage: Stage): Promise<string> {
  const sites = Object.fromEntries(ODD.map((name) => [name, { provider: 'local_drive', root: { work: `${stage.dir}/odd` } }]))
  return writeConfig(stage, { sites })
}

test('every edit, in both shapes, with any name of a site; oldest shape and unknown fields stay', async () => {
  const stage = await Stage.open()
  const config = await configured(stage)
  for (const site of ['mirror', 'a.b', '$x', 'it\'s "x"']) {
    const document = representation([
      entry('{root[work]}/a', inArray({ name: site, ...FAILED })),
      entry('{root[work]}/b', inObject({ [site]: FAILED })),
      entry('{root[work]}/c', ['studio', site]),
    ])
    await stage.insert(document)
    const id = String(document._id)
    const records = async () =>
      (await recordsOf(stage, document, site)).slice(0, 2).map((record) => record && { ...record, name: undefined })
    const change = async ([command]: readonly (keyof typeof EDITS)[]) =>
      edited(stage, config, EDITS[command ?? 'retry'], { representation: id, site })

    expect(await change(['pause'])).toMatchObject({ records: 2, representations: 1 })
    expect(await records()).toEqual([
      { ...FAILED, paused: true },
      { ...FAILED, paused: true },
    ])
    expect(await change(['priority'])).toMatchObject({ records: 2 })
    expect(await change(['resume'])).toMatchObject({ records: 2 })
    expect(await change(['retry'])).toMatchObject({ records: 2 })
    expect(await change(['retry'])).toMatchObject({ records: 0, representations: 0 })
    expect(await records()).toEqual([
      { last_failed_dt: T0, mine: 'kept', priority: 90 },
      { last_failed_dt: T0, mine: 'kept', priority: 90 },
    ])
    expect(await change(['add-site'])).toMatchObject({ records: 0 })
    expect(await change(['reset'])).toMatchObject({ records: 2 })
    expect(await records()).toEqual([{}, {}])
    expect(await change(['remove-site'])).toMatchObject({ records: 2 })
    expect(await records()).toEqual([undefined, undefined])
    expect(await change(['add-site'])).toMatchObject({ records: 2 })
    expect(await records()).toEqual([{}, {}])
    const files = await filesOf(stage, document)
    expect(files[2]).toEqual(document.files[2])
    expect(files.map(({ sites }) => Array.isArray(sites))).toEqual([true, false, true])
    expect(files.slice(0, 2).map((file) => recordOf(file, 'studio')?.['created_dt'])).toEqual([T0, T0])
  }
})

test(
  'a selection: what is said holds at once; error is plain text; --dry-run changes nothing; the audit tells who did what',
  { timeout: 120_000 },
  async () => {
    const stage = await Stage.open()
    const config = await writeConfig(stage)
    const one = representation([entry('{root[work]}/one.ma', inArray({ name: 'mirror', ...FAILED }))])
    const two = representation([entry('{root[work]}/two.ma', inObject({ mirror: { ...FAILED, error: 'a.*b' } }))], {
      context: { project: { name: 'prj' }, asset: 'tree', subset: 'look', version: 12 },
    })
    const three = representation([entry('{root[work]}/three.ma', inArray('mirror'))])
    for (const document of [one, two, three]) await stage.insert(document)
    const count = async (given: Readonly<Record<string, unknown>>) => (await edited(stage, config, RETRY, given, true)).records
    expect(await count({ all: true })).toBe(2)
    expect(await count({ error: 'quota IS' })).toBe(1)
    expect(await count({ error: '.*' })).toBe(1)
    expect(await count({ error: '^a' })).toBe(0)
    expect(await count({ asset: 'tree', version: 'v012' })).toBe(1)
    expect(await count({ asset: 'tree', error: 'Quota' })).toBe(0)
    expect(await count({ representation: 'tree/look/12/ma' })).toBe(1)
    expect(await count({ representation: '{root[work]}/one.ma' })).toBe(1)
    expect(await count({ representation: '/mnt/anywhere/one.ma' })).toBe(1)
    expect(await count({ representation: String(two._id) })).toBe(1)
    expect(await count({ state: 'exhausted', site: 'mirror' })).toBe(2)
    expect(await count({ state: 'pending,synced', project: 'prj' })).toBe(0)
    expect(await answer(config, 'retry', '--asset', 'tree', '--version', 'v012', '--dry-run')).toMatchObject({ records: 1 })
    expect(await recordsOf(stage, one, 'mirror')).toMatchObject([FAILED])
    expect(await recordsOf(stage, two, 'mirror')).toMatchObject([{ tries: 3 }])
    expect(await stage.state.collection('audit').countDocuments()).toBe(0)

    const done = await run(config, 'retry', '--error', 'quota')
    expect(done.stdout).toContain('1 records of 1 representations to be tried again')
    expect(done.stderr).toContain('controls.changed')
    const kept = await stage.state.collection('audit').find().toArray()
    expect(kept).toMatchObject([
      { at: expect.any(Date) as Date, action: 'retry', selection: { error: 'quota' }, records: 1, representations: 1 },
    ])
    expect(String(kept[0]?.['who'])).toContain('@')

    const nothing = await run(config, 'retry', '--asset', 'nobody')
    expect([nothing.code, nothing.stdout]).toEqual([0, 'Nothing matches the selection: 0 changed.\n'])
  },
)

test('wrong usage is 2 and says what is near; nothing selected is never everything', { timeout: 120_000 }, async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  await stage.insert(representation([entry('{root[work]}/a', inArray({ name: 'mirror', ...FAILED }))]))
  const fails = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await run(config, ...args)
    expect([code, stdout]).toEqual([2, ''])
    return stderr
  }
  expect(await fails('retry')).toContain('nothing is selected')
  expect(await fails('retry', '--site', 'miror')).toContain('did you mean "mirror"?')
  expect(await fails('retry', '--project', 'pry')).toContain('did you mean "prj"?')
  expect(await fails('retry', '--state', 'exhaust')).toContain('did you mean "exhausted"?')
  expect(await fails('add-site', '--site', 'mirror')).toContain('alone says where, not what')
  expect(await fails('remove-site', '--all')).toContain('needs "--site NAME"')
  expect(await fails('priority', '0', '--all')).toContain('from 1 to 1000')
})

test('a reset of what is there wants a yes', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const document = representation([entry('{root[work]}/a', inArray({ name: 'mirror', created_dt: T0, id: 'a' }))])
  await stage.insert(document)
  const refused = await run(config, 'reset', String(document._id))
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--yes')])
  expect(await recordsOf(stage, document, 'mirror')).toMatchObject([{ created_dt: T0 }])
  expect(await answer(config, 'reset', String(document._id), '--yes')).toMatchObject({ records: 1 })
  expect(await recordsOf(stage, document, 'mirror')).toEqual([{ name: 'mirror' }])
  // The source's own record is not what a reset without a site means.
  expect(await recordsOf(stage, document, 'studio')).toMatchObject([{ created_dt: T0 }])
})

test('two people who do opposite things at once end in a state that one of them asked for; a result meanwhile is not written over', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const sites = [inArray({ name: 'mirror', tries: 1 }), inObject({ mirror: { tries: 1 } })]
  const documents = sites.map((own) => representation(Array.from({ length: 20 }, (_, n) => entry(`{root[work]}/${n}`, own))))
  for (const document of documents) await stage.insert(document)
  for (let round = 0; round < 10; round++) {
    await Promise.all([PAUSE, RESUME].map(async (edit) => edited(stage, config, edit, { all: true, site: 'mirror' })))
    for (const document of documents) {
      const paused = (await recordsOf(stage, document, 'mirror')).map((record) => record?.['paused'])
      expect([[...new Set(paused)], paused.length]).toEqual([[paused[0]], 20])
    }
  }
  const [document] = documents as [Representation]
  const [chosen] = editedFiles(document.files, RESET, { selection: {}, sites: ['mirror'], retryCount: 3 })
  const { filter, update, arrayFilters } = editUpdate(document._id, RESET, chosen as EditedFiles)
  await edited(stage, config, RESUME, { all: true })
  await stage.db.collection('prj').updateOne({ _id: document._id }, { $set: { 'files.3.sites.1.created_dt': T0 } })
  const written = await stage.db.collection('prj').updateOne(filter, update, arrayFilters ? { arrayFilters } : {})
  expect(written.matchedCount).toBe(0)
  expect((await recordsOf(stage, document, 'mirror')).map((record) => record?.['tries'])).toEqual(Array.from({ length: 20 }, () => 1))
})

/** The same database; something happens before each request that writes to several documents. */
function withBulkWrite(real: Stage['db'], before: (request: unknown) => Promise<void>): Stage['db'] {
  const collectionOf = (project: string) =>
    new Proxy(real.collection(project), {
      get: (collection, method) => {
        const value: unknown = Reflect.get(collection, method)
        if (method !== 'bulkWrite') return typeof value === 'function' ? (value.bind(collection) as unknown) : value
        return async (...args: Parameters<typeof collection.bulkWrite>) => {
          await before(args[0])
          return collection.bulkWrite(...args)
        }
      },
    })
  return new Proxy(real, { get: (db, name) => (name === 'collection' ? collectionOf : (Reflect.get(db, name) as unknown)) })
}

test('many documents in few requests: what changed meanwhile is skipped and counted, a stop ends it, and the next run does the rest', async () => {
  const stage = await Stage.open()
  const { settings } = await loadSettings(await configured(stage), {})
  const made = Array.from({ length: 1_000 }, (_, n) => {
    const sites = n % 2 === 0 ? inArray({ name: 'mirror', ...FAILED }) : inObject({ mirror: FAILED })
    return representation(Array.from({ length: 1 + (n % 3) }, (_file, at) => entry(`{root[work]}/${n}.${at}`, sites)))
  })
  const files = made.flatMap((document) => document.files).length
  await stage.insert(...made)
  await stage.insert(representation([entry('{root[work]}/there', inArray({ name: 'mirror', created_dt: T0 }))]))
  const controller = new AbortController()
  const parts = { db: stage.db, settings, dryRun: false, edit: RETRY, selection: { error: 'quota', site: 'mirror' } }
  const left = async () =>
    (await stage.db.collection('prj').find().toArray()).flatMap((document) =>
      (document['files'] as Representation['files']).filter((file) => recordOf(file, 'mirror')?.['tries'] === 3),
    ).length
  // While the first request is on its way: further documents are still to be read.
  const stopping = withBulkWrite(stage.db, async () => Promise.resolve(controller.abort()))
  const stopped = await editRecords({ ...parts, db: stopping, signal: controller.signal })
  expect(await left()).toBe(files - stopped.records)
  expect(stopped.records).toBeLessThan(files)
  expect(stopped.records).toBeGreaterThan(0)

  // Read, and then changed by somebody else before its request is sent.
  const [changed] = made.filter(({ files: [file] }) => file !== undefined).toReversed()
  const before = await left()
  const { signal } = new AbortController()
  const meanwhile = withBulkWrite(stage.db, async (request) => {
    if (!JSON.stringify(request).includes(String(changed?._id))) return
    const shape = Array.isArray(changed?.files[0]?.['sites']) ? 'files.0.sites.1' : 'files.0.sites.mirror'
    const failedAgain = { $set: { [`${shape}.last_failed_dt`]: new Date() } }
    await stage.db.collection('prj').updateOne({ _id: changed?._id } as Document, failedAgain)
  })
  const done = await editRecords({ ...parts, db: meanwhile, signal })
  const kept = changed?.files.length ?? 0
  expect(done).toMatchObject({ skipped: 1, refused: 0, records: before - kept })
  expect(await left()).toBe(kept)
  const rest = await editRecords({ ...parts, signal })
  expect(rest).toMatchObject({ skipped: 0, records: kept, representations: 1, looked: 1 })
  expect(await left()).toBe(0)
})

test('files that were selected and can not be edited are counted and named, and the others are edited', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const failed = inArray({ name: 'mirror', ...FAILED })
  const [twin, other] = [entry('{root[work]}/twin', failed), entry('{root[work]}/other', inArray({ name: 'mirror' }))]
  const { _id: _none, ...nameless } = entry('{root[work]}/nameless', failed)
  const odd = {
    ...representation([]),
    files: [
      entry('{root[work]}/good', failed),
      nameless,
      twin,
      { ...other, _id: twin._id },
      entry('{root[work]}/null', null),
      entry('{root[work]}/names', ['mirror']),
    ],
  }
  const alike = { ...representation([]), files: [twin, { ...twin, path: '{root[work]}/alike' }] }
  await stage.insert(odd as unknown as Representation, alike)

  const tried = await run(config, 'retry', '--all', '--site', 'mirror')
  expect(tried.code).toBe(0)
  expect(tried.stdout.split('\n')).toEqual([
    '3 records of 2 representations to be tried again.',
    "2 files can't be edited, as they stand in their documents, and were left as they are.",
    '',
  ])
  const id = odd._id.toHexString()
  expect(tried.stderr).toContain(`prj: ${id}: files.1 has no _id: it can't be edited`)
  expect(tried.stderr).toContain(`prj: ${id}: files.2 has the _id of another file: it can't be edited`)
  const tries = (await recordsOf(stage, odd as unknown as Representation, 'mirror')).map((record) => record?.['tries'])
  expect(tries).toEqual([undefined, 3, 3, undefined, undefined, undefined])
  for (const record of await recordsOf(stage, alike, 'mirror')) expect(record).not.toHaveProperty('tries')

  const added = await edited(stage, config, ADD, { all: true, site: 'local_0' }, true)
  expect(added).toMatchObject({ records: 5, uneditable: 3 })
})
