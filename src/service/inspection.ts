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
  const providers = new ProviderPool({
    memory: readOnlyMemory(),
    isSource: () => true,
    warn: () => undefined,
    ...(settings.ownFiles && { ownFiles: settings.ownFiles }),
    ...(settings.documentRoots && { documentRoots: settings.documentRoots }),
    ...(openProvider && { open: openProvider }),
  })
  const misconfigured = await findMisconfigured(settings, providers, { event: () => undefined })
  const [state, controls] = [stateDatabase(stateDb), controlStore(stateDb, database)]
  return { settings, db: work.db(database), state, stateDb, controls, misconfigured, providers }
}
