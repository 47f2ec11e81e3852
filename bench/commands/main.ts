// `npm run bench:commands [-- --quick --shape array --documents 1000000]`: what commands cost on a selection in a large project. See docs/performance.md.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { createIndexes } from '../../src/streams/indexes.ts'
import { ARRAY_INDEX, objectIndex } from '../../src/streams/pending-query.ts'
import { plainEnvironment } from '../../test/support/plain-environment.ts'
import { BenchServer, type Production } from '../support/bench-server.ts'
import { atExit } from '../support/leftovers.ts'
import { changeRecords, makeRepresentations, type Shape } from '../support/many-representations.ts'
import { memoryOf } from '../support/memory-of.ts'

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, shape: { type: 'string' }, documents: { type: 'string' } },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const COUNTS = values.documents !== undefined ? [Number(values.documents)] : values.quick ? [2_000, 20_000] : [100_000, 1_000_000]

interface Ran {
  readonly code: number | null
  readonly seconds: number
  readonly peak: number
  /** The end of what it printed. */
  readonly end: string
}

/** A command as a process of its own; `interruptAfterMs` is when Ctrl-C is pressed. */
async function run(config: string, args: readonly string[], interruptAfterMs?: number): Promise<Ran & { readonly endedAfterMs: number }> {
  const began = performance.now()
  const child = spawn(process.execPath, [MAIN, ...args, '--config', config, '--json'], {
    env: plainEnvironment(),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const forget = atExit(() => child.kill('SIGKILL'))
  let end = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (end = (end + text).slice(-1_000)))
  const ended = once(child, 'close')
  let interruptedAt = 0
  const timer =
    interruptAfterMs !== undefined &&
    setTimeout(() => {
      interruptedAt = performance.now()
      child.kill('SIGINT')
    }, interruptAfterMs)
  let peak = 0
  const looking = setInterval(() => {
    try {
      const now = memoryOf(child.pid as number)
      if (now > peak) peak = now
    } catch {
      // It has ended.
    }
  }, 50)
  await ended
  clearInterval(looking)
  if (timer) clearTimeout(timer)
  forget()
  const now = performance.now()
  return { code: child.exitCode, seconds: (now - began) / 1_000, peak, end, endedAfterMs: interruptedAt === 0 ? 0 : now - interruptedAt }
}

async function measure(server: BenchServer, shape: Shape, count: number): Promise<void> {
  const production: Production = await server.production()
  const { db, collection } = production
  await makeRepresentations(db, collection.collectionName, { count, shape, pending: count / 100 })
  // As a service has made them.
  const indexes = [ARRAY_INDEX, ...['studio', 'mirror'].flatMap((site) => objectIndex(site) ?? [])]
  await createIndexes(server.client, db.databaseName, collection.collectionName, indexes)
  const failed = { $expr: { $eq: [{ $mod: ['$data.n', 100] }, 0] } }
  await changeRecords(collection, shape, failed, { set: { tries: 3, error: 'the quota is used up' } })
  const config = await production.config({ sites: { nas: { provider: 'local_drive', root: { work: production.dir } } } })
  say(`${count.toLocaleString('en-US')} documents, records as ${shape}`)
  const commands: readonly (readonly string[])[] = [
    ['retry', '--error', 'quota', '--dry-run'],
    ['pause', '--site', 'mirror', '--state', 'exhausted'],
    ['resume', '--site', 'mirror', '--state', 'paused'],
    ['retry', '--error', 'quota'],
    ['diff', 'studio', 'mirror'],
    ['add-site', '--site', 'nas', '--all', '--dry-run'],
  ]
  for (const args of commands) {
    const { code, seconds, peak, end } = await run(config, args)
    const rate = Math.round(count / seconds).toLocaleString('en-US')
    say(
      `  exit ${code}, ${seconds.toFixed(1).padStart(6)} s, ${rate.padStart(9)} documents/s, ${peak.toFixed(0).padStart(4)} MiB: ${args.join(' ')}`,
    )
    say(`      ${/"records":.*/.exec(end.replaceAll(/\s+/g, ' '))?.[0] ?? end}`)
  }
  const stopped = await run(config, ['priority', '70', '--site', 'mirror', '--all'], values.quick ? 1_500 : 8_000)
  const record = shape === 'array' ? 'files.sites.priority' : 'files.sites.mirror.priority'
  const done = await collection.countDocuments({ [record]: 70 })
  const said = Number(/"records":\s*(\d+)/.exec(stopped.end)?.[1])
  say(
    `  Ctrl-C: ended after ${stopped.endedAfterMs.toFixed(0)} ms with exit ${stopped.code}; it said ${said} records, and ${done} are changed`,
  )
  const rest = await run(config, ['priority', '70', '--site', 'mirror', '--all'])
  const changed = await collection.countDocuments({ [record]: 70 })
  say(`  again: ${rest.seconds.toFixed(1)} s, exit ${rest.code}; ${changed} of ${count} are changed`)
  await server.drop(production)
}

await using server = await BenchServer.start()
const shapes = (['array', 'object'] as const).filter((shape) => values.shape === undefined || shape === values.shape)
for (const shape of shapes) for (const count of COUNTS) await measure(server, shape, count)
