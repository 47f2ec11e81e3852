import { Timestamp, type Collection, type Db, type ResumeToken } from 'mongodb'

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
      if (!isPlain(stored.token) || typeof stored.token['_data'] !== 'string') return undefined
      return (await isAhead(state, stored.token['_data'])) ? undefined : stored.token
    },
    async save(token) {
      const stored = { token, filter: changeFilterHash, savedAt: new Date() }
      await tokens.updateOne({ _id: database }, { $set: stored }, { upsert: true })
    },
  }
}

/**
 * A token of a time that this server has not reached is another cluster's (or its data is older: a backup). The server would
 * take it, and tell nothing until then.
 */
async function isAhead(state: Db, data: string): Promise<boolean> {
  // A token begins with a type byte and the seconds since the epoch.
  const seconds = /^82([\da-f]{8})/i.exec(data)?.[1]
  const { lastWrite } = (await state.admin().command({ hello: 1 })) as { lastWrite?: { opTime?: { ts?: unknown } } }
  const last = lastWrite?.opTime?.ts
  return seconds !== undefined && last instanceof Timestamp && Number.parseInt(seconds, 16) > last.getHighBits() >>> 0
}
