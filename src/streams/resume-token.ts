import type { Collection, Db, ResumeToken } from 'mongodb'

import { isPlain } from '../model/document.ts'
import { changeFilterHash } from './change-filter.ts'

interface StoredToken {
  readonly _id: string
  readonly token: unknown
  /** The filter that the token was made with; another filter can't use it. */
  readonly filter: string
  readonly savedAt: Date
}

/** Keeps a database's place in the change stream over restarts. */
export interface TokenStore {
  /** Undefined when there is none, or none that this version can use. */
  load(): Promise<ResumeToken>
  save(token: ResumeToken): Promise<void>
}

export function tokenStore(state: Db, database: string): TokenStore {
  const tokens: Collection<StoredToken> = state.collection('resume_tokens')
  return {
    async load() {
      const stored = await tokens.findOne({ _id: database })
      if (!stored || stored.filter !== changeFilterHash) return undefined
      return isPlain(stored.token) && typeof stored.token['_data'] === 'string' ? stored.token : undefined
    },
    async save(token) {
      const stored = { token, filter: changeFilterHash, savedAt: new Date() }
      await tokens.updateOne({ _id: database }, { $set: stored }, { upsert: true })
    },
  }
}
