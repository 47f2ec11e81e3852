import { parseArgs } from 'node:util'

import { BenchServer } from '../support/bench-server.ts'
import { measureLists, type ListTime } from './lists.ts'
import { measureScrolling } from './scrolling.ts'
import { listsTable, scrollingTable } from './tables.ts'

// What the page costs who looks: the first rows at a million representations, and frames while 100,000 rows are scrolled.

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    scrolling: { type: 'boolean', default: false },
    lists: { type: 'boolean', default: false },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)

if (!values.lists) {
  say('Scrolling, in Chromium without a screen:')
  const times = await measureScrolling(values.quick ? 10_000 : 100_000)
  for (const { of, rowsPerSecond, framesPerSecond, median, late, work, nodes } of times) {
    const most = times.find((each) => each.of === 'nothing to draw' && each.rowsPerSecond === rowsPerSecond)
    const share = Math.round((framesPerSecond / (most?.framesPerSecond ?? framesPerSecond)) * 100)
    say(
      `${String(rowsPerSecond).padStart(5)} rows a second, ${of}: ${framesPerSecond.toFixed(1)} frames a second (${share} % of what nothing to draw gives), ${median.toFixed(1)} ms between two at the median, ${late.toFixed(1)} ms at p99; the main thread works ${work.toFixed(1)} ms a frame; ${nodes} nodes`,
    )
  }
  sayTable(scrollingTable(times))
}
if (!values.scrolling) {
  await using server = await BenchServer.start()
  const all: ListTime[] = []
  for (const shape of ['array', 'object'] as const) {
    const times = await measureLists(server, shape, values.quick ? 20_000 : 1_000_000, say)
    all.push(...times)
    const slow = times.filter(({ isMet, status }) => !isMet && status === 200)
    say(
      slow.length === 0 ? `${shape}: all within the goal` : `${shape}: slower than the goal: ${slow.map(({ query }) => query).join(', ')}`,
    )
  }
  sayTable(listsTable(all))
}

/** As `docs/performance.md` has them. */
function sayTable(lines: readonly string[]): void {
  say('')
  for (const line of lines) say(line)
  say('')
}
