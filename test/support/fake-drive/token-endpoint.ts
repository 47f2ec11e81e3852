import { createVerify, randomBytes } from 'node:crypto'

import { ACCOUNT_EMAIL, accountKeyPair } from './credentials.ts'

export interface TokenSettings {
  /** What is promised, in seconds. */
  readonly lifetimeSeconds: number
  /** What is kept, in milliseconds. */
  readonly diesAfterMs: number | undefined
}

export interface TokenReply {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** Gives tokens for statements that the account has signed, as Google's endpoint does. */
export class TokenEndpoint {
  readonly #settings: TokenSettings
  readonly #live = new Map<string, number>()
  issued = 0

  constructor(settings: TokenSettings) {
    this.#settings = settings
  }

  isLive(authorization: string | undefined): boolean {
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1]
    return token !== undefined && (this.#live.get(token) ?? 0) > Date.now()
  }

  revokeAll(): void {
    this.#live.clear()
  }

  /** `audience` is the endpoint's own URL. */
  reply(form: string, audience: string): TokenReply {
    const fields = new URLSearchParams(form)
    if (fields.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer')
      return refusal('unsupported_grant_type', 'Invalid grant_type')
    const problem = problemOf(fields.get('assertion') ?? '', audience)
    if (problem !== undefined) return refusal('invalid_grant', problem)
    const token = `ya29.${randomBytes(24).toString('base64url')}`
    const { lifetimeSeconds, diesAfterMs = lifetimeSeconds * 1000 } = this.#settings
    this.#live.set(token, Date.now() + diesAfterMs)
    this.issued++
    return { status: 200, body: { access_token: token, expires_in: lifetimeSeconds, token_type: 'Bearer' } }
  }
}

function problemOf(assertion: string, audience: string): string | undefined {
  const [head = '', claims = '', signature = ''] = assertion.split('.')
  let header: Record<string, unknown>
  let payload: Record<string, unknown>
  try {
    header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>
    payload = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>
  } catch {
    return 'Invalid JWT.'
  }
  if (header['alg'] !== 'RS256') return 'Invalid JWT algorithm.'
  const genuine = createVerify('RSA-SHA256').update(`${head}.${claims}`).verify(accountKeyPair().publicKey, signature, 'base64url')
  if (!genuine) return 'Invalid JWT Signature.'
  if (payload['iss'] !== ACCOUNT_EMAIL) return 'Invalid grant: account not found'
  if (payload['aud'] !== audience) return 'Invalid JWT: audience does not match.'
  const now = Date.now() / 1000
  const { iat, exp, scope } = payload
  if (typeof iat !== 'number' || typeof exp !== 'number' || exp < now || iat > now + 60 || exp - iat > 3600) {
    return 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.'
  }
  if (typeof scope !== 'string' || !scope.split(' ').includes('https://www.googleapis.com/auth/drive')) return 'Invalid scope.'
  return undefined
}

function refusal(error: string, description: string): TokenReply {
  return { status: 400, body: { error, error_description: description } }
}
