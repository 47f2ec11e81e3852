import type { RowOptions } from '../row.ts'
import { BenchServer, type Production } from './bench-server.ts'
import { BenchService, type Noted } from './bench-service.ts'
import { assertSynced, oneFileEach, pathOf, publishWarmed, WARM, writeFiles } from './publishing.ts'
import { RawWatch } from './raw-watch.ts'

/** Milliseconds since each publish was begun: since its `insertOne` was called. */
export interface PacedRun {
  readonly ours: { readonly started: number[]; readonly uploading: number[]; readonly marked: number[] }
  readonly raw: { readonly seen: number[]; readonly marked: number[] }
}

/** Publishes a second. */
export const RATES = [20, 100] as const
type Rate = (typeof RATES)[number]

const BYTES = 65_536

const known = new Map<string, Promise<readonly PacedRun[]>>()

/** The runs of rows 1 and 2, which share them. */
export async function pacedRuns({ quick, runs, say }: RowOptions, rate: Rate): Promise<readonly PacedRun[]> {
  const key = `${quick} ${runs} ${rate}`
  const seconds = rate === 20 ? 20 : 8
  let all = known.get(key)
  if (!all) {
    const sizes = quick ? { warm: 100, measured: 150, rate } : { warm: WARM, measured: seconds * rate, rate }
    known.set(key, (all = measure(sizes, runs, say)))
  }
  return await all
}

interface Sizes {
  readonly rate: Rate
  /** Publishes before the ones that count. */
  readonly warm: number
  readonly measured: number
}

async function measure(sizes: Sizes, runs: number, say: (line: string) => void): Promise<readonly PacedRun[]> {
  await using server = await BenchServer.start()
  const results: PacedRun[] = []
  for (let run = 1; run <= runs; run++) {
    say(
      `rows 1, 2: run ${run} of ${runs}: the service, the raw watch(), and with copy and updateOne, ${sizes.measured} publishes each, ${sizes.rate} a second`,
    )
    const ours = await measureOurs(server, sizes)
    const { seen } = await measureRaw(server, sizes, false)
    const { marked } = await measureRaw(server, sizes, true)
    results.push({ ours, raw: { seen, marked } })
  }
  return results
}

async function measureOurs(server: BenchServer, { warm, measured, rate }: Sizes): Promise<PacedRun['ours']> {
  const production = await server.production()
  const documents = oneFileEach(warm + measured)
  await writeFiles(production, documents, BYTES)
  await using service = await BenchService.start(production)
  const begun = await publishWarmed(production, documents, { warm, rate, ended: async () => service.ended(warm) })
  await service.ended(documents.length)
  await assertSynced(production)
  const noted = await service.noted()
  const since = (action: Noted[0]): number[] => {
    const times = new Map(noted.filter(([which]) => which === action).map(([, path, at]) => [path, at]))
    return documents.slice(warm).map((document, n) => elapsed(begun[n], times.get(pathOf(document))))
  }
  const ours = { started: since('transfer.started'), uploading: since('upload'), marked: since('transfer.succeeded') }
  await server.drop(production)
  return ours
}

async function measureRaw(
  server: BenchServer,
  { warm, measured, rate }: Sizes,
  mark: boolean,
): Promise<{ seen: number[]; marked: number[] }> {
  const production: Production = await server.production()
  const documents = oneFileEach(warm + measured)
  if (mark) await writeFiles(production, documents, BYTES)
  await using watch = await RawWatch.start(server, production, { mark })
  const begun = await publishWarmed(production, documents, { warm, rate, ended: async () => watch.seen(warm) })
  const seen = new Map((await watch.seen(documents.length)).map((event) => [event.id, event]))
  const since = (at: 'at' | 'markedAt'): number[] =>
    documents.slice(warm).map(({ _id }, n) => elapsed(begun[n], seen.get(_id.toHexString())?.[at]))
  const times = { seen: since('at'), marked: mark ? since('markedAt') : [] }
  await server.drop(production)
  return times
}

function elapsed(from: number | undefined, to: number | undefined): number {
  if (from === undefined || to === undefined) throw new Error('a publish that nobody noted')
  return to - from
}
