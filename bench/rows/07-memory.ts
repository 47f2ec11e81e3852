import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { entry, inArray, representation } from '../../test/support/published.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import type { Comparison, Row, RowOptions, RowResult } from '../row.ts'
import { BenchServer, type Production } from '../support/bench-server.ts'
import { FakeDriveProcess } from '../support/fake-drive-process.ts'
import { MeasuredService } from '../support/measured-service.ts'
import { peakMemoryOf, usualMemoryOf } from '../support/memory-of.ts'
import { assertSynced, oneFileEach, publishAtOnce, writeFiles } from '../support/publishing.ts'

const GIB = 1024 ** 3
const AT_ONCE = 4
/** Files that the whole backlog wants. */
const SOURCES = 100
/** Memory is steady long before; a warm-up would make the idle service larger. */
const MAX_RUNS = 3

export const row: Row = { number: 7, title: 'Memory.', run: memory }

interface Held {
  readonly idle: number
  readonly peak: number
}

async function memory(options: RowOptions): Promise<RowResult> {
  const { quick, runs, say } = options
  await using server = await BenchServer.start()
  const uploads: Held[] = []
  const backlogs: Held[] = []
  const without: Held[] = []
  const [gib, pending] = quick ? [1, 5_000] : [10, 50_000]
  for (let n = 1; n <= Math.min(runs, MAX_RUNS); n++) {
    const upload = await whileUploading(await server.production(), gib * GIB, quick)
    const backlog = await whilePending(await server.production(), pending, quick)
    const none = await whilePending(await server.production(), 0, quick)
    for (const [what, { idle, peak }] of [['uploads', upload] as const, ['pending', backlog] as const, ['none pending', none] as const])
      say(`  run ${n}, ${what}: ${idle.toFixed(0)} MiB idle, ${peak.toFixed(0)} MiB at most`)
    uploads.push(upload)
    backlogs.push(backlog)
    without.push(none)
  }
  const whatBacklog = `${pending.toLocaleString('en-US')} pending at a site that is unreachable, others synced meanwhile`
  return {
    comparisons: [
      grown(`${AT_ONCE} × ${gib} GiB to Google Drive at once`, uploads, 100),
      grown(whatBacklog, backlogs, 60),
      {
        what: whatBacklog,
        unit: 'MiB',
        ours: backlogs.map(({ peak }) => peak),
        baseline: 'the same, nothing pending',
        theirs: without.map(({ peak }) => peak),
      },
    ],
    notes: [
      'Resident memory of the process: the most that was seen during the work, and what it had most of the time before it, when it was idle.',
      'The uploads are of sparse files, and watched for the first 20 s; by then each has sent some hundred MiB.',
      'The backlog is published while the service runs: a site of Google Drive that does not answer, and files of 4 KiB for a site on disk.',
    ],
    leftOut: [],
  }
}

function grown(what: string, held: readonly Held[], limit: number): Comparison {
  return {
    what,
    unit: 'MiB',
    ours: held.map(({ peak }) => peak),
    baseline: 'the same service, idle',
    theirs: held.map(({ idle }) => idle),
    goal: { of: 'difference', bound: 'at most', limit },
  }
}

async function whileUploading(production: Production, bytes: number, quick: boolean): Promise<Held> {
  await using drive = await FakeDriveProcess.start(production.dir)
  const config = await production.config({ sites: { mirror: drive.site() }, general: { shutdown_grace: 0 } })
  await using service = await MeasuredService.start(config)
  const idle = await usualMemoryOf(service.pid, quick ? 1_000 : 5_000)
  const names = Array.from({ length: AT_ONCE }, (_, n) => `sparse-${n}.mov`)
  for (const name of names) {
    await using file = await open(join(production.studio, name), 'wx')
    await file.truncate(bytes)
  }
  const documents = names.map((name) => representation([entry(`{root[work]}/${name}`, inArray('mirror'))]))
  const peak = await peakMemoryOf(service.pid, async () => {
    await publishAtOnce(production, documents)
    await delay(quick ? 4_000 : 20_000)
  })
  const sessions = new Set((await drive.state()).journal.flatMap(({ query }) => query['upload_id'] ?? []))
  const left = service.count('transfer.started') - service.count('transfer.succeeded')
  if (sessions.size !== AT_ONCE || left !== AT_ONCE) throw new Error(`${sessions.size} uploads were begun, ${left} are under way`)
  return { idle, peak }
}

async function whilePending(production: Production, pending: number, quick: boolean): Promise<Held> {
  await using drive = await FakeDriveProcess.start(production.dir)
  // Nothing listens on port 1.
  const away = { ...drive.site(), api_endpoint: 'http://127.0.0.1:1' }
  await using service = await MeasuredService.start(await production.config({ sites: { away } }))
  const idle = await usualMemoryOf(service.pid, quick ? 1_000 : 5_000)
  const documents = oneFileEach(quick ? 200 : 2_000)
  await writeFiles(production, documents, 4 * 1024)
  // The sources are there: it is the site alone that keeps them waiting.
  const sources = oneFileEach(SOURCES, 'away')
  await writeFiles(production, sources, 4 * 1024)
  const backlog = Array.from({ length: pending }, (_, n) => {
    const path = sources[n % SOURCES]?.files[0]?.path as string
    return representation([entry(path, inArray('away'))])
  })
  const peak = await peakMemoryOf(service.pid, async () => {
    const half = documents.length / 2
    await publishAtOnce(production, documents.slice(0, half))
    if (pending > 0) await publishAtOnce(production, backlog)
    await publishAtOnce(production, documents.slice(half))
    const isSynced = (): boolean => service.count('transfer.succeeded') >= documents.length
    await waitFor('all files of the site that works', isSynced, { withinMs: 180_000, seen: () => service.count('transfer.succeeded') })
  })
  await assertSynced(production)
  await production.collection.drop()
  await rm(production.dir, { recursive: true })
  return { idle, peak }
}
