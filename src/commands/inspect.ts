import { loadSettings } from '../config/load-settings.ts'
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
