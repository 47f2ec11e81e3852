import { createHash, randomBytes } from 'node:crypto'

import { MongoServerError, type Collection, type Db } from 'mongodb'

import { TOKEN_SCOPES, type AccessToken, type TokenScope } from '../model/access-token.ts'

interface StoredToken extends Omit<AccessToken, 'name'> {
  readonly _id: string
  /** Of the token, which is random enough for a plain hash. */
  readonly sha256: string
}

export interface AccessTokens {
  /** The token, which nobody can have again; undefined when there is one of that name. */
  create(name: string, scope: TokenScope, who: string): Promise<string | undefined>
  list(): Promise<readonly AccessToken[]>
  /** False when there is none of that name. */
  revoke(name: string): Promise<boolean>
  find(token: string): Promise<AccessToken | undefined>
}

const DUPLICATE_KEY = 11_000
const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

/** Who may use the HTTP API, in the state database: hashes only. */
export function accessTokens(state: Db): AccessTokens {
  const tokens: Collection<StoredToken> = state.collection('tokens')
  return {
    async create(name, scope, who) {
      const token = `sst_${randomBytes(32).toString('base64url')}`
      try {
        await tokens.insertOne({ _id: name, scope, created: new Date(), who, sha256: hashOf(token) })
        return token
      } catch (error) {
        if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) return undefined
        throw error
      }
    },
    async list() {
      return (await tokens.find().sort({ _id: 1 }).toArray()).flatMap((stored) => toToken(stored) ?? [])
    },
    async revoke(name) {
      return (await tokens.deleteOne({ _id: name })).deletedCount > 0
    },
    async find(token) {
      const found = await tokens.findOne({ sha256: hashOf(token) })
      return found ? toToken(found) : undefined
    },
  }
}

/** One with a scope that nobody knows gives no right to anything. */
function toToken({ _id, scope, created, who }: StoredToken): AccessToken | undefined {
  return TOKEN_SCOPES.includes(scope) ? { name: _id, scope, created, who } : undefined
}
