import type { Db } from 'mongodb'

import { loadSettings } from '../config/load-settings.ts'
import type { SyncError } from '../errors.ts'
import type { Settings } from '../model/settings.ts'
import { ProviderPool } from '../providers/provider-pool.ts'
import { readOnlyMemory } from '../service/read-only-memory.ts'
import { findMisconfigured } from '../service/site-check.ts'
import { connect } from '../streams/connect.ts'
import { controlStore, type ControlStore } from '../streams/control-store.ts'
import { stateDatabase, type StateDatabase } from '../streams/state-database.ts'

/** What the commands that only look need. */
export interface Inspection {
  readonly settings: Settings
  readonly db: Db
  readonly state: StateDatabase
  /** The database of our own itself. */
  readonly stateDb: Db
  readonly controls: ControlStore
  readonly misconfigured: ReadonlyMap<string, SyncError>
  readonly providers: ProviderPool
}

/** Connects, looks, disconnects; writes nothing. */
export async function inspect<T>(config: string, look: (inspection: Inspection) => Promise<T>): Promise<T> {
  const { settings } = await loadSettings(config, process.env)
  await using connections = connect(settings.mongo.uri)
  await connections.open()
  const stateDb = connections.work.db(settings.mongo.stateDatabase)
  const [state, controls] = [stateDatabase(stateDb), controlStore(stateDb, settings.mongo.database)]
  const silent = { event: () => undefined }
  await using providers = new ProviderPool({
    // What stands at a root instead of a share that is not mounted is not taken for it.
    memory: readOnlyMemory(async (root) => state.loadRoot(root)),
    isSource: () => true,
    warn: () => undefined,
    ...(settings.ownFiles && { ownFiles: settings.ownFiles }),
    ...(settings.documentRoots && { documentRoots: settings.documentRoots }),
  })
  const misconfigured = await findMisconfigured(settings, providers, silent)
  return await look({ settings, db: connections.work.db(settings.mongo.database), state, stateDb, controls, misconfigured, providers })
}
