import { readFileSync } from 'node:fs'

import { secretsOf } from '../src/config/mongo-address.ts'
import type { Environment } from './user-dirs.ts'

export interface UriOptions {
  readonly uri?: string | undefined
  /** A file that holds it. */
  readonly uriFile?: string | undefined
}

/**
 * The replica set that the user runs already: named on the command line, by `SITE_SYNC_MONGO_URI`, or in the file that
 * `SITE_SYNC_MONGO_URI_FILE` names. Nothing is started then.
 */
export function givenUri({ uri, uriFile }: UriOptions = {}, env: Environment = process.env): string | undefined {
  const named = uri ?? (uriFile === undefined ? env['SITE_SYNC_MONGO_URI'] : undefined)
  if (named) return named
  const file = uriFile ?? env['SITE_SYNC_MONGO_URI_FILE']
  return file ? readFileSync(file, 'utf8').trim() : undefined
}

/** Said to whoever writes a password where every user of the machine can read it. */
export function warningOf({ uri }: UriOptions): string | undefined {
  if (uri === undefined || secretsOf(uri).every((secret) => secret === '')) return undefined
  return 'warning: every user of this machine can read the password in --uri while the command runs: use SITE_SYNC_MONGO_URI, or --uri-file'
}
