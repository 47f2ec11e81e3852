import { expect, test } from 'vitest'

import { PAUSE, RESET, RESUME, RETRY, type RecordEdit } from '../../src/model/record-edit.ts'
import { parseSelection } from '../../src/model/selection.ts'
import { editRecords, knownNames, type EditCounts } from '../../src/service/edit-records.ts'
import { failCommand } from '../support/fail-command.ts'
import { entry, inArray, inObject, representation, type Representation, type SiteRecordJson } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

/** Long enough that no regular scan finds what a command should have woken. */
const QUIET = { loopDelaySeconds: 3_600 }

async function edit({ db, settings }: Stage, what: RecordEdit, given: Readonly<Record<string, unknown>>): Promise<EditCounts> {
  const selection = parseSelection(given, await knownNames(db, settings))
  return editRecords({ db, settings, selection, edit: what, dryRun: false, signal: new AbortController().signal })
}

test.each(['array', 'object'] as const)(
  'a running service obeys: retry, pause during a transfer, resume and reset, %s shape',
  async (shape) => {
    const stage = await Stage.open({ settings: QUIET })
    const sites = (record: SiteRecordJson) => (shape === 'array' ? inArray({ name: 'gdrive', ...record }) : inObject({ gdrive: record }))
    await stage.file('a.ma')
    await stage.file('b.ma')
    const exhausted = representation([entry('{root[work]}/a.ma', sites({ tries: 3, error: 'boom' }))])
    const paused = representation([entry('{root[work]}/b.ma', sites({ paused: true }))])
    const running = stage.launch({ mode: 'run' })
    await running.lines.until('stream.opened')
    await stage.insert(exhausted, paused)

    expect(await edit(stage, RETRY, { state: 'exhausted', site: 'gdrive' })).toMatchObject({ records: 1 })
    await stage.synced(exhausted)

    stage.spy().hold()
    expect(await edit(stage, RESUME, { representation: String(paused._id) })).toMatchObject({ records: 1 })
    await waitFor('the upload', () => stage.spy().writes.now === 1 && running.lines.count('transfer.started') === 2)
    expect(await edit(stage, PAUSE, { representation: String(paused._id) })).toMatchObject({ records: 1 })
    await waitFor('the end of the transfer', () => running.lines.count('transfer.dropped', 'transfer.released') === 1)
    expect((await stage.record(paused))?.['tries']).toBeUndefined()
    stage.spy().release()
    expect(await edit(stage, RESUME, { representation: String(paused._id) })).toMatchObject({ records: 1 })
    await stage.synced(paused)

    // What is there is recognised, and marked again without sending.
    const { length } = stage.spy().uploads
    expect(await edit(stage, RESET, { representation: String(exhausted._id), site: 'gdrive' })).toMatchObject({ records: 1, created: 1 })
    await stage.synced(exhausted)
    expect(stage.spy().uploads).toHaveLength(length)
    await running.stop()
  },
)

test('case 46 by command: what is made urgent while it waits overtakes', async () => {
  const stage = await Stage.open({ sites: [{ name: 'gdrive', concurrency: 1 }, { name: 'nas' }], settings: QUIET })
  stage.spy().hold()
  const running = stage.launch({ mode: 'run' })
  await running.lines.until('stream.opened')
  const publish = async (name: string, priority: number): Promise<Representation> => stage.publish(name, { priority })
  const first = await publish('first.ma', 1_000)
  await waitFor('the first upload', () => stage.spy().writes.now === 1)
  const waiting = [await publish('low.ma', 10), await publish('middle.ma', 20)]
  await stage.fence({ site: 'nas' })
  const raise: RecordEdit = { kind: 'set', field: 'priority', value: 99 }
  expect(await edit(stage, raise, { representation: String(waiting[0]?._id), site: 'gdrive' })).toMatchObject({ records: 1 })
  await stage.fence({ site: 'nas' })
  stage.spy().release()
  for (const document of [first, ...waiting]) await stage.synced(document)
  expect(stage.spy().uploads.map((path) => path.split('/').at(-1))).toEqual(['first.ma', 'low.ma', 'middle.ma'])
  await running.stop()
})

/** So many take seconds. */
const COUNT = 4_000

test('interrupted by SIGINT it says how far it came, keeps that in the audit, and can be run again', { timeout: 120_000 }, async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  const documents = Array.from({ length: COUNT }, (_, n) => representation([entry(`{root[work]}/${n}`, inArray('mirror'))]))
  await stage.project().insertMany(documents)
  const countPaused = async (): Promise<number> => stage.project().countDocuments({ 'files.sites.paused': true })
  const command = new ServiceProcess(['pause', '--project', PROJECT, '--site', 'mirror', '--state', 'pending', '--config', config])
  await waitFor('the first records', async () => (await countPaused()) > 0)
  command.signal('SIGINT')
  expect(await command.end(60_000)).toBe(1)
  expect(command.stdout).toMatch(/Interrupted after \d+ representations/)
  const paused = await countPaused()
  expect(paused).toBeGreaterThan(0)
  expect(paused).toBeLessThan(COUNT)
  const [kept] = await stage.state.collection('audit').find().toArray()
  expect(kept).toMatchObject({ action: 'pause', interrupted: true, records: paused, representations: paused })

  const again = new ServiceProcess(['pause', '--project', PROJECT, '--site', 'mirror', '--state', 'pending', '--json', '--config', config])
  expect(await again.end(60_000)).toBe(0)
  expect(JSON.parse(again.stdout)).toMatchObject({ records: COUNT - paused, interrupted: false })
  expect(await countPaused()).toBe(COUNT)
})

test('what a fault ended is in the audit as well', async () => {
  const stage = await Stage.open()
  const config = await writeConfig(stage)
  await stage.insert(representation([entry('{root[work]}/a', inArray({ name: 'mirror', tries: 3 }))]))
  const { client } = stage.db
  const mend = await failCommand(client, {
    commands: ['update'],
    failure: 'closeConnection',
    namespace: `${stage.db.databaseName}.${PROJECT}`,
  })
  try {
    const command = new ServiceProcess(['retry', '--all', '--config', config])
    expect(await command.end(60_000)).toBe(1)
    expect(command.stderr).toContain('controls.changed')
  } finally {
    await mend()
  }
  expect(await stage.state.collection('audit').find().toArray()).toMatchObject([{ action: 'retry', records: 0, interrupted: true }])
})
