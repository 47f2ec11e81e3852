import type { Representation } from '../../test/support/published.ts'
import type { Comparison, Row, RowOptions } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { changeRecords, makeRepresentations, type Shape } from '../support/many-representations.ts'
import { Scanner, type Examined } from '../support/scanner.ts'
import { spread } from '../support/statistics.ts'

const PENDING = 10
const LEAST = 1_000
/** A run's figure is the median of so many scans. */
const SCANS = 20
/** What a site takes next from a long backlog. */
const NEXT = 50

const nameOf = (count: number): string => `among_${count}`

interface Measured {
  readonly comparisons: readonly Comparison[]
  readonly notes: readonly string[]
}

export const row: Row = {
  number: 8,
  title: 'Scanning for what is pending.',
  async run(options) {
    const measured: Measured[] = []
    for (const shape of ['array', 'object'] as const) measured.push(await measureShape(shape, options))
    return {
      comparisons: measured.flatMap(({ comparisons }) => comparisons),
      notes: [
        `A scan is all that the service asks for one project and one target site: urgent work first, then the rest, each in both shapes, and documents that nobody can read. Each figure of a run is the median of ${SCANS} scans, seen by the client.`,
        `The next ${NEXT} of a backlog come with the first page.`,
        ...measured.flatMap(({ notes }) => notes),
      ],
      leftOut: [],
    }
  },
}

async function measureShape(shape: Shape, { quick, runs, say }: RowOptions): Promise<Measured> {
  const sizes = quick ? [LEAST, 10_000] : [LEAST, 10_000, 100_000, 1_000_000]
  const largest = sizes.at(-1) as number
  const backlog = largest / 10
  await using server = await BenchServer.start()
  const production = await server.production()
  await using scanner = await Scanner.open(server, production)
  for (const count of sizes) {
    say(`row 8, ${shape} shape: ${count.toLocaleString('en-US')} representations are made`)
    await makeRepresentations(production.db, nameOf(count), { count, shape, pending: PENDING })
    await scanner.createIndexes(nameOf(count))
  }
  const all = async (count: number): Promise<number> => await scanner.scan(nameOf(count), { expected: PENDING })
  const examined = async (): Promise<string> => {
    const [least, most] = await Promise.all([LEAST, largest].map(async (count) => examinedText(await scanner.examined(nameOf(count)))))
    return `${least} among ${LEAST.toLocaleString('en-US')}, ${most} among ${largest.toLocaleString('en-US')}`
  }

  say(`row 8, ${shape} shape: scanning`)
  const times = await inTurn(sizes, runs, all)
  const before = await examined()

  // A tenth of them, none of those that are pending, fails for good; then all of these are to be tried again.
  const collection = production.db.collection<Representation>(nameOf(largest))
  const failed = { 'data.n': { $mod: [PENDING, 1] } }
  const failure = { tries: 3, error: 'a file that nobody can read', last_failed_dt: new Date() }
  await changeRecords(collection, shape, failed, { set: failure, unset: ['created_dt', 'id'] })
  const withFailed = await inTurn([LEAST, largest], runs, all)
  const after = await examined()
  await changeRecords(collection, shape, failed, { unset: Object.keys(failure) })
  const next = await inTurn([largest], runs, async (count) => scanner.scan(nameOf(count), { expected: NEXT, atLeast: NEXT }))

  const compared = (what: string, ours: readonly number[] = [], theirs: readonly number[] = []): Comparison => ({
    what: `${what}, ${shape} shape`,
    unit: 'ms',
    ours,
    baseline: `${PENDING} pending among ${LEAST.toLocaleString('en-US')}`,
    theirs,
  })
  const goal = { of: 'ratio', bound: 'at most', limit: 2 } as const
  const [count, failures] = [largest.toLocaleString('en-US'), backlog.toLocaleString('en-US')]
  return {
    comparisons: [
      ...sizes.slice(1).map((size) => ({
        ...compared(`${PENDING} pending among ${size.toLocaleString('en-US')}`, times.get(size), times.get(LEAST)),
        ...(size === largest && { goal }),
      })),
      { ...compared(`the same, and ${failures} failed for good`, withFailed.get(largest), withFailed.get(LEAST)), goal },
      {
        ...compared(`the next ${NEXT} of ${failures} pending among ${count}`, next.get(largest)),
        goal: { of: 'value', bound: 'at most', limit: 10 },
      },
    ],
    notes: [
      `${shape === 'array' ? 'Array' : 'Object'} shape, looked at by the server for one scan: ${before}; with the ${failures} that failed for good: ${after}.`,
    ],
  }
}

/** The median of each size, run by run. The sizes are scanned by turns: whatever else the machine does meets them all. */
async function inTurn(sizes: readonly number[], runs: number, scan: (size: number) => Promise<number>): Promise<Map<number, number[]>> {
  const medians = new Map<number, number[]>(sizes.map((size) => [size, []]))
  // One more, to warm up.
  for (let run = 0; run <= runs; run++) {
    const times = new Map<number, number[]>(sizes.map((size) => [size, []]))
    for (let n = 0; n < SCANS; n++) for (const [size, values] of times) values.push(await scan(size))
    if (run > 0) for (const [size, values] of times) medians.get(size)?.push(spread(values).median)
  }
  return medians
}

function examinedText({ keys, documents }: Examined): string {
  return `${keys.toLocaleString('en-US')} keys and ${documents.toLocaleString('en-US')} documents`
}
