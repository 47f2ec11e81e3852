import type { Row } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { BenchService } from '../support/bench-service.ts'
import { cpuSecondsOf } from '../support/cpu-time.ts'
import { assertSynced, oneFileEach, publishAtOnce, writeFiles } from '../support/publishing.ts'

const BYTES = 64 * 1_024
const TRACING = new URL('../support/in-memory-tracing.ts', import.meta.url).href

export const row: Row = {
  number: 14,
  title: 'Spans of OpenTelemetry for each transfer.',
  async run({ quick, runs, say }) {
    const count = quick ? 300 : 2_000
    const ours: number[] = []
    const theirs: number[] = []
    await using server = await BenchServer.start()
    for (let run = 0; run <= runs; run++) {
      const off = await millisecondsPerFile(server, count, [])
      const on = await millisecondsPerFile(server, count, ['--import', TRACING])
      say(
        `  ${run === 0 ? 'warm-up' : `run ${run}`}: ${off.toFixed(2)} ms of the processor a file without spans, ${on.toFixed(2)} ms with them`,
      )
      if (run === 0) continue
      theirs.push(off)
      ours.push(on)
    }
    return {
      comparisons: [{ what: `processor, one of ${count} × 64 KiB`, unit: 'ms', ours, baseline: 'the same service without an SDK', theirs }],
      notes: [
        "Files to a local site, published at once, after a tenth as many that warm up. Spans go in batches to an exporter that keeps them in memory, so a real exporter's sending comes on top.",
        'The processor is that of the service alone, from the first publish that counts until the last record is written back.',
      ],
      leftOut: [],
    }
  },
}

async function millisecondsPerFile(server: BenchServer, count: number, execArgv: readonly string[]): Promise<number> {
  const production = await server.production()
  const warm = Math.ceil(count / 10)
  const documents = oneFileEach(warm + count)
  await writeFiles(production, documents, BYTES)
  await using service = await BenchService.start(production, { execArgv })
  await publishAtOnce(production, documents.slice(0, warm))
  await service.ended(warm)
  const before = cpuSecondsOf(service.program.pid)
  await publishAtOnce(production, documents.slice(warm))
  await service.ended(documents.length)
  const cpu = cpuSecondsOf(service.program.pid) - before
  await assertSynced(production)
  await server.drop(production)
  return (cpu * 1_000) / count
}
