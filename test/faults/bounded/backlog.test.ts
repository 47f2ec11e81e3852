import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { ObjectId, type Collection, type Document } from 'mongodb'
import { afterEach, expect, test } from 'vitest'

import { nodeOptions } from '../../../bench/support/node-options.ts'
import { testDatabase } from '../../support/mongo.ts'
import { waitFor } from '../../support/wait-for.ts'

const BACKLOG = 50_000
const FOR_FAST = 4_000
/** What ten times the backlog may cost; 10 to 55 MiB were seen. How much of it is garbage is up to the collector. */
const MAX_MEMORY = 90 * 1024 * 1024

interface Line {
  readonly action?: string
  readonly site?: string
  readonly project?: string
  readonly path?: string
  readonly rss?: number
}

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

interface Watched {
  readonly lines: Line[]
  peak(): number
  stop(): Promise<void>
}

async function start(uri: string, database: string, state: string): Promise<Watched> {
  const program = join(import.meta.dirname, '../../support/backlog-service.ts')
  const child = spawn(process.execPath, [...nodeOptions(), program, uri, database, state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines: Line[] = []
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as Line))
  await waitFor('the service is ready', () => lines.some(({ action }) => action === 'service.ready'))
  return {
    lines,
    peak: () => Math.max(...lines.map(({ rss = 0 }) => rss)),
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

/** One file each. The whole backlog wants the stuck and the slow site; some of it the fast one too. */
function representations(project: string, count: number, forFast: number): Document[] {
  return Array.from({ length: count }, (_, index) => {
    const names = ['stuck', 'slow', ...(index < forFast ? ['fast'] : [])]
    const sites = [{ name: 'studio', created_dt: new Date() }, ...names.map((name) => ({ name }))]
    return { type: 'representation', files: [{ _id: new ObjectId(), path: `{root}/${project}/${index}.exr`, size: 1024, sites }] }
  })
}

async function insert(collection: Collection, documents: readonly Document[]): Promise<void> {
  for (let at = 0; at < documents.length; at += 5_000)
    await collection.insertMany(documents.slice(at, at + 5_000), { writeConcern: { w: 1 } })
}

const synced = (lines: readonly Line[], site: string): Line[] =>
  lines.filter((line) => line.action === 'transfer.succeeded' && line.site === site)

test(
  '50,000 pending: memory stays flat, a stuck and a slow site hold nobody up, projects are served in turn, urgent files go first',
  { timeout: 480_000 },
  async () => {
    // The same work with a tenth of the backlog: what is more than that is the backlog's.
    const small = await peakWith(BACKLOG / 10)

    await using database = await testDatabase()
    const { db } = database
    for (const project of ['alpha', 'beta']) await insert(db.collection(project), representations(project, BACKLOG / 2, FOR_FAST / 2))
    const service = await start(database.uri, db.databaseName, database.stateDb)

    // Half of it is done: both projects had their turn, and neither site was in the way.
    await waitFor('half of the fast site is done', () => synced(service.lines, 'fast').length >= FOR_FAST / 2, { withinMs: 240_000 })
    const first = synced(service.lines, 'fast').slice(0, FOR_FAST / 2)
    for (const project of ['alpha', 'beta']) expect(first.filter((line) => line.project === project).length).toBeGreaterThan(FOR_FAST / 8)

    // Among tens of thousands that wait for the slow site, one is urgent, and one becomes so.
    const urgent = {
      type: 'representation',
      files: [
        {
          _id: new ObjectId(),
          path: '{root}/urgent.exr',
          size: 1024,
          sites: [
            { name: 'studio', created_dt: new Date() },
            { name: 'slow', priority: 90 },
          ],
        },
      ],
    }
    await db.collection('alpha').insertOne(urgent)
    const last = `{root}/beta/${BACKLOG / 2 - 1}.exr`
    await db
      .collection('beta')
      .updateOne({ 'files.path': last }, { $set: { 'files.0.sites.$[s].priority': 99 } }, { arrayFilters: [{ 's.name': 'slow' }] })
    const slow = (path: string): boolean => synced(service.lines, 'slow').some((line) => line.path === path)
    await waitFor('the urgent file', () => slow('{root}/urgent.exr'), { withinMs: 60_000 })
    await waitFor('the file that became urgent', () => slow(last), { withinMs: 60_000 })
    expect(synced(service.lines, 'slow').length).toBeLessThan(BACKLOG / 10)

    await waitFor('the fast site is done', () => synced(service.lines, 'fast').length >= FOR_FAST, { withinMs: 240_000 })
    const paths = synced(service.lines, 'fast').map(({ path }) => path)
    expect(new Set(paths).size).toBe(FOR_FAST)
    expect(paths).toHaveLength(FOR_FAST)
    expect(
      await db.collection('alpha').countDocuments({ 'files.sites': { $elemMatch: { name: 'fast', created_dt: { $type: 'date' } } } }),
    ).toBe(FOR_FAST / 2)
    expect(synced(service.lines, 'stuck')).toHaveLength(0)

    console.log(`memory: ${mib(small)} with ${BACKLOG / 10} pending, ${mib(service.peak())} with ${BACKLOG}`)
    expect(service.peak() - small).toBeLessThan(MAX_MEMORY)
    await service.stop()
  },
)

test('50,000 publishes while every slot of their site is taken for good: memory stays flat, and what other sites want is done', async () => {
  await using database = await testDatabase()
  const { db } = database
  const alpha = db.collection('alpha')
  const service = await start(database.uri, db.databaseName, database.stateDb)
  let published = 0
  /** Resolves when the service has seen all that was published before: a file for the fast site came last. */
  const publish = async (count: number): Promise<number> => {
    for (const end = published + count; published < end; published += 5_000) {
      const documents = representations('alpha', 5_000, 0).map((document) => ({ ...document, context: { take: 'x'.repeat(200) } }))
      await insert(alpha, documents)
    }
    const path = `{root}/alpha/after-${published}.exr`
    const [last] = representations('alpha', 1, 1) as [Document]
    await alpha.insertOne({ ...last, files: [{ ...(last['files'] as Document[])[0], path }] })
    await waitFor('the last one', () => synced(service.lines, 'fast').some((line) => line.path === path), { withinMs: 120_000 })
    return service.peak()
  }
  const small = await publish(BACKLOG / 10)
  const large = await publish(BACKLOG)
  console.log(`memory: ${mib(small)} after ${BACKLOG / 10} events, ${mib(large)} after ${BACKLOG} more`)
  expect(large - small).toBeLessThan(MAX_MEMORY)
  expect(synced(service.lines, 'stuck')).toHaveLength(0)
  await service.stop()
}, 300_000)

async function peakWith(backlog: number): Promise<number> {
  await using database = await testDatabase()
  const { db } = database
  for (const project of ['alpha', 'beta']) await insert(db.collection(project), representations(project, backlog / 2, FOR_FAST / 2))
  const service = await start(database.uri, db.databaseName, database.stateDb)
  await waitFor('the fast site is done', () => synced(service.lines, 'fast').length >= FOR_FAST, { withinMs: 240_000 })
  await service.stop()
  return service.peak()
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`
}
