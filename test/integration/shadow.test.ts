import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { Document } from 'mongodb'
import { expect, test } from 'vitest'

import { entry, inArray, inObject, representation, T0, type Representation } from '../support/published.ts'
import { ownSet } from '../support/own-set.ts'
import type { Stage } from '../support/service-harness.ts'
import { ServiceProcess, writeConfig } from '../support/service-process.ts'
import { waitFor } from '../support/wait-for.ts'

const own = ownSet({})

/** Names, sizes and times of all that is there, folders included. */
async function everything(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true })
  const described = ['', ...entries].map(async (name) => {
    const { mtimeNs, ctimeNs, size, ino } = await stat(join(folder, name), { bigint: true })
    return [name, ino, size, mtimeNs, ctimeNs].join(' ')
  })
  return (await Promise.all(described)).toSorted()
}

/** What was written to the set, by whomever, but for the server's own sessions and heartbeats. */
async function oplog(): Promise<Document[]> {
  const all = await own.client.db('local').collection('oplog.rs').find({}).toArray()
  return all.filter(({ op, ns }) => op !== 'n' && !String(ns).startsWith('config.'))
}

async function published(stage: Stage, path: string, sites: unknown = inArray('mirror')): Promise<Representation> {
  await stage.file(path)
  const document = representation([entry(`{root[work]}/${path}`, sites, { size: 4 })])
  await stage.insert(document)
  return document
}

async function shadowed(general: object = {}): Promise<{ stage: Stage; config: string; mirror: string }> {
  const stage = await own.stage()
  const mirror = join(stage.dir, 'mirror')
  await mkdir(join(mirror, 'old'), { recursive: true })
  await writeFile(join(mirror, 'old/one.ma'), 'old')
  return { stage, mirror, config: await writeConfig(stage, { general: { loop_delay: 0.3, ...general } }) }
}

test('publishes are reported, by scan and change stream, each once; no database, no oplog, no file knows of it', async () => {
  const { stage, config, mirror } = await shadowed()
  await published(stage, 'early.ma')
  await published(stage, 'failed.ma', inObject({ mirror: { tries: 1, error: 'e', last_failed_dt: T0 } }))
  await published(stage, 'done.ma', inArray({ name: 'mirror', created_dt: T0 }))
  const before = { oplog: await oplog(), mirror: await everything(mirror) }
  const service = new ServiceProcess(['run', '--shadow', '--config', config])
  await service.lines.until('stream.opened')
  await service.lines.until('shadow.transfer', 2)
  const late = await published(stage, 'late.ma')
  const wrong = representation([entry('{root[other]}/x.ma', inArray('mirror'))])
  await stage.insert(wrong)
  await service.lines.until('shadow.transfer', 3)
  await service.lines.until('shadow.failure')
  const studio = await everything(join(stage.dir, 'studio'))
  await service.lines.scanned(3)
  const told = service.lines.of('shadow.transfer').map(({ site_sync: fields }) => fields)
  expect(told.map((fields) => String(fields?.path)).toSorted()).toEqual([
    '{root[work]}/early.ma',
    '{root[work]}/failed.ma',
    '{root[work]}/late.ma',
  ])
  expect(told.find((fields) => fields?.path === '{root[work]}/late.ma')).toMatchObject({
    project: 'prj',
    representation_id: String(late._id),
    site: 'mirror',
    bytes: 4,
    tries: 0,
    source: stage.studioPath('late.ma'),
    target: join(mirror, 'late.ma'),
    would_set: ['created_dt', 'id'],
  })
  expect(service.lines.of('shadow.failure')).toMatchObject([
    { error: { code: 'BAD_ROOT' }, site_sync: { representation_id: String(wrong._id), would_set: ['error', 'tries', 'last_failed_dt'] } },
  ])
  service.signal('SIGTERM')
  expect([await service.end(), service.stderr, service.fault]).toEqual([0, '', undefined])
  // Of the whole set, since the service started: the two publishes of the test.
  const written = (await oplog()).slice(before.oplog.length)
  expect(written.map(({ op, ns, o }) => [op, ns, String((o as Document)['_id'])])).toEqual(
    [late, wrong].map(({ _id }) => ['i', `${stage.db.databaseName}.prj`, String(_id)]),
  )
  expect(await stage.state.listCollections().toArray()).toEqual([])
  expect(await stage.project().indexes()).toHaveLength(1)
  expect(await everything(mirror)).toEqual(before.mirror)
  expect(before.mirror.map((line) => line.split(' ')[0])).toEqual(['', 'old', 'old/one.ma'])
  expect(await everything(join(stage.dir, 'studio'))).toEqual(studio)
  expect(service.lines.count('transfer.started', 'transfer.failed', 'database.index')).toBe(0)
  expect(service.lines.of('service.started')[0]?.message).toContain('shadow')
})

test('beside the old server: what it does is no news, and what is asked for anew is told again', async () => {
  const { stage, config } = await shadowed({ loop_delay: 60 })
  const document = await published(stage, 'a.ma')
  const service = new ServiceProcess(['run', '--shadow', '--config', config])
  await service.lines.until('stream.opened')
  await service.lines.until('shadow.transfer')
  const set = async (record: object): Promise<void> =>
    void (await stage.project().updateOne({ _id: document._id }, { $set: { 'files.0.sites.1': { name: 'mirror', ...record } } }))
  await set({ created_dt: T0, id: 'a.ma' })
  await published(stage, 'b.ma')
  await service.lines.until('shadow.transfer', 2)
  await set({})
  await service.lines.until('shadow.transfer', 3)
  expect(service.lines.of('shadow.transfer').map(({ site_sync: fields }) => fields?.path)).toEqual([
    '{root[work]}/a.ma',
    '{root[work]}/b.ma',
    '{root[work]}/a.ma',
  ])
  const general = JSON.parse(await readFile(config, 'utf8')) as object
  await writeFile(config, JSON.stringify({ ...general, retry_cnt: 5 }))
  await service.lines.until('config.reloaded')
  await service.lines.until('stream.opened', 2)
  await waitFor('its end', async () => {
    service.signal('SIGTERM')
    return (await service.end()) === 0
  })
})
