import { freePort } from '../../replica-set-dev/free-port.ts'
import type { BenchServer } from '../support/bench-server.ts'
import { changeRecords, makeRepresentations, type Shape } from '../support/many-representations.ts'
import { MeasuredService } from '../support/measured-service.ts'
import { quantile } from '../support/statistics.ts'

/** Of the list, without the address; what is open is one in a hundred. */
const QUERIES = [
  'sort=-id',
  'sort=id',
  'sort=-id&state=pending',
  'sort=-id&state=failed,exhausted',
  'sort=asset&state=failed,exhausted',
  'sort=-id&state=paused&site=mirror',
  'sort=-id&state=whole',
  'sort=-id&state=synced&site=mirror',
  'sort=-id&asset=hero',
  // Of the first 10,000 documents alone, where a list of the newest comes last.
  'sort=-id&state=exhausted&error=long ago',
  'sort=-id&error=long ago',
  'sort=asset',
] as const
/** What the first rows may take. Milliseconds. */
const GOAL_MS = 300
const TIMES = 9

export interface ListTime {
  readonly shape: Shape
  readonly query: string
  readonly median: number
  readonly slowest: number
  readonly status: number
  /** In the first answer, which may be short of those that are asked for. */
  readonly rows: number
  readonly isMet: boolean
}

/** One in a thousand. */
const open = (rest: number) => ({ $expr: { $eq: [{ $mod: ['$data.n', 1_000] }, rest] } })

/** Ten of those that are open, all of them old. */
const old = { $expr: { $eq: [{ $mod: ['$data.n', 1_000] }, 300] }, 'data.n': { $lt: 10_000 } }

/** How long the first 200 rows of a list take, and the counts of the filters, in a collection of so many representations. */
export async function measureLists(
  server: BenchServer,
  shape: Shape,
  count: number,
  say: (line: string) => void,
): Promise<readonly ListTime[]> {
  const production = await server.production()
  say(`${count.toLocaleString('en-US')} representations are made, records as ${shape}`)
  await makeRepresentations(production.db, production.collection.collectionName, { count, shape, pending: count / 100 })
  await changeRecords(production.collection, shape, open(0), { set: { tries: 1, error: 'the quota is used up' } })
  await changeRecords(production.collection, shape, open(100), { set: { tries: 3, error: 'no such file' } })
  await changeRecords(production.collection, shape, open(200), { set: { paused: true } })
  await changeRecords(production.collection, shape, old, { set: { tries: 3, error: 'long ago' } })
  const port = await freePort()
  // It makes the indexes of all its sites, and sends nothing.
  const pause = { kind: 'pause', database: production.db.databaseName, who: 'the benchmark', since: new Date() }
  await production.state.collection('controls').insertOne(pause)
  await using service = await MeasuredService.start(await production.config({ general: { http: { enabled: true, port } } }))
  await service.until('http.listening')
  await service.until('database.index')
  const paths = [...QUERIES.map((query) => `transfers?limit=200&${query}`), 'projects']
  const found: ListTime[] = []
  for (const path of paths) {
    const times: number[] = []
    let status = 0
    let rows = 0
    for (let n = 0; n < TIMES; n++) {
      const began = performance.now()
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)
      const body = (await response.json()) as { readonly items?: readonly unknown[] }
      times.push(performance.now() - began)
      status = response.status
      rows = body.items?.length ?? 0
    }
    const [median, slowest] = [quantile(times, 0.5), Math.max(...times)]
    found.push({ shape, query: path, median, slowest, status, rows, isMet: median <= GOAL_MS })
    say(
      `${status} ${median.toFixed(0).padStart(6)} ms, at most ${slowest.toFixed(0).padStart(6)} ms, ${String(rows).padStart(3)} rows: ${path}`,
    )
  }
  await server.drop(production)
  return found
}
