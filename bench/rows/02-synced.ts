import type { Comparison, Row } from '../row.ts'
import { pausesNote } from '../support/machine-pauses.ts'
import { pacedRuns, RATES } from '../support/paced-runs.ts'
import { quantile } from '../support/statistics.ts'

const GOALS = new Map([
  [0.5, 1.5],
  [0.99, 2],
])

export const row: Row = {
  number: 2,
  title: 'From publish to `created_dt`, a 64 KiB file to a local site.',
  async run(options) {
    const pauses = pausesNote(options.quick)
    const comparisons: Comparison[] = []
    for (const rate of RATES) {
      const runs = await pacedRuns(options, rate)
      for (const [share, limit] of GOALS) {
        comparisons.push({
          what: `publish → \`created_dt\`, p${share * 100}, ${rate} a second`,
          unit: 'ms',
          ours: runs.map(({ ours }) => quantile(ours.marked, share)),
          baseline: 'raw `watch()`, a durable copy, raw `updateOne`',
          theirs: runs.map(({ raw }) => quantile(raw.marked, share)),
          goal: { of: 'ratio', bound: 'at most', limit },
        })
      }
    }
    return {
      comparisons,
      notes: [
        'The same publishes as in row 1, from the call of `insertOne` until the write of `created_dt` is acknowledged by the majority.',
        'Both copy the file to a temporary one, sync it, rename it and sync its folder. Ours takes a lease first, reads the copy back and compares the checksums; the baseline answers each event with its copy and one `updateOne` by `_id`, and nothing else.',
        pauses,
      ],
      leftOut: [],
    }
  },
}
