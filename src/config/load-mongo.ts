import type { z } from 'zod'

import type { Settings } from '../model/settings.ts'
import { registerSecret } from '../secrets.ts'
import type { KeyOf, Mistakes } from './mistakes.ts'
import { hasUnescapedUser, hideAddress, secretsOf } from './mongo-address.ts'
import { checkOptions } from './mongo-options.ts'
import { expandEnvironment } from './paths.ts'
import type { mongoSchema } from './schema.ts'

const URI_VARIABLES = ['SITE_SYNC_MONGO_URI', 'AVALON_MONGO', 'OPENPYPE_MONGO'] as const
const DEFAULT_URI = 'mongodb://127.0.0.1:27017'
const DEFAULT_DATABASE = 'avalon'
const ENCODED = '@ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25'

interface Said {
  readonly key: string
  readonly value: string
}

/** The file's values, then the environment's, then the defaults. The password in the address is secret from here on. */
export function loadMongo(said: z.output<typeof mongoSchema>, keyOf: KeyOf, env: NodeJS.ProcessEnv, mistakes: Mistakes): Settings['mongo'] {
  const uri = loadUri(said.uri, keyOf(['mongo', 'uri']), env, mistakes)
  const database = loadDatabase(said.database, keyOf(['mongo', 'database']), env)
  const state = { key: keyOf(['mongo', 'state_database']), value: said.state_database }
  for (const { key, value } of [database, state]) {
    const isName = !/[/\\. "$*<>:|?\0]/.test(value) && Buffer.byteLength(value) < 64 && !['admin', 'config', 'local'].includes(value)
    if (!isName)
      mistakes.add(key, value, 'the name of a database: below 64 bytes, without / \\ . " $ * < > : | ? and spaces, and not a server\'s own')
  }
  // The server takes names that differ in case only for the same.
  if (database.value.toLowerCase() === state.value.toLowerCase()) {
    mistakes.add(state.key, state.value, `a database other than that of the projects (${database.key})`)
  }
  return { uri, database: database.value, stateDatabase: state.value }
}

/** Does anybody say where the database is, or does the default hold? */
export function isMongoNamed({ uri }: z.output<typeof mongoSchema>, env: NodeJS.ProcessEnv): boolean {
  return Boolean(uri) || fromEnvironment(URI_VARIABLES, env) !== undefined
}

function loadUri(written: string | undefined, key: string, env: NodeJS.ProcessEnv, mistakes: Mistakes): string {
  const found = written ? { key, value: written } : fromEnvironment(URI_VARIABLES, env)
  if (!found) return DEFAULT_URI
  const expanded = written
    ? expandEnvironment(found.value, env, (missing) => mistakes.add(key, hideAddress(found.value), missing))
    : found.value
  if (expanded === undefined) return DEFAULT_URI
  const uri = expanded.trim()
  if (!/^mongodb(?:\+srv)?:\/\/[^\s/]/.test(uri)) {
    mistakes.add(found.key, hideAddress(found.value), 'an address that starts with mongodb:// or mongodb+srv://')
    return uri
  }
  for (const secret of secretsOf(uri)) registerSecret('password', secret)
  if (!hasUnescapedUser(uri)) return checkOptions(uri, found.key, mistakes)
  mistakes.add(found.key, hideAddress(uri), `an address whose user name and password are percent-encoded: ${ENCODED}`)
  return uri
}

function loadDatabase(written: string | undefined, key: string, env: NodeJS.ProcessEnv): Said {
  if (written !== undefined) return { key, value: written }
  return fromEnvironment(['AVALON_DB'], env) ?? { key, value: DEFAULT_DATABASE }
}

function fromEnvironment(names: readonly string[], env: NodeJS.ProcessEnv): Said | undefined {
  for (const name of names) {
    const value = env[name]
    if (value) return { key: `environment ${name}`, value }
  }
  return undefined
}
