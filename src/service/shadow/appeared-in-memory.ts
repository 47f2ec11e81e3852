import { LRUCache } from 'lru-cache'
import type { ObjectId } from 'mongodb'

import type { AppearedStore } from '../../streams/appeared.ts'

const MAX_LOOKED = 20_000

const keyOf = (project: string, id: ObjectId): string => `${project}/${id.toHexString()}`

/** Goes on from what a store knows, and keeps what comes to it in memory: nothing is written. */
export function appearedInMemory(store: AppearedStore): AppearedStore {
  const until = new Map<string, Date>()
  const looked = new LRUCache<string, true>({ max: MAX_LOOKED })
  return {
    lookedUntil: async (project) => until.get(project) ?? (await store.lookedUntil(project)),
    lookedSince: async (project, from) => await store.lookedSince(project, from),
    isLooked: async (project, id) => looked.has(keyOf(project, id)) || (await store.isLooked(project, id)),
    looked: async (project, id) => {
      looked.set(keyOf(project, id), true)
      await Promise.resolve()
    },
    scanned: async (project, now) => {
      until.set(project, now)
      await Promise.resolve()
    },
  }
}
