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
  'sort=-id&state=failed,exhausted&error=long ago',
  'sort=-id&error=long ago',
  // As old, and never tried: no index tells these from what waits.
  'sort=-id&state=failed,exhausted&error=host is down',
  // Nothing has it, which takes a look at everything.
  'sort=-id&error=nothing such',
  'sort=-id&q=nothing such',
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
  /** Where the first answer has no row: until there was one, or it was known that there is none. Once, milliseconds. */
  readonly until?: { readonly whole: number; readonly slowest: number; readonly requests: number; readonly rows: number }
}

/** One in a thousand. */
const open = (rest: number) => ({ $expr: { $eq: [{ $mod: ['$data.n', 1_000] }, rest] } })

/** Ten of those that are open, all of them old. */
const old = { $expr: { $eq: [{ $mod: ['$data.n', 1_000] }, 300] }, 'data.n': { $lt: 10_000 } }

/** Waits for its site, which refused it before a try was counted. */
const refused = { $expr: { $eq: [{ $mod: ['$data.n', 1_000] }, 400] }, 'data.n': { $lt: 10_000 } }

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
  await changeRecords(production.collection, shape, refused, { set: { error: 'the host is down' } })
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
    const address = `http://127.0.0.1:${port}/api/v1/${path}`
    const answers: Answer[] = []
    for (let n = 0; n < TIMES; n++) answers.push(await ask(address))
    const times = answers.map(({ ms }) => ms)
    const last = answers.at(-1) as Answer
    const [median, slowest] = [quantile(times, 0.5), Math.max(...times)]
    const until = last.rows === 0 && last.next ? await untilRows(address) : undefined
    found.push({ shape, query: path, median, slowest, ...last, isMet: median <= GOAL_MS, ...(until && { until }) })
    say(
      `${last.status} ${median.toFixed(0).padStart(6)} ms, at most ${slowest.toFixed(0).padStart(6)} ms, ${String(last.rows).padStart(3)} rows: ${path}${until ? `; ${until.rows} rows after ${until.whole.toFixed(0)} ms, ${until.requests} requests of ${until.slowest.toFixed(0)} ms at most` : ''}`,
    )
  }
  await server.drop(production)
  return found
}

interface Answer {
  readonly status: number
  readonly ms: number
  readonly rows: number
  readonly next: string | undefined
}

async function ask(address: string): Promise<Answer> {
  const began = performance.now()
  const response = await fetch(address)
  const body = (await response.json()) as { readonly items?: readonly unknown[]; readonly next_cursor?: string | null }
  return { status: response.status, ms: performance.now() - began, rows: body.items?.length ?? 0, next: body.next_cursor ?? undefined }
}

/** As the page does: asks until there is a row, or nothing is left. */
async function untilRows(address: string): Promise<NonNullable<ListTime['until']>> {
  const answers: Answer[] = []
  let answer: Answer
  do {
    const cursor = answers.at(-1)?.next
    answer = await ask(cursor === undefined ? address : `${address}&cursor=${cursor}`)
    answers.push(answer)
  } while (answer.rows === 0 && answer.next !== undefined)
  const times = answers.map(({ ms }) => ms)
  return { whole: times.reduce((sum, ms) => sum + ms, 0), slowest: Math.max(...times), requests: times.length, rows: answer.rows }
}
