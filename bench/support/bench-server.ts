import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { MongoClient, type Collection, type Db } from 'mongodb'

import type { ReplicaSet } from '../../replica-set-dev/replica-set.ts'
import { startReplicaSet, type StartOptions } from '../../replica-set-dev/start-replica-set.ts'
import type { Representation } from '../../test/support/published.ts'
import { temporaryFolder } from './leftovers.ts'

/** One production: its databases, and folders for its sites. */
export interface Production {
  readonly name: string
  readonly db: Db
  readonly state: Db
  readonly dir: string
  /** The representations. */
  readonly collection: Collection<Representation>
  /** Of `studio` and `mirror`, both on disk. */
  readonly studio: string
  readonly mirror: string
  /** Writes a configuration as a user would, and gives its path; `general` and `sites` add to it. */
  config(more?: { readonly general?: object; readonly sites?: object }): Promise<string>
}

/** A replica set with the default durability, a client that writes with majority, and a folder; all go together. */
export class BenchServer implements AsyncDisposable {
  readonly uri: string
  readonly client: MongoClient
  readonly dir: string
  readonly set: ReplicaSet
  readonly #stack: AsyncDisposableStack
  #productions = 0

  private constructor(parts: { uri: string; client: MongoClient; dir: string; set: ReplicaSet; stack: AsyncDisposableStack }) {
    this.uri = parts.uri
    this.client = parts.client
    this.dir = parts.dir
    this.set = parts.set
    this.#stack = parts.stack
  }

  static async start({ members = 1 }: Pick<StartOptions, 'members'> = {}): Promise<BenchServer> {
    await using stack = new AsyncDisposableStack()
    const { path: dir } = stack.use(await temporaryFolder())
    const set = stack.use(await startReplicaSet({ members }))
    const { uri } = set
    const client = new MongoClient(uri, { writeConcern: { w: 'majority' }, readConcernLevel: 'majority', maxPoolSize: 64 })
    stack.defer(async () => client.close())
    await client.connect()
    return new BenchServer({ uri, client, dir, set, stack: stack.move() })
  }

  /** Of the mongod; of the first of several. */
  get pid(): number {
    return this.set.members[0]?.pid ?? 0
  }

  /** A new one, with its (empty) collection. */
  async production(): Promise<Production> {
    const name = `bench_${++this.#productions}`
    const db = this.client.db(name)
    const state = this.client.db(`${name}_state`)
    const dir = join(this.dir, name)
    const [studio, mirror] = [join(dir, 'studio'), join(dir, 'mirror')]
    await mkdir(studio, { recursive: true })
    const collection = await db.createCollection<Representation>('prj')
    return {
      name,
      db,
      state,
      dir,
      collection,
      studio,
      mirror,
      config: async ({ general = {}, sites = {} } = {}) => {
        const config = {
          publish_site: 'studio',
          remote_site: 'mirror',
          mongo: { uri: this.uri, database: db.databaseName, state_database: state.databaseName },
          sites: {
            studio: { provider: 'local_drive', root: { work: studio } },
            mirror: { provider: 'local_drive', root: { work: mirror } },
            ...sites,
          },
          ...general,
        }
        const file = join(dir, 'config.json')
        await writeFile(file, JSON.stringify(config))
        return file
      },
    }
  }

  /** Gives its room and memory back. */
  async drop({ db, state }: Production): Promise<void> {
    await Promise.all([db.dropDatabase(), state.dropDatabase()])
  }

  /** How often each command has been run since the server started. */
  async commands(): Promise<ReadonlyMap<string, number>> {
    const status = await this.client.db('admin').command({ serverStatus: 1 })
    const commands = Object.entries(status['metrics'].commands as Record<string, { total?: unknown }>)
    return new Map(commands.flatMap(([name, { total }]) => (total === undefined ? [] : [[name, Number(total)]])))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}
