import type { Document } from 'mongodb'
import { expect, test } from 'vitest'

import { connectPatiently } from '../../src/streams/connect.ts'
import { createIndexes, wantedIndexes } from '../../src/streams/indexes.ts'
import { pendingQueries, unreadableQuery } from '../../src/streams/pending-query.ts'
import { scanProject } from '../../src/streams/scan.ts'
import { objectOf } from '../support/any-document.ts'
import { ownDatabase, type TestDatabase } from '../support/mongo.ts'
import { entry, inArray, inObject, representation, T0, wanted, type Representation } from '../support/published.ts'
import { PROJECT, Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const SITES = ['gdrive', 'nas'].map((name) => ({ name, provider: 'memory', root: new Map([['work', '/w']]), alternativeSites: [] }))
const SETTINGS = {
  enabled: true,
  localId: 'l',
  publishSite: 'studio',
  remoteSite: 'gdrive',
  retryCount: 3,
  sites: new Map(SITES.map((site) => [site.name, site])),
}

const sites = {
  array: (record: Document) => inArray({ name: 'gdrive', ...record }, { name: 'nas', created_dt: T0 }),
  object: (record: Document) => inObject({ gdrive: record, nas: { created_dt: T0 } }),
}

/** 20,000 documents of which 10 are pending, and two of these urgent; 3,000 have no tries left. */
async function filled({ db, client }: TestDatabase, shape: keyof typeof sites): Promise<void> {
  const collection = db.collection(PROJECT)
  await collection.insertOne({ type: 'asset' })
  await createIndexes(client, db.databaseName, PROJECT, wantedIndexes(SETTINGS))
  const documents = Array.from({ length: 20_000 }, (_, n) => {
    const exhausted = { tries: 3 + (n % 2), error: 'boom', last_failed_dt: T0, ...(n % 3 === 0 && { priority: 80 }) }
    const record = n % 2_000 === 7 ? { ...(n < 4_000 && { priority: 90 }) } : n % 7 === 0 ? exhausted : { created_dt: T0, id: `${n}` }
    return representation([entry(`{root[work]}/${n}`, sites[shape](record))])
  })
  await collection.insertMany(documents, { ordered: false })
}

test.each(['array', 'object'] as const)('a scan costs what is pending, not what exists (%s shape)', async (shape) => {
  const database = await ownDatabase()
  await filled(database, shape)
  const collection = database.db.collection(PROJECT)
  const costs = await Promise.all(
    [...pendingQueries('gdrive', 3), ...pendingQueries('nas', 3), { filter: unreadableQuery, urgent: false }].map(
      async ({ filter, urgent }) => {
        const { executionStats, queryPlanner } = await collection.find(filter as Document).explain('executionStats')
        const { nReturned, totalDocsExamined, totalKeysExamined } = executionStats as Record<string, number>
        return { urgent, nReturned, totalDocsExamined, totalKeysExamined, usesIndex: JSON.stringify(queryPlanner).includes('"IXSCAN"') }
      },
    ),
  )
  for (const cost of costs) {
    expect(cost.usesIndex).toBe(true)
    expect(cost.totalDocsExamined).toBeLessThanOrEqual(50)
    expect(cost.totalKeysExamined).toBeLessThanOrEqual(200)
  }
  const found = costs.reduce((sum, { nReturned, urgent }) => sum + (urgent ? 0 : (nReturned ?? 0)), 0)
  expect(found).toBe(10)
  expect(costs.reduce((sum, { nReturned, urgent }) => sum + (urgent ? (nReturned ?? 0) : 0), 0)).toBe(2)
})

function wantedBy(name: string, record: Document = {}): Document[] {
  return [
    representation([entry('{root}/a', inArray({ name, ...record }))]),
    representation([
      entry(
        '{root}/b',
        objectOf([
          ['studio', { created_dt: T0 }],
          [name, record],
        ]),
      ),
    ]),
  ]
}

test('a scan finds what is pending in either shape and under any name, and nothing else', async () => {
  const { db } = await ownDatabase()
  const names = ['a.b', '$x', 'ž', '__proto__', 'x y', 'toString']
  const named = new Map(names.map((name) => [name, { name, provider: 'memory', root: '/w', alternativeSites: [] }]))
  const pending = names.flatMap((name) => [...wantedBy(name), ...wantedBy(name, { created_dt: null, tries: 2, priority: 60 })])
  const others = names.flatMap((name) => [...wantedBy(name, { created_dt: T0 }), ...wantedBy(`${name}!`)])
  await db.collection(PROJECT).insertMany([...pending, ...others])
  const request = { unreadable: true, wants: () => true }
  const found = new Set<string>()
  for await (const page of scanProject(db, PROJECT, { ...SETTINGS, sites: named }, request, new AbortController().signal)) {
    for (const { _id } of page) found.add(String(_id))
  }
  for (const { _id } of pending) expect(found).toContain(String(_id))
  expect(found.size).toBe(pending.length)
})

test('where the last scan found nothing open the next asks once for each site and shape; what is open then comes as ever', async () => {
  const database = await ownDatabase({ monitorCommands: true })
  const { db, client } = database
  let finds = 0
  client.on('commandStarted', ({ commandName }) => void (finds += commandName === 'find' ? 1 : 0))
  const empty = new Set<string>()
  const scanned = async (wants = (_urgent: boolean): boolean => true) => {
    finds = 0
    const pages: string[] = []
    const request = { unreadable: true, empty, wants: (_site: string, urgent: boolean) => wants(urgent) }
    for await (const page of scanProject(db, PROJECT, SETTINGS, request, new AbortController().signal))
      pages.push((page as readonly Representation[]).map(({ files: [file] }) => file?.path).join())
    return { finds, pages }
  }
  await db.collection(PROJECT).insertOne(representation([entry('{root}/done', inArray({ name: 'gdrive', created_dt: T0 }))]))
  // Nobody knows what there is where nobody asked.
  expect(await scanned((urgent) => urgent)).toMatchObject({ pages: [] })
  expect(await scanned()).toEqual({ finds: 2 * 5 + 1, pages: [] })
  expect(await scanned()).toEqual({ finds: 2 * 2 + 1, pages: [] })
  await db
    .collection(PROJECT)
    .insertMany([
      representation([entry('{root}/late', inArray({ name: 'gdrive' }))]),
      representation([entry('{root}/urgent', inObject({ gdrive: { priority: 51 } }))]),
    ])
  const all = ['{root}/urgent', '{root}/late', '{root}/urgent']
  expect(await scanned()).toEqual({ finds: 1 + 5 + 2 + 1, pages: all })
  expect(await scanned()).toEqual({ finds: 5 + 2 + 1, pages: all })
})

test('indexes "off": none is made, and the commands that would make them are in the log', async () => {
  const stage = await Stage.open({ settings: { indexes: 'off', loopDelaySeconds: 0.1 } })
  const document = await stage.publish('a.ma')
  const running = await stage.start()
  await stage.synced(document)
  const line = await running.lines.until('database.index')
  await running.lines.scanned(2)
  const commands = line.site_sync?.['commands'] as string[]
  expect(commands).toHaveLength(4)
  expect(commands[0]).toMatch(/^db\.getCollection\("prj"\)\.createIndex\(/)
  expect(line.message).toContain(commands[0])
  expect(running.lines.count('database.index')).toBe(1)
  expect((await stage.project().indexes()).map(({ name }) => name)).toEqual(['_id_'])
  await running.stop()
})

test('indexes "auto": made once, as the log says', async () => {
  const stage = await Stage.open()
  const document = await stage.publish('a.ma')
  const running = await stage.start()
  await stage.synced(document)
  await running.lines.until('database.index')
  const names = (await stage.project().indexes()).map(({ name }) => name)
  expect(names).toEqual(['_id_', 'site_sync_pending', 'site_sync_unreadable', 'site_sync_pending.gdrive', 'site_sync_pending.studio'])
  await running.stop()
  const again = await stage.start()
  await stage.settle(again)
  await again.stop()
  expect(again.lines.count('database.index')).toBe(0)
})

test('a collection that was dropped is never made again, neither by an index nor by a late result', async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 0.1 } })
  const document = await stage.publish('a.ma')
  stage.spy().hold()
  const running = await stage.start()
  await waitFor('the upload', () => stage.spy().writes.now === 1 && running.lines.count('transfer.started') > 0)
  await running.lines.until('database.index')
  await stage.project().drop()
  const client = connectPatiently(stage.uri)
  expect(await createIndexes(client, stage.db.databaseName, PROJECT, wantedIndexes(SETTINGS))).toMatchObject({ created: [] })
  await client.close()
  stage.spy().release()
  await running.lines.until('transfer.dropped')
  await running.lines.scanned(2)
  expect(await stage.db.listCollections({ name: PROJECT }).toArray()).toEqual([])
  // A new one of that name is a project like any other.
  await stage.insert(document)
  await stage.synced(document)
  await running.stop()
})

test('a renamed collection is scanned under its new name', async () => {
  const stage = await Stage.open({ settings: { projects: { include: ['*'], exclude: ['draft'], overrides: new Map() } } })
  await stage.file('a.ma')
  const document = wanted('{root[work]}/a.ma')
  await stage.project('draft').insertOne(document)
  const running = await stage.start()
  await running.lines.until('scan.finished')
  await stage.project('draft').rename('film')
  await stage.synced(document, { project: 'film' })
  expect(stage.spy().uploads).toEqual(['/My Drive/w/a.ma'])
  await running.stop()
})
