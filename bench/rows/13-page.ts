import { freePort } from '../../replica-set-dev/free-port.ts'
import type { Comparison, Row } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { BenchService, type Noted } from '../support/bench-service.ts'
import { cpuSecondsOf } from '../support/cpu-time.ts'
import { pausesNote } from '../support/machine-pauses.ts'
import { Program } from '../support/program.ts'
import { assertSynced, oneFileEach, pathOf, publishWarmed, WARM, writeFiles } from '../support/publishing.ts'
import { quantile } from '../support/statistics.ts'

const VIEWERS = 20
const RATE = 100
const BYTES = 65_536

interface Measured {
  /** Seconds of the processor, for the publishes that count. */
  readonly cpu: number
  /** Milliseconds since the publish was begun. */
  readonly uploading: readonly number[]
  readonly marked: readonly number[]
}

export const row: Row = {
  number: 13,
  title: 'Twenty who look at the page, at 100 publishes a second.',
  async run({ quick, runs, say }) {
    const pauses = pausesNote(quick)
    const [warm, measured] = quick ? [100, 150] : [WARM, 8 * RATE]
    const ours: Measured[] = []
    const theirs: Measured[] = []
    await using server = await BenchServer.start()
    // The server's first publishes are slow, whoever sends them.
    await measure(server, { warm: 0, measured: quick ? warm : 2 * RATE, viewers: 0 })
    for (let run = 1; run <= runs; run++) {
      say(`row 13: run ${run} of ${runs}: ${measured} publishes, ${RATE} a second, with ${VIEWERS} viewers and without HTTP`)
      theirs.push(await measure(server, { warm, measured, viewers: 0 }))
      ours.push(await measure(server, { warm, measured, viewers: VIEWERS }))
    }
    const compared = (what: string, unit: Comparison['unit'], value: (of: Measured) => number): Comparison => ({
      what,
      unit,
      ours: ours.map(value),
      baseline: 'the same service with `http` off',
      theirs: theirs.map(value),
      goal: { of: 'ratio', bound: 'at most', limit: 1.1 },
    })
    return {
      comparisons: [
        compared(`processor, ${measured} publishes`, 's CPU', ({ cpu }) => cpu),
        compared('publish → bytes asked for, p50', 'ms', ({ uploading }) => quantile(uploading, 0.5)),
        compared('publish → bytes asked for, p99', 'ms', ({ uploading }) => quantile(uploading, 0.99)),
        compared('publish → `created_dt`, p50', 'ms', ({ marked }) => quantile(marked, 0.5)),
        compared('publish → `created_dt`, p99', 'ms', ({ marked }) => quantile(marked, 0.99)),
      ],
      notes: [
        `The publishes of rows 1 and 2. Each viewer reads all events (\`/api/v1/events\`), as a page does, in a process of their own.`,
        'The processor is that of the service alone, from the first publish that counts until the last file is there.',
        pauses,
      ],
      leftOut: [],
    }
  },
}

async function measure(
  server: BenchServer,
  { warm, measured, viewers }: { readonly warm: number; readonly measured: number; readonly viewers: number },
): Promise<Measured> {
  const production = await server.production()
  const documents = oneFileEach(warm + measured)
  await writeFiles(production, documents, BYTES)
  const port = await freePort()
  await using service = await BenchService.start(production, viewers === 0 ? {} : { general: { http: { enabled: true, port } } })
  // A process of its own: whoever publishes is not to wait for it.
  await using looking = new Program(new URL('../support/viewer-process.ts', import.meta.url))
  if (viewers > 0) await looking.ask('look', { address: `http://127.0.0.1:${port}/`, count: viewers })
  const counted = documents.slice(warm)
  let before = 0
  const ended = async (): Promise<void> => {
    await service.ended(warm)
    before = cpuSecondsOf(service.program.pid)
  }
  const begun = await publishWarmed(production, documents, { warm, rate: RATE, ended })
  await service.ended(documents.length)
  const cpu = cpuSecondsOf(service.program.pid) - before
  await assertSynced(production)
  const noted = await service.noted()
  const since = (action: Noted[0]): number[] => {
    const times = new Map(noted.filter(([which]) => which === action).map(([, path, at]) => [path, at]))
    return counted.map((document, n) => (times.get(pathOf(document)) ?? NaN) - (begun[n] ?? NaN))
  }
  const found = { cpu, uploading: since('upload'), marked: since('transfer.succeeded') }
  await server.drop(production)
  return found
}
