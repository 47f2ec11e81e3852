import { createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'

import { SyncError } from '../../errors.ts'
import { registerKey, registerSecret } from '../../secrets.ts'
import { hostOf, isTrustedForTokens } from './trusted-hosts.ts'

/** A service account's key, as its JSON file has it. */
export interface AccountKey {
  readonly clientEmail: string
  /** PEM. */
  readonly privateKey: string
  /** Where tokens are asked for, and the `aud` of what is signed for it. */
  readonly tokenUri: string
  /** The person in whose name the account works (domain-wide delegation). */
  readonly subject?: string
}

const TOKEN_URI = 'https://oauth2.googleapis.com/token'

/** Rejects with `CREDENTIALS`, naming the file and what is wrong with it. */
export async function readAccountKey(file: string | undefined, endpoint: string): Promise<AccountKey> {
  if (file === undefined) throw wrong('no credentials file is configured', "set credentials_url to the service account's JSON key")
  let text
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw wrong(`the credentials file ${file} can't be read`, code === 'ENOENT' ? 'it does not exist' : String(code))
  }
  const json = parsed(text, file)
  registerCredentials(json)
  const field = (name: string): string => {
    const value = json[name]
    if (typeof value !== 'string' || value === '')
      throw wrong(`the credentials file ${file} is not a service account's key`, `${name} is missing`)
    return value
  }
  if (json['type'] !== undefined && json['type'] !== 'service_account') {
    throw wrong(
      `the credentials file ${file} is not a service account's key`,
      `its type is ${JSON.stringify(json['type'])}, not "service_account"`,
    )
  }
  const key: AccountKey = {
    clientEmail: field('client_email'),
    privateKey: field('private_key'),
    tokenUri: json['token_uri'] === undefined ? TOKEN_URI : trusted(field('token_uri'), endpoint, file),
    ...(json['subject'] === undefined ? {} : { subject: field('subject') }),
  }
  try {
    createPrivateKey(key.privateKey)
  } catch {
    throw wrong(`the credentials file ${file} can't be used`, 'private_key is not a key in PEM format')
  }
  return key
}

/** Of a key of another kind, too: it is refused, and its file was read all the same. */
function registerCredentials(json: Record<string, unknown>): void {
  const { private_key: key, ...others } = json
  if (typeof key === 'string') registerKey(key)
  for (const name of ['private_key_id', 'client_secret', 'refresh_token', 'access_token', 'id_token', 'password']) {
    const value = others[name]
    if (typeof value === 'string') registerSecret(name.endsWith('token') ? 'token' : 'password', value)
  }
}

function parsed(text: string, file: string): Record<string, unknown> {
  let json: unknown
  try {
    // The parser's own words may quote the file, so they are not passed on.
    json = JSON.parse(text)
  } catch {
    throw wrong(`the credentials file ${file} can't be used`, 'it is not valid JSON')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw wrong(`the credentials file ${file} can't be used`, 'it is not a JSON object')
  return json as Record<string, unknown>
}

function trusted(value: string, endpoint: string, file: string): string {
  if (!/^https?:$/.test(URL.parse(value)?.protocol ?? ''))
    throw wrong(`the credentials file ${file} can't be used`, 'token_uri is not a URL')
  if (!isTrustedForTokens(value, endpoint)) {
    const why = `its token_uri is at ${hostOf(value)}, and tokens are asked for at https://*.googleapis.com or the site's own endpoint only`
    throw wrong(`the credentials file ${file} can't be used`, why)
  }
  return value
}

function wrong(what: string, why: string): SyncError {
  return new SyncError('CREDENTIALS', `${what}: ${why}`)
}
