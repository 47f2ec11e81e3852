import { MongoError, MongoServerError } from 'mongodb'

import type { ClaimStore } from '../model/claim.ts'
import type { Outage } from './outage.ts'
import type { RepresentationReader } from './representation-reader.ts'
import type { StateDatabase } from './state-database.ts'

/** What the work asks of MongoDB, waiting while it is away instead of failing. */

/** Whatever keeps leases from being taken or kept keeps all work from being done: even what does not pass by itself is waited for. */
const isDatabaseFault = (error: unknown): boolean => error instanceof MongoError && !isTooLarge(error)
/** BSONObjectTooLarge: that is about one file, and must not keep the others. */
const isTooLarge = (error: unknown): boolean => error instanceof MongoServerError && error.code === 10_334
/** Two instances made the same lease at the same moment: one of them has it now. */
const isRace = (error: unknown): boolean => error instanceof MongoServerError && error.code === 11_000

export interface PatientClaims extends ClaimStore {
  /** Resolves when nothing is being given back any more. */
  settled(): Promise<void>
}

/** A place that we are giving back can be claimed here as soon as it is: nobody meets a lease of our own. */
export function patientClaims(claims: ClaimStore, outage: Outage): PatientClaims {
  const releasing = new Map<string, Promise<unknown>>()
  return {
    ...claims,
    async claim(transfer, attemptId) {
      await releasing.get(transfer.targetKey)
      const ask = async () => claims.claim(transfer, attemptId)
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

export function patientReader(reader: RepresentationReader, outage: Outage): RepresentationReader {
  return {
    read: async (project, ids) => outage.through(async () => reader.read(project, ids)),
    readFile: async (project, file) => outage.through(async () => reader.readFile(project, file)),
  }
}

type Memory = Pick<StateDatabase, 'wasSeen' | 'markSeen' | 'reserveFolderId' | 'loadRoot' | 'saveRoot'>

/** What providers remember: a fault of the database is no fault of a file or a site, of whatever kind it is. */
export function patientMemory(state: Memory, outage: Outage): Memory {
  const through = async <T>(work: () => Promise<T>): Promise<T> => outage.through(work, { passes: isDatabaseFault })
  return {
    wasSeen: async (rootKey) => through(async () => state.wasSeen(rootKey)),
    markSeen: async (rootKey) => through(async () => state.markSeen(rootKey)),
    reserveFolderId: async (key, proposedId) => through(async () => state.reserveFolderId(key, proposedId)),
    loadRoot: async (root) => through(async () => state.loadRoot(root)),
    saveRoot: async (root, facts) => through(async () => state.saveRoot(root, facts)),
  }
}
