import { describe, expect, test } from 'vitest'

import type { Site } from '../../src/model/site.ts'
import { changeFilter, RAW_FIELDS } from '../../src/streams/change-filter.ts'
import { OwnResults } from '../../src/streams/own-results.ts'
import { recordWriter } from '../../src/streams/record-writer.ts'
import { entry, inArray, inObject, recordOf, representation, type Representation } from '../support/published.ts'
import { waitFor } from '../support/wait-for.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'

const FRAMES = ['sh010/a.1001.exr', 'sh010/a.1002.exr', 'sh010/a.1003.exr']

async function openStage(
  alternatives: readonly string[],
  sites: readonly (Partial<Site> & Pick<Site, 'name'>)[] = [],
  settings: Partial<Stage['settings']> = {},
): Promise<Stage> {
  return await Stage.open({ sites: [{ name: 'gdrive', alternativeSites: alternatives }, ...sites], settings })
}

async function sequence(stage: Stage, sites: unknown): Promise<Representation> {
  for (const path of FRAMES) await stage.file(path)
  return representation(FRAMES.map((path) => entry(`{root[work]}/${path}`, structuredClone(sites))))
}

describe('case 47: what arrives at a site is at its alternatives', () => {
  const names = ['sftp', 'a.b', '$x', `it's "q"`, 'žluťoučký kůň']
  const failed = { error: 'earlier', tries: 3, last_failed_dt: new Date(0), note: 'kept', id: 'old' }
  test.each([
    ['array', names.map((name) => ({ name, ...failed }))],
    ['object', Object.fromEntries(names.map((name) => [name, failed]))],
    ['plain object', { sftp: {} }],
  ])('%s: the records that exist are marked in the same update, in all files', async (shape, records) => {
    const stage = await openStage(shape === 'plain object' ? ['sftp', 'not-there'] : [...names, 'not-there'])
    const given = Array.isArray(records) ? inArray('gdrive', ...(records as { name: string }[])) : inObject({ gdrive: {}, ...records })
    const document = await sequence(stage, given)
    await stage.insert(document)
    const seen: boolean[] = []
    const stream = stage.project().watch([{ $match: { 'documentKey._id': document._id } }], { fullDocument: 'updateLookup' })
    stream.on('change', ({ fullDocument }: { fullDocument?: Representation }) => {
      for (const file of fullDocument?.files ?? []) {
        const [main, other] = ['gdrive', 'sftp'].map((site) => recordOf(file, site)?.['created_dt'] instanceof Date)
        seen.push(main === other)
      }
    })
    const running = await stage.start()
    for (const file of FRAMES.keys()) {
      await stage.synced(document, { file })
      for (const site of shape === 'plain object' ? ['sftp'] : names) {
        const record = await stage.record(document, { site, file })
        const kept = shape === 'plain object' ? {} : { note: 'kept', id: 'old' }
        expect(record).toEqual({ ...(shape === 'array' && { name: site }), ...kept, created_dt: expect.any(Date) as Date })
      }
      expect(await stage.record(document, { site: 'not-there', file })).toBeUndefined()
    }
    await stage.settle(running)
    await waitFor('changes', () => seen.length >= FRAMES.length)
    await stream.close()
    expect(seen).not.toContain(false)
    await running.stop()
  })

  test('a failure marks none', async () => {
    const stage = await openStage(['sftp'])
    await stage.file('another.ma')
    const document = representation([entry('{root[work]}/missing.ma', inArray('gdrive', 'sftp'))])
    await stage.insert(document)
    const running = await stage.start()
    await stage.until(document, 'a failure', ({ tries }) => tries === 1)
    expect(await stage.record(document, { site: 'sftp' })).toEqual({ name: 'sftp' })
    await running.stop()
  })

  test('an alternative of the publish site has the file already: it is marked, and nothing is sent', async () => {
    const stage = await openStage([])
    const studio = stage.settings.sites.get('studio') as Site
    const sites = new Map(stage.settings.sites)
      .set('sftp', { ...studio, name: 'sftp' })
      .set('studio', { ...studio, alternativeSites: ['sftp'] })
    const document = await sequence(stage, inArray('sftp'))
    await stage.insert(document)
    const running = await stage.start({ settings: { ...stage.settings, sites } })
    for (const file of FRAMES.keys()) await stage.synced(document, { site: 'sftp', file })
    for (const { site_sync: fields } of running.lines.of('transfer.succeeded')) expect(fields).toMatchObject({ sent_bytes: 0 })
    await running.stop()
  })

  test('an alternative of one that fails tries by itself, and marks it', async () => {
    const stage = await openStage(['sftp'], [{ name: 'sftp', root: new Map([['work', '/s']]) }])
    const document = await sequence(stage, [...inArray({ name: 'gdrive', tries: 3, error: 'no' }, 'sftp')])
    await stage.insert(document)
    const running = await stage.start()
    for (const file of FRAMES.keys()) {
      await stage.synced(document, { site: 'sftp', file })
      expect(Object.keys(await stage.synced(document, { file })).toSorted()).toEqual(['created_dt', 'name'])
    }
    await running.stop()
  })

  test('a pause of one name leaves the others alone, and what arrives at them is marked there, too', async () => {
    const stage = await openStage(['sftp'], [{ name: 'sftp', root: new Map([['work', '/s']]) }])
    const paused = { kind: 'pause', database: stage.db.databaseName, site: 'gdrive', who: 'anna', since: new Date(0) }
    await stage.state.collection('controls').insertOne({ _id: 'pause' as never, ...paused })
    const [both, alone] = [await sequence(stage, inArray('gdrive', 'sftp')), await sequence(stage, inArray('gdrive'))]
    await stage.insert(alone, both)
    const running = await stage.start()
    for (const file of FRAMES.keys()) for (const site of ['sftp', 'gdrive']) await stage.synced(both, { site, file })
    await stage.fence({ site: 'sftp' })
    expect(stage.spy().store.paths()).toEqual([])
    expect(await stage.record(alone)).toEqual({ name: 'gdrive' })
    await stage.state.collection('controls').deleteMany({})
    for (const file of FRAMES.keys()) await stage.synced(alone, { file })
    await running.stop()
  })

  test('a ring of three: one of them is sent the file, all are marked', async () => {
    const ring = [
      { name: 'C', alternativeSites: ['D'], root: new Map([['work', '/c']]) },
      { name: 'D', alternativeSites: ['gdrive'], root: new Map([['work', '/d']]) },
    ]
    const stage = await openStage(['C'], ring)
    const document = await sequence(stage, inArray('gdrive', 'C', 'D'))
    await stage.insert(document)
    const running = await stage.start()
    for (const file of FRAMES.keys()) for (const site of ['gdrive', 'C', 'D']) await stage.synced(document, { site, file })
    await stage.settle(running)
    const ends = running.lines
      .of('transfer.succeeded')
      .filter(({ site_sync: fields }) => fields?.['representation_id'] === String(document._id))
    expect(ends).toHaveLength(FRAMES.length)
    expect(running.lines.count('transfer.failed')).toBe(0)
    await running.stop()
  })
})

describe('the stream tells of marks as of what they are', () => {
  const names = ['sftp', 'nas']
  test.each([
    ['array', inArray('gdrive', ...names), names],
    ['object', inObject({ gdrive: { tries: 1 }, sftp: { tries: 1 }, nas: {} }), names],
    ['object with an odd name', inObject({ gdrive: { tries: 1 }, 'a.b': { tries: 1 }, nas: {} }), ['a.b', 'nas']],
  ])('%s: our own wake nobody, and leave nothing behind that would hide a foreign result', async (_shape, sites, alternatives) => {
    const stage = await Stage.open()
    const document = await sequence(stage, sites)
    const stream = stage.project().watch([...changeFilter], { fieldsAsRaw: RAW_FIELDS })
    await stream.tryNext()
    await stage.insert(document)
    await stream.next()
    const { _id: representationId } = document
    const missed: unknown[] = []
    const own = new OwnResults((each) => missed.push(each))
    const writer = recordWriter(stage.db, own)
    const until = new Date(Date.now() + 60_000)
    const isWritten = await Promise.all(
      document.files.map(async ({ _id: fileId, path }) => {
        const tries = Array.isArray(sites) ? {} : { tries: 1 }
        const address = { project: PROJECT, representationId, fileId, site: 'gdrive', alternatives, snapshot: tries }
        const shape = Array.isArray(sites) ? 'array' : 'object'
        return await writer.write({ address: { ...address, path: String(path), shape }, result: { kind: 'synced', id: 'x' }, until })
      }),
    )
    expect(isWritten).toEqual(FRAMES.map(() => ({ kind: 'written' })))
    await stage.project().updateOne({ _id: representationId }, { $set: { 'data.note': 'the last one' } })
    let ours = 0
    for (;;) {
      const { results } = (await stream.next()) as { results?: number }
      if (results === undefined) break
      expect(own.areOurs({ project: PROJECT, representationId }, results)).toBe(true)
      ours += results
    }
    await stream.close()
    expect(ours).toBe(FRAMES.length * 3)
    expect(own.areOurs({ project: PROJECT, representationId }, 1)).toBe(false)
    expect(missed).toEqual([])
  })
})
