import type { auth } from 'googleapis/build/src/apis/drive/index.js'

import { SyncError } from '../../errors.ts'
import { registerSecret } from '../../secrets.ts'
import type { AccountKey } from './account-key.ts'
import { adapterFor, withoutClientErrors } from './adapter.ts'
import type { ClientRequestOptions } from './adapter.ts'
import type { Clock } from './clock.ts'
import type { HttpAnswer, HttpClient } from './http-client.ts'
import { withoutEchoes } from './echoes.ts'
import { parseAnswer, retryAfterOf } from './drive-answer.ts'
import type { Token } from './tokens.ts'

/** All of the drive: folders that were merely shared with the account can't be found with less. */
const SCOPE = 'https://www.googleapis.com/auth/drive'

const USUAL_LIFETIME_MS = 3_600_000

const HINT: Record<string, string> = {
  invalid_grant: 'the key may have been deleted, the account removed, or the clock of this machine be wrong',
  unauthorized_client: 'the account has no right to act for the configured subject, or none for Google Drive',
}

/**
 * Asks for a token with a signed statement (JWT bearer grant). The client's own signing serves; its fixed URL and `aud` do not,
 * so both are replaced by the key's `token_uri`.
 */
export async function mintToken(
  JWT: (typeof auth)['JWT'],
  key: AccountKey,
  http: HttpClient,
  clock: Clock,
  signal: AbortSignal,
): Promise<Token> {
  const send = async (options: ClientRequestOptions): Promise<HttpAnswer> => {
    const assertion = new URLSearchParams(String(options.body)).get('assertion') ?? ''
    const secrets = [assertion, ...assertion.split('.')]
    // What is signed is told by its signature; the rest of it is the same each time.
    for (const secret of [assertion, secrets.at(-1) ?? '']) registerSecret('token', secret)
    const answer = await http.send({
      method: 'POST',
      url: key.tokenUri,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' },
      body: Buffer.from(String(options.body)),
      signal,
    })
    refuse(answer, key, secrets)
    return answer
  }
  const mintedAt = clock.now()
  const jwt = new JWT({
    email: key.clientEmail,
    key: key.privateKey,
    scopes: [SCOPE],
    ...(key.subject === undefined ? {} : { subject: key.subject }),
    additionalClaims: { aud: key.tokenUri },
    transporterOptions: { adapter: adapterFor(send), retryConfig: { retry: 0, noResponseRetries: 0 } },
  })
  const { access_token: value, expiry_date: expiry } = await withoutClientErrors(jwt.authorize())
  if (typeof value !== 'string' || value === '')
    throw new SyncError('INTERRUPTED', `${new URL(key.tokenUri).host} answered without a token`)
  registerSecret('token', value)
  const promised = typeof expiry === 'number' ? expiry - Date.now() : 0
  const lifetime = promised > 0 ? promised : USUAL_LIFETIME_MS
  return { value, mintedAt, expiresAt: mintedAt + lifetime }
}

function refuse(answer: HttpAnswer, key: AccountKey, secrets: readonly string[]): void {
  const { host } = new URL(key.tokenUri)
  const json = parseAnswer(answer.body)
  if (answer.status === 200) {
    if (json === undefined) throw new SyncError('INTERRUPTED', `${host} answered with something that is not JSON`)
    return
  }
  const retryAfterMs = retryAfterOf(answer)
  const detail = retryAfterMs === undefined ? {} : { retryAfterMs }
  if (answer.status === 429) throw new SyncError('RATE_LIMITED', `${host} is asked for tokens too often`, detail)
  const word = json?.['error']
  if (answer.status >= 500 || typeof word !== 'string')
    throw new SyncError('INTERRUPTED', `${host} answered with status ${answer.status}`, detail)
  const texts = [word, json?.['error_description']].filter((part) => typeof part === 'string').map((text) => withoutEchoes(text, secrets))
  const said = [...texts, HINT[word] ?? ''].filter((text) => text !== '').join('; ')
  throw new SyncError('CREDENTIALS', `Google gives ${key.clientEmail} no token: ${said}`)
}
