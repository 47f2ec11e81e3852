/** What a row of the table is held to. `ratio`: ours / baseline; `difference`: ours - baseline; `value`: ours alone. */
export interface Goal {
  readonly of: 'ratio' | 'difference' | 'value'
  readonly bound: 'at most' | 'at least'
  readonly limit: number
}

/** One figure, several times: ours and its baseline in turn, on the same machine, in the same run. */
export interface Comparison {
  /** Such as "publish -> upload start, p50". */
  readonly what: string
  readonly unit: 'ms' | 's' | 'files/s' | 'MB/s' | 'MiB' | '% of a core' | 'requests/file' | 's CPU'
  readonly ours: readonly number[]
  /** What it is compared with, such as "raw watch()". */
  readonly baseline: string
  /** One a run, measured next to ours; empty when the goal is a value. */
  readonly theirs: readonly number[]
  /** None: shown for its own sake. */
  readonly goal?: Goal
}

export interface RowResult {
  readonly comparisons: readonly Comparison[]
  /** What a reader must know: sizes, settings, round trips counted. One sentence each. */
  readonly notes: readonly string[]
  /** Baselines that could not be had here, and why. */
  readonly leftOut: readonly string[]
}

export interface RowOptions {
  /** Small sizes and one run: to find gross regressions within seconds. */
  readonly quick: boolean
  /** Measured runs, after one that warms up. */
  readonly runs: number
  /** A line for whoever waits. */
  readonly say: (line: string) => void
}

/** A row of the table in `docs/performance.md`: a file of `bench/rows`. */
export interface Row {
  readonly number: number
  readonly title: string
  readonly run: (options: RowOptions) => Promise<RowResult>
}
