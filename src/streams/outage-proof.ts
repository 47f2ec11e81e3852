import { MongoError, MongoServerError } from 'mongodb'

import type { ClaimStore } from '../model/stores.ts'
import type { Outage, ThroughOptions } from './outage.ts'

/** Whatever keeps leases from being taken or kept keeps all work from being done: even what does not pass by itself is waited for. */
export const isDatabaseFault = (error: unknown): boolean => error instanceof MongoError && !isTooLarge(error)
/** BSONObjectTooLarge: that is about one file, and must not keep the others. */
const isTooLarge = (error: unknown): boolean => error instanceof MongoServerError && error.code === 10_334
/** Two instances made the same lease at the same moment: one of them has it now. */
const isRace = (error: unknown): boolean => error instanceof MongoServerError && error.code === 11_000

/** A store is nothing but methods that ask MongoDB. */
type Methods<Store> = { readonly [Name in keyof Store]: (...args: never[]) => Promise<unknown> }

/** A store whose methods wait while MongoDB is unavailable, instead of failing. */
export function outageProof<Store extends Methods<Store>>(store: Store, outage: Outage, options?: ThroughOptions): Store {
  const proof = Object.entries<(...args: never[]) => Promise<unknown>>(store).map(([name, method]) => [
    name,
    async (...args: never[]) => outage.through(async () => method(...args), options),
  ])
  return Object.fromEntries(proof) as Store
}

export interface OutageProofClaims extends ClaimStore {
  /** Resolves when nothing is being given back any more. */
  settled(): Promise<void>
}

/** A place that we are giving back can be claimed here as soon as it is: nobody meets a lease of our own. */
export function outageProofClaims(claims: ClaimStore, outage: Outage): OutageProofClaims {
  const releasing = new Map<string, Promise<unknown>>()
  return {
    ...claims,
    async claim(transfer, attemptId, options) {
      await releasing.get(transfer.targetKey)
      const ask = async () => claims.claim(transfer, attemptId, options)
      const askAgain = async () => ask().catch(async (error: unknown) => (isRace(error) ? await ask() : Promise.reject(error as Error)))
      return outage.through(askAgain, { passes: isDatabaseFault })
    },
    async saveSession(claim, session) {
      await outage.through(async () => claims.saveSession(claim, session), { passes: isDatabaseFault, until: claim.localDeadline })
    },
    async release(claim, options) {
      const { targetKey } = claim.transfer
      const released = outage.through(async () => claims.release(claim, options), { passes: isDatabaseFault, until: claim.localDeadline })
      const ended = released.catch(() => undefined)
      releasing.set(targetKey, ended)
      try {
        await released
      } finally {
        if (releasing.get(targetKey) === ended) releasing.delete(targetKey)
      }
    },
    async settled() {
      await Promise.all(releasing.values())
    },
  }
}
