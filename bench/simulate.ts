// `npm run bench:simulate [-- --rate 200 …]`: what many instances on a sharded cluster would do. See docs/performance.md.
import { parseArgs } from 'node:util'

import { requireNode } from '../src/require-node.ts'
import { simulate, type ClusterOptions, type ClusterResult } from './simulation/cluster.ts'

requireNode()

const OPTIONS = {
  instances: { type: 'string', default: '1,10,100,1000' },
  shards: { type: 'string', default: '1,8' },
  /** Publishes a second, of one file each. */
  rate: { type: 'string', default: '150' },
  publishes: { type: 'string', default: '1000' },
  cores: { type: 'string', default: '4' },
  concurrency: { type: 'string', default: '4' },
  'round-trip-ms': { type: 'string', default: '1' },
  'upload-ms': { type: 'string', default: '60' },
  'requests-per-minute': { type: 'string', default: '12000' },
  seed: { type: 'string', default: '1' },
} as const

/**
 * Of a primary's core: about what a file costs mongod in row 3, shared out by a profile of it. Bytes of the
 * oplog: the publish 740, the lease 693, the result 425, the lease given back 205, as found in the oplog after 500 one-file publishes.
 */
const COSTS: ClusterOptions['costs'] = { eventMs: 0.1, readMs: 0.06, claimMs: 0.25, resultMs: 0.4, releaseMs: 0.2, oplogBytes: 2_063 }

const { values } = parseArgs({ options: OPTIONS })

function numbers(option: keyof typeof OPTIONS): number[] {
  const given = values[option].split(',').map(Number)
  if (!given.every((number) => Number.isFinite(number) && number > 0)) throw new Error(`--${option} ${values[option]}: numbers above 0`)
  return given
}

const number = (option: keyof typeof OPTIONS): number => numbers(option)[0] as number

const common = {
  coresPerPrimary: number('cores'),
  concurrency: number('concurrency'),
  roundTripMs: number('round-trip-ms'),
  uploadMs: number('upload-ms'),
  publishesPerSecond: number('rate'),
  publishes: number('publishes'),
  requestsPerMinute: number('requests-per-minute'),
  costs: COSTS,
  seed: number('seed'),
} satisfies Partial<ClusterOptions>

const HEAD = ['instances', 'shards', 'who asks', 'files/s', 'p50 ms', 'p99 ms', 'claims/file', 'busiest primary', 'oplog MB/s']

function line(strategy: string, instances: number, shards: number, result: ClusterResult): string[] {
  const { filesPerSecond, p50, p99, claimsPerFile, load, oplogMBPerSecond } = result
  return [
    String(instances),
    String(shards),
    strategy,
    filesPerSecond.toFixed(0),
    p50.toFixed(0),
    p99.toFixed(0),
    claimsPerFile.toFixed(1),
    `${(load * 100).toFixed(0)} %`,
    oplogMBPerSecond.toFixed(2),
  ]
}

const print = (cells: readonly string[]): void => void process.stdout.write(`| ${cells.join(' | ')} |\n`)
print(HEAD)
print(HEAD.map(() => '---'))
for (const shards of numbers('shards'))
  for (const instances of numbers('instances'))
    for (const strategy of ['race', 'prefer'] as const)
      print(line(strategy, instances, shards, simulate({ ...common, strategy, instances, shards })))
