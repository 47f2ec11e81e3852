import type { ListTime } from './lists.ts'
import type { ScrollTime } from './scrolling.ts'

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
const head = (cells: readonly string[]): readonly string[] => [line(cells), line(cells.map(() => '---'))]

/** The first rows of each list, a column for each shape of records. */
export function listsTable(times: readonly ListTime[]): readonly string[] {
  const shapes = [...new Set(times.map(({ shape }) => shape))]
  const queries = [...new Set(times.map(({ query }) => query))]
  const cell = (query: string, shape: string): string => {
    const time = times.find((each) => each.query === query && each.shape === shape)
    return time ? cellOf(time) : ''
  }
  return [
    ...head(['the first rows', ...shapes]),
    ...queries.map((query) => line([`\`${query.replace('transfers?limit=200&', '')}\``, ...shapes.map((shape) => cell(query, shape))])),
  ]
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`

function cellOf({ status, median, rows, until }: ListTime): string {
  if (status !== 200) return `refused (${status})`
  const first = `${median.toFixed(0)} ms (${rows})`
  if (!until) return first
  return `${first}; ${until.rows === 0 ? 'known to be none' : `${until.rows} rows`} after ${seconds(until.whole)}, requests: ${until.requests}, of ${seconds(until.slowest)} at most`
}

const frames = (time: ScrollTime | undefined): string => time?.framesPerSecond.toFixed(0) ?? ''
const work = (time: ScrollTime | undefined): string => time?.work.toFixed(1) ?? ''

/** A row for each speed. */
export function scrollingTable(times: readonly ScrollTime[]): readonly string[] {
  const at = (rowsPerSecond: number, of: string): ScrollTime | undefined =>
    times.find((each) => each.rowsPerSecond === rowsPerSecond && each.of === of)
  return [
    ...head(['rows a second', 'the page', 'its work', 'nothing to draw', 'plain rows', 'their work']),
    ...[...new Set(times.map(({ rowsPerSecond }) => rowsPerSecond))].map((speed) => {
      const [page, empty, plain] = ['the page', 'nothing to draw', 'plain rows'].map((of) => at(speed, of))
      return line([speed, frames(page), work(page), frames(empty), frames(plain), work(plain)])
    }),
  ]
}
