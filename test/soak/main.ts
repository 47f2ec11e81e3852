// `npm run soak -- --minutes 30 [--files 3000] [--every 20] [--seed 1]`
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { Command } from 'commander'
import { MongoClient } from 'mongodb'

import { startReplicaSet } from '../../replica-set-dev/start-replica-set.ts'
import { startFakeDrive } from '../support/fake-drive/fake-drive.ts'
import { DISTURBANCES } from './disturbances.ts'
import { Instance, type Success } from './instance.ts'
import { Production, TARGETS } from './production.ts'

const DATABASE = 'soak'

const options = new Command('soak')
  .description('Two instances, three members, a drive, and something that goes wrong every few seconds; proves the final state exact.')
  .option('--minutes <n>', 'how long things go wrong', Number, 30)
  .option('--files <n>', 'files to publish meanwhile', Number, 3_000)
  .option('--every <seconds>', 'between two disturbances', Number, 20)
  .option('--seed <n>', 'of the choice of disturbances', Number, 1)
  .parse()
  .opts<{ minutes: number; files: number; every: number; seed: number }>()

/** The same disturbances for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const random = randomOf(options.seed)
const folder = await mkdtemp(join(tmpdir(), 'site-sync-soak-'))
await using set = await startReplicaSet({ members: 3 })
await using drive = await startFakeDrive()
drive.addSharedDrive('Show')
const [studio, nas] = [join(folder, 'studio'), join(folder, 'nas')]
await mkdir(studio)
await mkdir(nas)
const config = join(folder, 'config.json')
const general = {
  publish_site: 'studio',
  remote_site: 'gdrive',
  loop_delay: 5,
  lease_seconds: 6,
  retry_cnt: 3,
  mongo: { uri: set.uri, database: DATABASE, state_database: 'soak_state' },
}
const sites = {
  studio: { provider: 'local_drive', root: studio },
  nas: { provider: 'local_drive', root: nas },
  gdrive: { provider: 'gdrive', root: '/Show', credentials_url: await drive.writeCredentials(folder), api_endpoint: drive.endpoint },
}
await writeFile(config, JSON.stringify({ ...general, sites }))

const client = await new MongoClient(set.uri, { serverSelectionTimeoutMS: 30_000, socketTimeoutMS: 15_000 }).connect()
const production = new Production(studio, client.db(DATABASE).collection('show'))
const successes: Success[] = []
const instances = [1, 2].map(() => new Instance(config, (success) => successes.push(success)))
for (const instance of instances) instance.start()

const startedAt = performance.now()
const endsAt = startedAt + options.minutes * 60_000
const counts: Record<string, number> = {}

async function publish(): Promise<void> {
  while (production.files.length < options.files) {
    const due = Math.min(1, (performance.now() - startedAt) / (options.minutes * 60_000 * 0.95)) * options.files
    if (production.files.length < due)
      await production.publish(Math.min(1 + Math.floor(random() * 12), options.files - production.files.length))
    else await delay(50)
  }
}

async function disturb(): Promise<void> {
  const kinds = Object.keys(DISTURBANCES)
  for (let next = startedAt + (options.every * 1_000) / 2; next < endsAt; next += options.every * 1_000) {
    await delay(Math.max(0, next - performance.now()))
    const kind = kinds[Math.floor(random() * kinds.length)] as string
    counts[kind] = (counts[kind] ?? 0) + 1
    say({
      second: Math.round((performance.now() - startedAt) / 1_000),
      disturbance: kind,
      published: production.files.length,
      succeeded: successes.length,
    })
    await DISTURBANCES[kind]?.({ set, drive, instances, random })
  }
}

/** Of the time in which something was pending nearly always. */
function longestGapSeconds(): number {
  const times = [startedAt, ...successes.map(({ at }) => at)].toSorted((a, b) => a - b)
  return Math.max(0, ...times.map((at, index) => at - (times[index - 1] ?? at))) / 1_000
}

await Promise.all([publish(), disturb()])
drive.clearFaults()
for (const member of set.members) await set.startMember(member)
const deadline = performance.now() + 180_000
let open = await production.open()
while (open > 0 && performance.now() < deadline) {
  await delay(500)
  open = await production.open()
}

const stored = drive.files()
const byPath = Map.groupBy(stored, ({ path }) => path)
const expected = new Map(production.files.map(({ path, md5 }) => [`Show/${path}`, md5]))
const result = {
  minutes: options.minutes,
  files: production.files.length,
  records: production.files.length * TARGETS.length,
  disturbances: counts,
  unmarked: open,
  lost: { nas: await production.wrongIn(nas), gdrive: [...expected].filter(([path, md5]) => byPath.get(path)?.[0]?.md5 !== md5).length },
  duplicates: stored.length - byPath.size,
  strangers: [...byPath.keys()].filter((path) => !expected.has(path)).length,
  secondUploads: stored.filter(({ revisions }) => revisions > 1).length,
  longestGapSeconds: Math.round(longestGapSeconds() * 10) / 10,
  exitCodes: await Promise.all(instances.map(async (instance) => instance.end('SIGTERM'))),
}
say(result)
await client.close()
await rm(folder, { recursive: true, force: true })
const isExact = open === 0 && result.lost.nas === 0 && result.lost.gdrive === 0 && result.duplicates === 0 && result.strangers === 0
process.exitCode = isExact && result.exitCodes.every((code) => code === 0) ? 0 : 1
