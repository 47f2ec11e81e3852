import type { Comparison, Row } from '../row.ts'
import { PER_SECOND, pacedRuns } from '../support/paced-runs.ts'
import { quantile } from '../support/statistics.ts'

export const row: Row = {
  number: 2,
  title: 'From publish to `created_dt`, a 64 KiB file to a local site.',
  async run(options) {
    const runs = await pacedRuns(options)
    const compared = (share: number): Comparison => ({
      what: `publish → \`created_dt\`, p${share * 100}`,
      unit: 'ms',
      ours: runs.map(({ ours }) => quantile(ours.marked, share)),
      baseline: 'raw `watch()` + raw `updateOne`',
      theirs: runs.map(({ raw }) => quantile(raw.marked, share)),
      goal: { of: 'ratio', bound: 'at most', limit: 3 },
    })
    return {
      comparisons: [compared(0.5), compared(0.99)],
      notes: [
        `The same ${PER_SECOND} publishes a second as in row 1, from the call of \`insertOne\` until the write of \`created_dt\` is acknowledged by the majority.`,
        'Ours copies the file, syncs it and its folder to the disk, reads it back, compares the checksums and then writes. The baseline copies nothing: it answers the event with one `updateOne` by `_id`.',
      ],
      leftOut: [],
    }
  },
}
