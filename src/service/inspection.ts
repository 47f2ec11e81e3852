import type { Db } from 'mongodb'

import type { SyncError } from '../errors.ts'
import type { Settings } from '../model/settings.ts'
import { ProviderPool, type ProviderPoolParts } from '../providers/provider-pool.ts'
import type { Connections } from '../streams/connect.ts'
import { controlStore, type ControlStore } from '../streams/control-store.ts'
import { stateDatabase, type StateDatabase } from '../streams/state-database.ts'
import { readOnlyMemory } from './read-only-memory.ts'
import { findMisconfigured } from './site-check.ts'

/** What those need who only look: commands, and reads over HTTP. */
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

export interface InspectionParts {
  readonly settings: Settings
  readonly connections: Pick<Connections, 'work'>
  readonly openProvider?: ProviderPoolParts['open'] | undefined
}

/** Opens what is needed; its providers are to be closed. Writes nothing. */
export async function openInspection({ settings, connections: { work }, openProvider }: InspectionParts): Promise<Inspection> {
  const { database, stateDatabase: ours } = settings.mongo
  const stateDb = work.db(ours)
  const [state, controls] = [stateDatabase(stateDb), controlStore(stateDb, database)]
  const providers = new ProviderPool({
    // What stands at a root instead of a share that is not mounted is not taken for it.
    memory: readOnlyMemory(async (root) => state.loadRoot(root)),
    isSource: () => true,
    warn: () => undefined,
    ...(settings.ownFiles && { ownFiles: settings.ownFiles }),
    ...(settings.documentRoots && { documentRoots: settings.documentRoots }),
    ...(openProvider && { open: openProvider }),
  })
  const misconfigured = await findMisconfigured(settings, providers, { event: () => undefined })
  return { settings, db: work.db(database), state, stateDb, controls, misconfigured, providers }
}
