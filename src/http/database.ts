import { messageOf } from '../errors.ts'
import { projectSettings } from '../model/project-settings.ts'
import type { Settings } from '../model/settings.ts'
import type { DocumentReader } from '../model/stores.ts'
import type { ProviderPoolParts } from '../providers/provider-pool.ts'
import { openInspection, type Inspection } from '../service/inspection.ts'
import { sitesToTell } from '../service/list-representations.ts'
import { RecordFeed } from '../service/record-feed.ts'
import { close, inTime } from '../service/within.ts'
import { connect, type Connections } from '../streams/connect.ts'
import { NAMES } from '../streams/listing.ts'
import { PatientClient } from '../streams/patient-client.ts'
import { primaryFault } from '../streams/primary-fault.ts'
import { representationReader } from '../streams/representation-reader.ts'

export interface DatabaseParts {
  /** As they are now. */
  readonly settings: () => Settings
  readonly openProvider?: ProviderPoolParts['open'] | undefined
}

/** How long MongoDB has to say that it has a primary. Milliseconds. */
const PATIENCE_MS = 3_000

interface Opened {
  readonly settings: Settings
  readonly inspection: Promise<Inspection>
}

/** Connections of its own, so that nobody who looks takes one that a transfer needs; opened when first asked for. */
export class HttpDatabase implements AsyncDisposable {
  readonly connections: Connections
  readonly #parts: DatabaseParts
  readonly #patient: PatientClient
  #connected: Promise<void> | undefined
  #opened: Opened | undefined

  constructor(parts: DatabaseParts) {
    this.#parts = parts
    const { uri } = parts.settings().mongo
    this.connections = connect(uri)
    this.#patient = new PatientClient(uri)
  }

  /** What can be looked at under the configuration as it is now. Rejects while MongoDB is unavailable. */
  async inspection(): Promise<Inspection> {
    await this.connect()
    const settings = this.#parts.settings()
    if (this.#opened?.settings !== settings) {
      const before = this.#opened
      this.#opened = { settings, inspection: this.#open(settings) }
      void before?.inspection.then(async ({ providers }) => providers[Symbol.asyncDispose]()).catch(() => undefined)
    }
    return await this.#opened.inspection
  }

  /** For work that goes on when the configuration is another one: its providers are to be closed by whoever asked. */
  async lasting(): Promise<Inspection> {
    await this.connect()
    return await this.#open(this.#parts.settings())
  }

  async #open(settings: Settings): Promise<Inspection> {
    const { openProvider } = this.#parts
    return await openInspection({ settings, connections: this.connections, openProvider })
  }

  /** Resolves when it is connected; tried anew with each call. */
  async connect(): Promise<void> {
    this.#connected ??= this.connections.open()
    try {
      await this.#connected
    } catch (error) {
      this.#connected = undefined
      throw error
    }
  }

  /** Why MongoDB takes no work; undefined when it does. Answers in time. */
  async fault(): Promise<string | undefined> {
    return await inTime(
      PATIENCE_MS,
      this.connect()
        .then(async () => await primaryFault(this.connections.work, AbortSignal.timeout(PATIENCE_MS)))
        .catch(messageOf),
      'it does not answer',
    )
  }

  get settings(): () => Settings {
    return this.#parts.settings
  }

  /** Of all changes of records, for those who look on. */
  recordFeed(): RecordFeed {
    return new RecordFeed(this.connections, this.#parts.settings().mongo.database)
  }

  reader(): DocumentReader {
    const sitesOf = (project: string) => sitesToTell(projectSettings(this.#parts.settings(), project))
    return representationReader(this.connections.work.db(this.#parts.settings().mongo.database), sitesOf, NAMES)
  }

  /** Does what may take longer than answers of the service's own work may, with the projects. */
  async patiently<T>(work: (db: Inspection['db']) => Promise<T>): Promise<T> {
    const { database } = this.#parts.settings().mongo
    return await this.#patient.use(async (client) => work(client.db(database)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await this.#opened?.inspection.catch(() => undefined)
    await opened?.providers[Symbol.asyncDispose]()
    await Promise.all([close(this.connections), close(this.#patient)])
  }
}
