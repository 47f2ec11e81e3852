import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { Row, RowOptions, RowResult } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { MeasuredService } from '../support/measured-service.ts'
import { rclone } from '../support/peers.ts'
import { assertSynced, oneFileEach, publishAtOnce, writeFiles } from '../support/publishing.ts'
import { settleDisk } from '../support/settle-disk.ts'

const run = promisify(execFile)
const BYTES = 64 * 1024

export const row: Row = { number: 4, title: 'Small files to a local site.', run: smallFilesLocal }

async function smallFilesLocal({ quick, runs, say }: RowOptions): Promise<RowResult> {
  const count = quick ? 300 : 2_000
  const peer = await rclone(say)
  await using server = await BenchServer.start()
  const production = await server.production()
  await using service = await MeasuredService.start(await production.config())
  const [ours, durable, cached, plain]: [number[], number[], number[], number[]] = [[], [], [], []]

  for (let n = 0; n <= runs; n++) {
    const folder = `run${n}`
    const source = join(production.studio, folder)
    const copy = join(production.dir, 'copy')
    const documents = oneFileEach(count, folder)
    await writeFiles(production, documents, BYTES)
    const copied = async (program: string, args: readonly string[], isSynced = false): Promise<number> => {
      await settleDisk()
      const speed = await filesPerSecond(count, async () => {
        await run(program, args)
        if (isSynced) await run('sync', ['--file-system', copy])
      })
      await rm(copy, { recursive: true })
      return speed
    }

    await settleDisk()
    const before = service.count('transfer.succeeded')
    const own = await filesPerSecond(count, async () => {
      await publishAtOnce(production, documents)
      await service.until('transfer.succeeded', before + count)
    })
    await assertSynced(production)
    const rcloneArgs = ['copy', '--config', '', source, copy]
    const byRclone = 'path' in peer ? [await copied(peer.path, rcloneArgs, true), await copied(peer.path, rcloneArgs)] : undefined
    const byCp = await copied('cp', ['-r', source, copy])
    say(
      `  ${n === 0 ? 'warm-up' : `run ${n}`}: ${round(own)} files/s; rclone and sync ${round(byRclone?.[0] ?? NaN)}, rclone ${round(byRclone?.[1] ?? NaN)}, cp -r ${round(byCp)}`,
    )
    if (n > 0) {
      ours.push(own)
      plain.push(byCp)
      if (byRclone !== undefined) {
        durable.push(byRclone[0] as number)
        cached.push(byRclone[1] as number)
      }
    }
    await production.collection.deleteMany({})
    for (const site of [production.studio, production.mirror]) await rm(join(site, folder), { recursive: true })
  }

  const what = `${count} × 64 KiB, first insert → last record written back`
  const common = { what, unit: 'files/s', ours } as const
  return {
    comparisons: [
      ...('path' in peer
        ? [
            { ...common, baseline: 'rclone copy, then sync of that file system', theirs: durable, goal: atLeast(1) },
            { ...common, baseline: 'rclone copy', theirs: cached, goal: atLeast(0.6) },
          ]
        : []),
      { ...common, baseline: 'cp -r', theirs: plain },
    ],
    notes: [
      'One representation a file, all inserted at once with majority. rclone and cp are timed as whole programs.',
      'Ours are read back and compared, and on the disk when they are marked, with their folders; what rclone and cp write is in the page cache.',
    ],
    leftOut: 'missing' in peer ? [peer.missing] : [],
  }
}

async function filesPerSecond(count: number, work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return count / ((performance.now() - started) / 1_000)
}

const atLeast = (limit: number) => ({ of: 'ratio', bound: 'at least', limit }) as const
const round = (value: number): string => value.toFixed(0)
