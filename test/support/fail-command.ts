import type { Document, MongoClient } from 'mongodb'

/** How the server fails a command: with an error of this code, or by closing the connection without an answer. */
export type ServerFailure = number | 'closeConnection'

export interface FailCommandOptions {
  readonly commands: readonly string[]
  readonly failure: ServerFailure
  /** In this collection only: `database.collection`. */
  readonly namespace?: string
  /** So many of them; without it all, until `off` is called. */
  readonly times?: number
}

/** Has the server fail what the service asks; nobody else. The server must allow test commands. Gives back how to end it. */
export async function failCommand(
  client: MongoClient,
  { commands, failure, namespace, times }: FailCommandOptions,
): Promise<() => Promise<void>> {
  const configure = async (mode: Document | string, data?: Document): Promise<void> => {
    await client.db('admin').command({ configureFailPoint: 'failCommand', mode, ...(data && { data }) })
  }
  const how = failure === 'closeConnection' ? { closeConnection: true } : { errorCode: failure }
  const where = namespace === undefined ? {} : { namespace }
  await configure(times === undefined ? 'alwaysOn' : { times }, { failCommands: [...commands], appName: 'site-sync', ...how, ...where })
  return async () => await configure('off')
}
