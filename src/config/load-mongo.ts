import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import type { z } from 'zod'

import type { Settings } from '../model/settings.ts'
import { registerSecret } from '../secrets.ts'
import type { KeyOf, Problems } from './problems.ts'
import { hasUnescapedUser, hideAddress, optionsOf, secretsOf, splitAddress } from './mongo-address.ts'
import { checkOptions } from './mongo-options.ts'
import { expandEnvironment } from './paths.ts'
import type { mongoSchema } from './schema.ts'

const URI_VARIABLE = 'SITE_SYNC_MONGO_URI'
/** Names a file that holds the address: what an environment says, every child process inherits. */
const FILE_VARIABLE = 'SITE_SYNC_MONGO_URI_FILE'
const LEGACY_VARIABLES = ['AVALON_MONGO', 'OPENPYPE_MONGO'] as const
const DEFAULT_URI = 'mongodb://127.0.0.1:27017'
const DEFAULT_DATABASE = 'avalon'
const ENCODED = '@ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25'

interface Said {
  readonly key: string
  readonly value: string
}

/** The file's values, then the environment's, then the defaults. The password in the address is secret from here on. */
export function loadMongo(said: z.output<typeof mongoSchema>, keyOf: KeyOf, env: NodeJS.ProcessEnv, problems: Problems): Settings['mongo'] {
  const uri = loadUri(said.uri, keyOf(['mongo', 'uri']), env, problems)
  const database = loadDatabase(said.database, keyOf(['mongo', 'database']), env)
  const state = { key: keyOf(['mongo', 'state_database']), value: said.state_database }
  for (const { key, value } of [database, state]) {
    const isName = !/[/\\. "$*<>:|?\0]/.test(value) && Buffer.byteLength(value) < 64 && !['admin', 'config', 'local'].includes(value)
    if (!isName)
      problems.add(key, value, 'the name of a database: below 64 bytes, without / \\ . " $ * < > : | ? and spaces, and not a server\'s own')
  }
  // The server takes names that differ in case only for the same.
  if (database.value.toLowerCase() === state.value.toLowerCase()) {
    problems.add(state.key, state.value, `a database other than that of the projects (${database.key})`)
  }
  return { uri, database: database.value, stateDatabase: state.value }
}

/** Does anybody say where the database is, or does the default hold? */
export function isMongoNamed({ uri }: z.output<typeof mongoSchema>, env: NodeJS.ProcessEnv): boolean {
  return Boolean(uri) || fromEnvironment([URI_VARIABLE, FILE_VARIABLE, ...LEGACY_VARIABLES], env) !== undefined
}

/** Files that hold secrets of the database's address: the one that the environment names, and the key of a client's certificate. */
export function mongoFiles(said: z.output<typeof mongoSchema>, uri: string, env: NodeJS.ProcessEnv): readonly string[] {
  const addressFile = said.uri || env[URI_VARIABLE] ? undefined : env[FILE_VARIABLE]
  const keys = optionsOf(splitAddress(uri)[1]).filter(({ name }) => name.toLowerCase() === 'tlscertificatekeyfile')
  return [...(addressFile ? [addressFile] : []), ...keys.map(({ value }) => value)].map((file) => resolve(file))
}

/** Does the configuration itself hold a secret of the address, and no `{NAME}` in its place? */
export function hasWrittenSecret({ uri = '' }: z.output<typeof mongoSchema>): boolean {
  return secretsOf(uri).some((secret) => secret !== '' && !/^\{\w+\}$/.test(secret))
}

function loadUri(written: string | undefined, key: string, env: NodeJS.ProcessEnv, problems: Problems): string {
  const found = written ? { key, value: written } : addressInEnvironment(env, problems)
  if (!found) return DEFAULT_URI
  const expanded = written
    ? expandEnvironment(found.value, env, (missing) => problems.add(key, hideAddress(found.value), missing))
    : found.value
  if (expanded === undefined) return DEFAULT_URI
  const uri = expanded.trim()
  if (!/^mongodb(?:\+srv)?:\/\/[^\s/]/.test(uri)) {
    problems.add(found.key, hideAddress(found.value), 'an address that starts with mongodb:// or mongodb+srv://')
    return uri
  }
  for (const secret of secretsOf(uri)) registerSecret('password', secret)
  if (!hasUnescapedUser(uri)) return checkOptions(uri, found.key, problems)
  problems.add(found.key, hideAddress(uri), `an address whose user name and password are percent-encoded: ${ENCODED}`)
  return uri
}

function addressInEnvironment(env: NodeJS.ProcessEnv, problems: Problems): Said | undefined {
  const plain = fromEnvironment([URI_VARIABLE], env)
  const named = plain ? undefined : fromEnvironment([FILE_VARIABLE], env)
  if (!named) return plain ?? fromEnvironment(LEGACY_VARIABLES, env)
  try {
    return { key: `${named.value} (${named.key})`, value: readFileSync(named.value, 'utf8').trim() }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    problems.add(named.key, named.value, `a file that holds the address of the database; it can't be read (${code})`)
    return undefined
  }
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
