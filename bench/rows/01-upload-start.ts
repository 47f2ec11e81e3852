import type { Comparison, Row } from '../row.ts'
import { PER_SECOND, pacedRuns, type PacedRun } from '../support/paced-runs.ts'
import { quantile } from '../support/statistics.ts'

export const row: Row = {
  number: 1,
  title: 'From publish to the start of the upload.',
  async run(options) {
    const runs = await pacedRuns(options)
    const compared = (name: string, share: number, ours: (run: PacedRun) => number[]): Comparison => ({
      what: `publish → ${name}, p${share * 100}`,
      unit: 'ms',
      ours: runs.map((run) => quantile(ours(run), share)),
      baseline: 'raw `watch()`',
      theirs: runs.map(({ raw }) => quantile(raw.seen, share)),
    })
    const goal = { of: 'ratio', bound: 'at most', limit: 1.5 } as const
    return {
      comparisons: [
        { ...compared('upload start', 0.5, ({ ours }) => ours.started), goal },
        { ...compared('upload start', 0.99, ({ ours }) => ours.started), goal },
        compared('bytes asked for', 0.5, ({ ours }) => ours.uploading),
        compared('bytes asked for', 0.99, ({ ours }) => ours.uploading),
      ],
      notes: [
        `${PER_SECOND} publishes a second, each an \`insertOne\` with majority, begun on time whether or not others have ended; time runs from its call.`,
        'Upload start is when `transfer.started` is logged: the change was seen, the document read, the place claimed, the record read again. Bytes are asked for when source and target have been looked at and the provider is told to write.',
        'The raw watcher is the driver alone in a process of its own: `watch()` on the collection, whole documents, nothing done with them.',
      ],
      leftOut: [],
    }
  },
}
