import type { Comparison, Row } from '../row.ts'
import { pausesNote } from '../support/machine-pauses.ts'
import { pacedRuns, RATES, type PacedRun } from '../support/paced-runs.ts'
import { WARM } from '../support/publishing.ts'
import { quantile } from '../support/statistics.ts'

/** At so many publishes a second: how many times the raw watcher's time at most, at the median and at p99. */
const GOALS = new Map([
  [20, [1.4, 2.5]],
  [100, [1.6, 3]],
])

export const row: Row = {
  number: 1,
  title: 'From publish to the first byte asked for.',
  async run(options) {
    const pauses = pausesNote(options.quick)
    const comparisons: Comparison[] = []
    for (const rate of RATES) {
      const runs = await pacedRuns(options, rate)
      const [median, late] = GOALS.get(rate) ?? []
      const compared = (name: string, share: number, ours: (run: PacedRun) => number[], limit?: number): Comparison => ({
        what: `publish → ${name}, p${share * 100}, ${rate} a second`,
        unit: 'ms',
        ours: runs.map((run) => quantile(ours(run), share)),
        baseline: 'raw `watch()`',
        theirs: runs.map(({ raw }) => quantile(raw.seen, share)),
        ...(limit !== undefined && { goal: { of: 'ratio', bound: 'at most', limit } }),
      })
      comparisons.push(
        compared('bytes asked for', 0.5, ({ ours }) => ours.uploading, median),
        compared('bytes asked for', 0.99, ({ ours }) => ours.uploading, late),
        compared('permit granted', 0.5, ({ ours }) => ours.started),
        compared('permit granted', 0.99, ({ ours }) => ours.started),
      )
    }
    return {
      comparisons,
      notes: [
        'Each publish is an `insertOne` with majority, begun on time whether or not others have ended; time runs from its call.',
        `Each program has ${WARM.toLocaleString('en')} publishes behind it before those that are measured (100 with \`--quick\`).`,
        'Bytes are asked for when source and target have been looked at and the provider is told to write. The permit is granted, and `transfer.started` logged, when the lease is the majority’s and the record was read again; both go on at the same time.',
        'The raw watcher is the driver alone in a process of its own: `watch()` on the collection, whole documents, nothing done with them.',
        pauses,
      ],
      leftOut: [],
    }
  },
}
