import { loadSettings } from '../config/load-settings.ts'
import { parseSelection } from '../model/selection.ts'
import { knownNames } from '../service/edit-records.ts'
import { openInspection, type Inspection } from '../service/inspection.ts'
import { connect } from '../streams/connect.ts'

/** Connects, looks, disconnects; writes nothing. */
export async function inspect<T>(config: string, look: (inspection: Inspection) => Promise<T>): Promise<T> {
  const { settings } = await loadSettings(config, process.env)
  await using connections = connect(settings.mongo.uri)
  await connections.open()
  const inspection = await openInspection({ settings, connections })
  try {
    return await look(inspection)
  } finally {
    await inspection.providers[Symbol.asyncDispose]()
  }
}

/** Of a project that is not there nothing waits and nothing failed: a slip of the pen must not read like that. */
export async function assertProject({ db, settings }: Inspection, project: string | undefined): Promise<void> {
  if (project !== undefined) parseSelection({ project }, await knownNames(db, settings))
}
