import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import type { Comparison, Row, RowOptions, RowResult } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { drivePeers } from '../support/drive-peers.ts'
import { FakeDriveProcess } from '../support/fake-drive-process.ts'
import { MeasuredService } from '../support/measured-service.ts'
import { assertSynced, oneFileEach, publishAtOnce, writeFiles } from '../support/publishing.ts'
import { settleDisk } from '../support/settle-disk.ts'

const BYTES = 64 * 1024
const PYTHON = 'Python client as the legacy provider uses it, 7 at once'
const RCLONE = 'rclone copy, pacer off, 8 at once'

export const row: Row = { number: 5, title: 'Small files to Google Drive.', run: smallFilesDrive }

/** Puts a folder of the studio into a folder of the drive; resolves with the seconds it took. */
type Upload = (source: string, folderId: string, documents: ReturnType<typeof oneFileEach>) => Promise<number>

interface Series {
  readonly speeds: number[]
  /** For each file. */
  readonly requests: number[]
}

async function smallFilesDrive({ quick, runs, say }: RowOptions): Promise<RowResult> {
  await using stack = new AsyncDisposableStack()
  const server = stack.use(await BenchServer.start())
  const production = await server.production()
  const drive = stack.use(await FakeDriveProcess.start(production.dir))
  const service = stack.use(await MeasuredService.start(await production.config({ sites: { mirror: drive.site() } })))
  const peers = await drivePeers(drive, production.dir, stack, say)
  const own: Upload = async (_source, _folderId, documents) => {
    const before = service.count('transfer.succeeded')
    const started = performance.now()
    await publishAtOnce(production, documents)
    await service.until('transfer.succeeded', before + documents.length)
    return (performance.now() - started) / 1_000
  }
  const uploads = new Map<string, Upload>([['ours', own]])
  if (peers.python) uploads.set(PYTHON, peers.python)
  if (peers.rclone) uploads.set(RCLONE, peers.rclone)

  const measure = async (name: string, upload: Upload, count: number, latency: number, folder: string): Promise<[number, number]> => {
    const documents = oneFileEach(count, folder)
    await writeFiles(production, documents, BYTES)
    const folderId = await drive.addFolder(folder)
    const { journal: before } = await drive.state()
    await settleDisk()
    await drive.setLatency(latency)
    const seconds = await upload(join(production.studio, folder), folderId, documents)
    await drive.setLatency(0)
    const { journal, files } = await drive.state()
    const there = files.filter(({ path, size }) => path.startsWith(`My Drive/w/${folder}/`) && size === BYTES).length
    if (there !== count) throw new Error(`${name}: ${there} of ${count} files are on the drive`)
    await assertSynced(production)
    await drive.delete(folderId)
    await production.collection.deleteMany({})
    await rm(join(production.studio, folder), { recursive: true })
    return [count / seconds, (journal.length - before.length) / count]
  }

  const comparisons: Comparison[] = []
  for (const latency of [0, 50]) {
    const count = quick ? 100 : latency === 0 ? 2_000 : 1_000
    const measured = new Map<string, Series>([...uploads.keys()].map((name) => [name, { speeds: [], requests: [] }]))
    // What is slow because of its round trips has been warmed up without them.
    for (let n = latency === 0 ? 0 : 1; n <= runs; n++) {
      for (const [index, [name, upload]] of [...uploads].entries()) {
        const [speed, asked] = await measure(name, upload, count, latency, `${latency}-${n}-${index}`)
        say(
          `  ${latency} ms, ${n === 0 ? 'warm-up' : `run ${n}`}: ${speed.toFixed(0)} files/s, ${asked.toFixed(2)} requests a file, ${name}`,
        )
        if (n === 0) continue
        measured.get(name)?.speeds.push(speed)
        measured.get(name)?.requests.push(asked)
      }
    }
    comparisons.push(...compare(`${count} × 64 KiB, ${latency} ms round trips`, latency === 0, measured))
  }
  return { comparisons, notes: NOTES, leftOut: peers.leftOut }
}

function compare(what: string, isFast: boolean, measured: ReadonlyMap<string, Series>): Comparison[] {
  const [ours, python, rclone] = ['ours', PYTHON, RCLONE].map((name) => measured.get(name))
  const against = (baseline: string, them: Series | undefined, limit?: number): Comparison[] => {
    const goal = limit !== undefined && ({ of: 'ratio', bound: 'at least', limit } as const)
    return them ? [{ what, unit: 'files/s', ours: ours?.speeds ?? [], baseline, theirs: them.speeds, ...(goal && { goal }) }] : []
  }
  return [
    ...against(PYTHON, python, isFast ? 3 : 5),
    ...against(RCLONE, rclone, isFast ? 1 : undefined),
    {
      what: `${what}: requests`,
      unit: 'requests/file',
      ours: ours?.requests ?? [],
      baseline: rclone ? RCLONE : '',
      theirs: rclone?.requests ?? [],
      goal: { of: 'value', bound: 'at most', limit: 1.1 },
    },
  ]
}

const NOTES = [
  'The strict fake of Drive is a process of its own on the same machine; it keeps checksums and no bytes. A round trip is the least time that any request takes.',
  'Ours: one representation a file, all inserted at once with majority, until the last record is written back; each checksum is compared with that of Drive.',
  'Python: without the start of the interpreter, the making of folders and the first token; three requests a file, and nothing is verified. rclone: the whole program.',
  'rclone takes no other address than that of Google: it comes by a proxy that ends its TLS, in the measuring process.',
]
