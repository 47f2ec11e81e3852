import { rm } from 'node:fs/promises'
import { join } from 'node:path'

import { waitFor } from '../../test/support/wait-for.ts'
import type { Row, RowOptions, RowResult } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { now } from '../support/clock.ts'
import { cpuSecondsOf } from '../support/cpu-time.ts'
import { FakeDriveProcess } from '../support/fake-drive-process.ts'
import { MeasuredService } from '../support/measured-service.ts'
import { assertSynced, oneFileEach, publishAtOnce, writeFiles } from '../support/publishing.ts'
import { settleDisk } from '../support/settle-disk.ts'

const BYTES = 4 * 1024
const LATENCY_MS = 50
/** Of each instance: with more, the processors of one machine would be what limits all of them. */
const AT_ONCE = 4
const INSTANCES = [1, 2, 4]
/** How many times the speed of one instance so many are to have. */
const GOALS = new Map([
  [2, 1.9],
  [4, 3.2],
])

export const row: Row = { number: 10, title: 'More instances, files to Google Drive.', run: instances }

async function instances({ quick, runs, say }: RowOptions): Promise<RowResult> {
  const count = quick ? 200 : 1_500
  await using server = await BenchServer.start()
  const production = await server.production()
  await using drive = await FakeDriveProcess.start(production.dir)
  const config = await production.config({ sites: { mirror: { ...drive.site(), concurrency: AT_ONCE } } })
  const speeds = new Map(INSTANCES.map((many) => [many, [] as number[]]))
  const costs = new Map<number, string>()

  /** Seconds until all instances together have synced so many files. */
  const sync = async (services: readonly MeasuredService[], files: number, folder: string, latency: number): Promise<number> => {
    const documents = oneFileEach(files, folder)
    await writeFiles(production, documents, BYTES)
    const folderId = await drive.addFolder(folder)
    const synced = (): number => services.reduce((sum, service) => sum + service.count('transfer.succeeded'), 0)
    const before = synced()
    await settleDisk()
    await drive.setLatency(latency)
    const startedAt = now()
    await publishAtOnce(production, documents)
    await waitFor(`${files} files`, () => synced() >= before + files, { withinMs: 300_000, seen: () => synced() - before })
    const seconds = (now() - startedAt) / 1_000
    await drive.setLatency(0)
    await assertSynced(production)
    await drive.delete(folderId)
    await production.collection.deleteMany({})
    await rm(join(production.studio, folder), { recursive: true })
    return seconds
  }

  /** Files a second of so many instances. */
  const measure = async (many: number, folder: string): Promise<number> => {
    await using stack = new AsyncDisposableStack()
    const services = await Promise.all(Array.from({ length: many }, async () => stack.use(await MeasuredService.start(config))))
    // Node compiles what it runs often: a service that has just started is not what works all day.
    await sync(services, many * (quick ? 30 : 300), `${folder}-warm`, 0)
    const used = (): readonly number[] => [services.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0), cpuSecondsOf(server.pid)]
    const before = used()
    const speed = count / (await sync(services, count, folder, LATENCY_MS))
    const [service, mongod] = used().map((seconds, of) => (((seconds - (before[of] ?? 0)) * 1_000) / count).toFixed(1))
    costs.set(many, `${service} ms in services and ${mongod} ms in mongod with ${many}`)
    say(`  ${speed.toFixed(0)} files/s, ${costs.get(many)}`)
    return speed
  }

  for (let n = 1; n <= runs; n++) {
    for (const many of INSTANCES) speeds.get(many)?.push(await measure(many, `${n}-${many}`))
  }
  const theirs = speeds.get(1) ?? []
  return {
    comparisons: [...GOALS].map(([many, limit]) => ({
      what: `${many} instances, ${count} × 4 KiB, ${LATENCY_MS} ms round trips`,
      unit: 'files/s',
      ours: speeds.get(many) ?? [],
      baseline: 'one instance',
      theirs,
      goal: { of: 'ratio', bound: 'at least', limit },
    })),
    notes: [
      'One representation a file, all inserted at once with majority, until the last record is written back. The instances are ready before, and have done 300 files each.',
      'Four uploads at once an instance; all instances, the fake Drive and mongod share the processors of one machine.',
      `A file costs so much of the processor: ${[...costs.values()].join('; ')}.`,
    ],
    leftOut: [],
  }
}
