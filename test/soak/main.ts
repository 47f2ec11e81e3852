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
import { Production } from './production.ts'

const DATABASE = 'soak'

const options = new Command('soak')
  .description(
    'Two instances and that of an artist, three members, a drive, and something that happens every few seconds; proves the final state exact.',
  )
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
const folders = { studio: join(folder, 'studio'), nas: join(folder, 'nas'), artist: join(folder, 'artist') }
for (const each of Object.values(folders)) await mkdir(each)
const credentials = await drive.writeCredentials(folder)
const local = (site: keyof typeof folders): object => ({ provider: 'local_drive', root: folders[site] })
const gdrive = { provider: 'gdrive', root: '/Show', credentials_url: credentials, api_endpoint: drive.endpoint }
const general = {
  remote_site: 'gdrive',
  loop_delay: 5,
  lease_seconds: 6,
  retry_cnt: 3,
  mongo: { uri: set.uri, database: DATABASE, state_database: 'soak_state' },
}

/** Of one machine: where it publishes, and what else it reaches. */
async function writeConfig(publishSite: keyof typeof folders, sites: Readonly<Record<string, object>>): Promise<string> {
  const file = join(folder, `${publishSite}.json`)
  const own = { publish_site: publishSite, local_id: publishSite }
  await writeFile(file, JSON.stringify({ ...general, ...own, sites: { [publishSite]: local(publishSite), gdrive, ...sites } }))
  return file
}

const config = await writeConfig('studio', { nas: local('nas') })
const configOfArtist = await writeConfig('artist', {})

const client = await new MongoClient(set.uri, { serverSelectionTimeoutMS: 30_000, socketTimeoutMS: 15_000 }).connect()
const production = new Production(folders, client.db(DATABASE).collection('show'))
const successes: Success[] = []
const instances = [config, config, configOfArtist].map((each) => new Instance(each, (success) => successes.push(success)))
for (const instance of instances) instance.start()

const startedAt = performance.now()
const endsAt = startedAt + options.minutes * 60_000
const counts: Record<string, number> = {}

/** When the last file was published. */
let publishedAt = Infinity
async function publish(): Promise<void> {
  while (production.files.length < options.files) {
    const due = Math.min(1, (performance.now() - startedAt) / (options.minutes * 60_000 * 0.95)) * options.files
    if (production.files.length < due)
      await production.publish(Math.min(1 + Math.floor(random() * 12), options.files - production.files.length))
    else await delay(50)
  }
  publishedAt = performance.now()
}

/** Of what has been published so far. */
const someName = (): string => production.names[Math.floor(random() * production.names.length)] ?? 'r0'

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
    await DISTURBANCES[kind]?.({ set, drive, instances, config, someName, random })
  }
}

/** Of the time in which something was pending nearly always: until all was published. */
function longestGapSeconds(): number {
  const times = [startedAt, ...successes.map(({ at }) => at).filter((at) => at <= publishedAt)].toSorted((a, b) => a - b)
  return Math.max(0, ...times.map((at, index) => at - (times[index - 1] ?? at))) / 1_000
}

await Promise.all([publish(), disturb()])
drive.clearFaults()
for (const member of set.members) await set.startMember(member)
const deadline = performance.now() + 180_000
let open = await production.open()
while (open.length > 0 && performance.now() < deadline) {
  await delay(500)
  open = await production.open()
}

for (const { ready } of instances) await ready
const stored = drive.files()
const byPath = Map.groupBy(stored, ({ path }) => path)
const expected = new Map(production.at('gdrive').map(({ path, md5 }) => [`Show/${path}`, md5]))
const wrong = Object.entries(folders).map(async ([site, each]) => [site, await production.wrongAt(site, each)] as const)
const lost: Readonly<Record<string, number>> = {
  ...Object.fromEntries(await Promise.all(wrong)),
  gdrive: [...expected].filter(([path, md5]) => byPath.get(path)?.[0]?.md5 !== md5).length,
}
const result = {
  minutes: options.minutes,
  files: production.files.length,
  records: production.records,
  disturbances: counts,
  unmarked: open.length,
  lost,
  duplicates: stored.length - byPath.size,
  strangers: [...byPath.keys()].filter((path) => !expected.has(path)).length,
  secondUploads: stored.filter(({ revisions }) => revisions > 1).length,
  longestGapSeconds: Math.round(longestGapSeconds() * 10) / 10,
  exitCodes: await Promise.all(instances.map(async (instance) => instance.end('SIGTERM'))),
}
for (const record of open.slice(0, 10)) say({ unmarked: record })
say(result)
await client.close()
await rm(folder, { recursive: true, force: true })
const isExact = open.length === 0 && Object.values(lost).every((count) => count === 0) && result.duplicates === 0 && result.strangers === 0
process.exitCode = isExact && result.exitCodes.every((code) => code === 0) ? 0 : 1
