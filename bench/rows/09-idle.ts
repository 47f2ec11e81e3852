import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { Row } from '../row.ts'
import { BenchServer } from '../support/bench-server.ts'
import { buildProgram } from '../support/built-program.ts'
import { cpuSecondsOf } from '../support/cpu-time.ts'
import { makeRepresentations } from '../support/many-representations.ts'
import { nodeOptions } from '../support/node-options.ts'
import { PlainProcess } from '../support/plain-process.ts'

/** Seconds between two scans: half of what is usual, so that there is one in each of the times that are measured. */
const LOOP_DELAY = 30
/** After the first scan, until what only a start costs is over. */
const SETTLE_MS = 5_000

/** JavaScript, as the service is when it is installed. */
const RAW_WATCHER = `
  import { MongoClient } from 'mongodb'
  const [uri, database] = process.argv.slice(2)
  const client = await new MongoClient(uri).connect()
  const stream = client.db(database).watch()
  stream.once('resumeTokenChanged', () => console.log('watching'))
  stream.on('change', () => {})
`

export const row: Row = {
  number: 9,
  title: 'The idle service.',
  async run({ quick, runs, say }) {
    const [count, windowMs] = quick ? [10_000, 4_000] : [1_000_000, LOOP_DELAY * 1_000]
    const cpu = { ours: [] as number[], theirs: [] as number[] }
    const rss = { ours: [] as number[], theirs: [] as number[] }
    await using program = await buildProgram()
    await using server = await BenchServer.start()
    const production = await server.production()
    say(`row 9: ${count.toLocaleString('en-US')} representations are made`)
    await makeRepresentations(production.db, production.collection.collectionName, { count, shape: 'array', pending: 0 })

    await using service = new PlainProcess([
      ...nodeOptions(),
      program.main,
      'run',
      '--config',
      await production.config({ general: { loop_delay: LOOP_DELAY } }),
    ])
    await Promise.all([service.says('"database.index"'), service.says('"scan.finished"')])
    const watcherFile = join(program.dir, 'raw-watcher.mjs')
    await writeFile(watcherFile, RAW_WATCHER)
    await using watcher = new PlainProcess([watcherFile, server.uri, production.db.databaseName])
    await watcher.says('watching')
    await delay(SETTLE_MS)

    for (let run = 1; run <= runs; run++) {
      say(`row 9: run ${run} of ${runs}: both idle for ${windowMs / 1_000} s`)
      const before = [service, watcher].map(({ pid }) => cpuSecondsOf(pid))
      await delay(windowMs)
      const shares = [service, watcher].map(({ pid }, which) => (100 * 1_000 * (cpuSecondsOf(pid) - (before[which] ?? 0))) / windowMs)
      cpu.ours.push(shares[0] ?? NaN)
      cpu.theirs.push(shares[1] ?? NaN)
      rss.ours.push(service.rss)
      rss.theirs.push(watcher.rss)
    }
    const common = { baseline: 'a process with a raw `watch()`' }
    return {
      comparisons: [
        { what: 'processor', unit: '% of a core', ...cpu, ...common, goal: { of: 'value', bound: 'at most', limit: 1 } },
        { what: 'memory (RSS)', unit: 'MiB', ...rss, ...common, goal: { of: 'ratio', bound: 'at most', limit: 1.5 } },
      ],
      notes: [
        `Over ${count.toLocaleString('en-US')} representations, none of which wants anything. Both processes run at the same time, for ${windowMs / 1_000} s a run; the service scans every ${LOOP_DELAY} s, twice as often as by default.`,
        'The service as it is installed (JavaScript, built by `npm run build`), started by its command line.',
      ],
      leftOut: [],
    }
  },
}
