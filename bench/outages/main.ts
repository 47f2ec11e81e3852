// `npm run bench:outages [-- --quick --turns 5 --only down]`: how long it takes until work goes on after an outage of MongoDB. See docs/performance.md.
import { parseArgs } from 'node:util'

import { BenchServer } from '../support/bench-server.ts'
import { spread } from '../support/statistics.ts'
import { spreadText } from '../support/wording.ts'
import { OutageBench, type Times } from './measure.ts'
import { outages } from './outages.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    turns: { type: 'string' },
    /** A part of the name of those outages that are measured. */
    only: { type: 'string', default: '' },
  },
})
const turns = Number(values.turns ?? (values.quick ? 1 : 5))
if (!Number.isInteger(turns) || turns < 1) throw new Error(`--turns ${values.turns}: a whole number from 1`)
const say = (line: string): void => void process.stdout.write(`${line}\n`)
// Ends in good order: what was started ends with the process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

await using server = await BenchServer.start({ members: 3 })
await using bench = await OutageBench.start(server)
const all = outages(values.quick ? [2] : [10, 60]).filter(({ name }) => name.includes(values.only))
const measured = new Map(all.map(({ name }) => [name, [] as Times[]]))
for (let turn = 1; turn <= turns; turn++) {
  for (const outage of all) {
    const times = await bench.measure(outage)
    measured.get(outage.name)?.push(times)
    const each = Object.entries(times).map(([name, ms]) => `${name} ${(Number(ms) / 1_000).toFixed(2)} s`)
    say(`turn ${turn} of ${turns}, ${outage.name}: ${each.join(', ')}`)
  }
}

say('\nSeconds since the outage began (all members down: since they were started again); median (least–most)\n')
say(
  '| | publish taken | raw `updateOne` | raw `watch()` | started | `created_dt` | started, less publish taken | started, of raw `watch()` |',
)
say('| --- | --- | --- | --- | --- | --- | --- | --- |')
for (const [name, times] of measured) {
  const of = (value: (each: Times) => number): string => spreadText(spread(times.map(value)))
  const seconds = (value: (each: Times) => number): string => of((each) => value(each) / 1_000)
  const cells = [
    seconds(({ published }) => published),
    seconds(({ rawWrite }) => rawWrite),
    seconds(({ rawSeen }) => rawSeen),
    seconds(({ started }) => started),
    seconds(({ succeeded }) => succeeded),
    seconds(({ started, published }) => started - published),
    `${of(({ started, rawSeen }) => started / rawSeen)} ×`,
  ]
  say(`| ${name} | ${cells.join(' | ')} |`)
}
