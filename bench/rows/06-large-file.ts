import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import type { Comparison, Row, RowOptions, RowResult } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { costOf } from '../support/child-cost.ts'
import { FakeDriveProcess } from '../support/fake-drive-process.ts'
import { LargeFile, type Cost } from '../support/large-file.ts'
import { MeasuredService } from '../support/measured-service.ts'
import { rclone } from '../support/peers.ts'
import { settleDisk } from '../support/settle-disk.ts'

const MIB = 1024 * 1024
const RAW = fileURLToPath(new URL('../support/raw-upload.ts', import.meta.url))

export const row: Row = { number: 6, title: 'One large file.', run: largeFile }

/** What moves the file once, and what that took. */
type Contenders = ReadonlyMap<string, () => Promise<Cost>>

async function largeFile(options: RowOptions): Promise<RowResult> {
  const bytes = options.quick ? 128 * MIB : 2_048 * MIB
  const peer = await rclone(options.say)
  await using server = await BenchServer.start()
  const local = await toLocalSite(server, bytes, options, 'path' in peer ? peer.path : undefined)
  const drive = await toDrive(server, bytes, options)
  return { comparisons: [...local, ...drive], notes: NOTES, leftOut: 'missing' in peer ? [peer.missing] : [] }
}

async function toLocalSite(server: BenchServer, bytes: number, options: RowOptions, program: string | undefined): Promise<Comparison[]> {
  const production = await server.production()
  await using service = await MeasuredService.start(await production.config())
  const file = await LargeFile.write(production, bytes)
  const copy = join(production.dir, 'copy')
  const CP = 'cp, then sync'
  const CHECKED = 'cp, then sync, then the SHA-256 of both by openssl'
  const RCLONE = 'rclone copyto, then sync'
  const contenders = new Map([
    ['ours', async () => file.sync(service)],
    [CP, async () => costOf(['cp', file.path, copy], ['sync', copy])],
    [CHECKED, async () => costOf(['cp', file.path, copy], ['sync', copy], ['openssl', 'dgst', '-sha256', file.path, copy])],
  ])
  if (program !== undefined)
    contenders.set(RCLONE, async () => costOf([program, 'copyto', '--config', '', file.path, copy], ['sync', copy]))
  const costs = await inTurn(contenders, options, async () => {
    for (const left of [copy, join(production.mirror, file.relativePath)]) await rm(left, { force: true })
    await settleDisk()
  })
  const what = `${bytes / MIB} MiB to a local site`
  return [...speeds(what, bytes, costs, [CP, CHECKED, RCLONE], [CHECKED]), ...processorTimes(what, costs, [CHECKED, RCLONE], [CHECKED])]
}

async function toDrive(server: BenchServer, bytes: number, options: RowOptions): Promise<Comparison[]> {
  const production = await server.production()
  await using drive = await FakeDriveProcess.start(production.dir)
  await using service = await MeasuredService.start(await production.config({ sites: { mirror: drive.site() } }))
  const file = await LargeFile.write(production, bytes)
  let uploads = 0
  const raw = async (...more: readonly string[]): Promise<Cost> => {
    const args = [RAW, drive.endpoint, drive.credentials, drive.folder, `raw${uploads++}`, String(bytes), ...more]
    return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout) as Cost
  }
  const PLAIN = 'raw upload of one buffer'
  const HASHED = 'raw upload of one buffer, with its md5'
  const contenders = new Map([
    ['ours', async () => file.sync(service)],
    [PLAIN, async () => raw()],
    [HASHED, async () => raw('hash')],
  ])
  const costs = await inTurn(contenders, options, settleDisk)
  const what = `${bytes / MIB} MiB to Google Drive`
  return [...speeds(what, bytes, costs, [PLAIN, HASHED], [HASHED]), ...processorTimes(what, costs, [PLAIN, HASHED], [HASHED])]
}

async function inTurn(
  contenders: Contenders,
  { runs, say }: RowOptions,
  before: () => Promise<void>,
): Promise<ReadonlyMap<string, readonly Cost[]>> {
  const costs = new Map([...contenders.keys()].map((name) => [name, [] as Cost[]]))
  for (let n = 0; n <= runs; n++) {
    for (const [name, move] of contenders) {
      // Whatever else moves the file starts anew each time.
      if (n === 0 && name !== 'ours') continue
      await before()
      const cost = await move()
      say(`  ${n === 0 ? 'warm-up' : `run ${n}`}: ${cost.seconds.toFixed(2)} s, ${cost.cpuSeconds.toFixed(2)} s CPU, ${name}`)
      if (n > 0) costs.get(name)?.push(cost)
    }
  }
  await before()
  return costs
}

type Costs = ReadonlyMap<string, readonly Cost[]>

function speeds(what: string, bytes: number, costs: Costs, baselines: readonly string[], held: readonly string[]): Comparison[] {
  const of = (name: string): number[] => (costs.get(name) ?? []).map(({ seconds }) => bytes / seconds / 1e6)
  return compared(baselines, costs).map((baseline) => {
    const goal = held.includes(baseline) && ({ of: 'ratio', bound: 'at least', limit: 0.9 } as const)
    return { what, unit: 'MB/s', ours: of('ours'), baseline, theirs: of(baseline), ...(goal && { goal }) }
  })
}

function processorTimes(what: string, costs: Costs, baselines: readonly string[], held: readonly string[]): Comparison[] {
  const of = (name: string): number[] => (costs.get(name) ?? []).map(({ cpuSeconds }) => cpuSeconds)
  return compared(baselines, costs).map((baseline) => {
    const goal = held.includes(baseline) && ({ of: 'ratio', bound: 'at most', limit: 1.2 } as const)
    return { what, unit: 's CPU', ours: of('ours'), baseline, theirs: of(baseline), ...(goal && { goal }) }
  })
}

function compared(baselines: readonly string[], costs: Costs): readonly string[] {
  return baselines.filter((baseline) => costs.has(baseline))
}

const NOTES = [
  'From the insert until the record is written back; the source is in the page cache. The processor’s time of ours is that of the whole service.',
  'To a local site, ours is read back and compared (SHA-256), and on the disk; so the others are followed by a `sync` of their file.',
  'To Drive, ours is read from the disk and its MD5 compared with that of Drive; the raw upload reads nothing, and is one request. The fake hashes what it gets with MD5 and SHA-256, which limits everybody.',
]
