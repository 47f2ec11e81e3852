import { randomBytes } from 'node:crypto'
import { open, rename, rm, stat } from 'node:fs/promises'

import { gatherSettings } from '../config/import/gather-settings.ts'
import { importSettings } from '../config/import/import-settings.ts'
import { openConfiguration } from '../config/import/open-configuration.ts'
import { readSettingsFile } from '../config/import/read-settings-file.ts'
import { isMongoNamed, loadMongo } from '../config/load-mongo.ts'
import { secretsOf } from '../config/mongo-address.ts'
import { Problems } from '../config/problems.ts'
import { rawObject, type RawObject } from '../config/read-json.ts'
import { registerSecretsIn } from '../config/register-secrets.ts'
import { ConfigError } from '../errors.ts'
import { close } from '../service/within.ts'
import { connect } from '../streams/connect.ts'
import { readOpenPypeSettings } from '../streams/openpype-settings.ts'
import type { ExitCode } from './command-line.ts'
import { complain, print, printJson } from './output.ts'

export interface ImportOptions {
  readonly out?: string
  readonly json: boolean
  readonly dryRun: boolean
  readonly yes: boolean
}

interface Source {
  readonly values: readonly unknown[]
  readonly mongo?: RawObject
  readonly notes: readonly string[]
}

const IS_ADDRESS = /^mongodb(?:\+srv)?:\/\//

/** `import-settings`: OpenPype's settings, from its database or a file, as a configuration of ours. */
export async function importSettingsCommand(from: string | undefined, options: ImportOptions): Promise<ExitCode> {
  const { out, json, dryRun, yes } = options
  // Nobody waits for a database to hear that the file is there already.
  if (out !== undefined && !yes) await assertNew(out)
  const source =
    from === undefined || IS_ADDRESS.test(from) ? await fromDatabase(from) : { values: await readSettingsFile(from), notes: [] }
  registerSecretsIn(source.values)
  const { configuration, notes: said } = importSettings(gatherSettings(source.values), source.mongo)
  const { shown, hidden } = openConfiguration(configuration)
  const only = hidden.map((key) => `${key} is secret: it is written to the file of --out (mode 0600), and shown nowhere`)
  const notes = [...source.notes, ...said, ...only]
  if (out !== undefined && !dryRun) await write(out, `${JSON.stringify(configuration, null, 2)}\n`, yes)
  if (json) {
    printJson({ configuration: shown, notes })
    return 0
  }
  if (out === undefined) for (const line of JSON.stringify(shown, null, 2).split('\n')) print(line)
  else print(`${out} ${dryRun ? 'would be' : 'is'} written; try it: site-sync doctor --config ${out}`)
  // Beside a configuration on standard output they go where they do not spoil it.
  for (const note of notes) (out === undefined ? complain : print)(`note: ${note}`)
  return 0
}

async function fromDatabase(from: string | undefined): Promise<Source> {
  const problems = new Problems()
  const said = { ...(from !== undefined && { uri: from }), state_database: 'site_sync' }
  if (!isMongoNamed(said, process.env)) {
    const expected =
      'a file, an address (mongodb://…), or nothing where SITE_SYNC_MONGO_URI, SITE_SYNC_MONGO_URI_FILE or OPENPYPE_MONGO has the address'
    throw new ConfigError('import-settings', [{ key: 'FILE|MONGODB-URI', expected }])
  }
  const { uri } = loadMongo(said, () => 'the address', process.env, problems)
  if (problems.problems.length > 0) throw new ConfigError('import-settings', problems.problems)
  const isSecret = secretsOf(uri).some((secret) => secret !== '')
  if (from !== undefined && secretsOf(from).some((secret) => secret !== '' && !/^\{\w+\}$/.test(secret)))
    complain(
      'warning: every user of this machine can read the password in an argument; SITE_SYNC_MONGO_URI_FILE names a file that holds the address',
    )
  const [, named] = /^[^:]+:\/\/[^/]*\/([^?]+)/.exec(uri) ?? []
  const databases = [named && decodeURIComponent(named), process.env['OPENPYPE_DATABASE_NAME'], 'openpype', 'pype'].filter(
    (name) => name !== undefined && name !== '',
  )
  const connections = connect(uri)
  try {
    // An old server, or one without a set, can be read all the same.
    const found = await readOpenPypeSettings(connections.work, databases as string[])
    if (!found) throw new Error(`no settings of OpenPype in ${databases.map((name) => `${name}.settings`).join(', ')}`)
    const notes = isSecret
      ? [
          'the address of the database holds a secret and is not carried over: give it to the service by SITE_SYNC_MONGO_URI_FILE or SITE_SYNC_MONGO_URI',
        ]
      : []
    const projects = process.env['AVALON_DB']
    const mongo = rawObject([...(isSecret ? [] : [['uri', uri] as const]), ...(projects ? [['database', projects] as const] : [])])
    return { values: found.documents, notes, ...(Object.keys(mongo).length > 0 && { mongo }) }
  } finally {
    await close(connections)
  }
}

async function assertNew(path: string): Promise<void> {
  if (await stat(path).catch(() => undefined)) throw exists(path)
}

function exists(path: string): ConfigError {
  return new ConfigError('import-settings', [{ key: '--out', value: path, expected: 'a file that is not there yet; --yes replaces it' }])
}

/** For its owner alone from the first byte on; another file is replaced as a whole, and only when that was asked for. */
async function write(path: string, content: string, replaces: boolean): Promise<void> {
  const target = replaces ? `${path}.${randomBytes(6).toString('hex')}` : path
  try {
    const file = await open(target, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    if (replaces) await rename(target, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw exists(path)
    await rm(target, { force: true })
    throw error
  }
}
