import type { Collection, Db } from 'mongodb'

import { prepareClaims } from './claims.ts'

/** How a site is doing at one instance, for `status`. */
export interface ReportedSite {
  readonly site: string
  readonly provider: string
  readonly state: 'ok' | 'cooling' | 'trying' | 'misconfigured'
  readonly error?: string
  readonly since?: Date
  readonly until?: Date
  readonly running: number
  readonly queued: number
}

/** What an instance says about itself every few seconds. */
export interface InstanceReport {
  readonly _id: string
  readonly database: string
  readonly host: string
  readonly pid: number
  readonly started: Date
  readonly stream: 'opening' | 'open' | 'lost' | 'unavailable'
  /** Why it is not open. */
  readonly streamFault?: string
  readonly sites: readonly ReportedSite[]
}

export interface StateDatabase {
  prepare(): Promise<void>
  report(report: InstanceReport): Promise<void>
  /** Of instances heard of lately. */
  reports(database: string): Promise<readonly (InstanceReport & { readonly heard: Date })[]>
  /** The last word of an instance. */
  forget(instance: string): Promise<void>
  wasSeen(rootKey: string): Promise<boolean>
  markSeen(rootKey: string): Promise<void>
  /** The first proposal stands, whoever made it. */
  reserveFolderId(key: string, proposedId: string): Promise<string>
}

const SILENT_AFTER_MS = 45_000

/** Our own database: nothing of it ever goes into the owner's documents. */
export function stateDatabase(state: Db): StateDatabase {
  const instances: Collection<InstanceReport & { heard: Date }> = state.collection('instances')
  const roots: Collection<{ _id: string; seen: Date }> = state.collection('roots')
  const folders: Collection<{ _id: string; id: string; reserved: Date }> = state.collection('folders')
  return {
    async prepare() {
      await prepareClaims(state)
      await instances.createIndex({ heard: 1 }, { expireAfterSeconds: 24 * 3_600 })
    },
    async report({ _id, ...report }) {
      await instances.updateOne({ _id }, [{ $replaceWith: { _id: '$_id', ...literal(report), heard: '$$NOW' } }], { upsert: true })
    },
    async reports(database) {
      const recent = { $gt: ['$heard', { $subtract: ['$$NOW', SILENT_AFTER_MS] }] }
      return instances.find({ database, $expr: recent }).sort({ _id: 1 }).toArray()
    },
    async forget(instance) {
      await instances.deleteOne({ _id: instance })
    },
    async wasSeen(rootKey) {
      return (await roots.findOne({ _id: rootKey })) !== null
    },
    async markSeen(rootKey) {
      await roots.updateOne({ _id: rootKey }, { $setOnInsert: { seen: new Date() } }, { upsert: true })
    },
    async reserveFolderId(key, proposedId) {
      const reserved = await folders.findOneAndUpdate(
        { _id: key },
        { $setOnInsert: { id: proposedId, reserved: new Date() } },
        { upsert: true, returnDocument: 'after' },
      )
      return reserved?.id ?? proposedId
    },
  }
}

function literal(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { $literal: value as unknown }]))
}
