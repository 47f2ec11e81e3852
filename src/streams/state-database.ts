import { hostname } from 'node:os'

import type { Collection, Db } from 'mongodb'

import type { SiteSpeed } from '../model/activity.ts'
import type { RootFacts } from '../model/root-facts.ts'
import { ACTIVITY } from './activity-store.ts'
import { letExpire } from './lease-writes.ts'

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
  /** False: the instance sends nothing there, and may only read. */
  readonly served?: boolean
}

/** A transfer under way. */
export interface ReportedTransfer {
  /** Its attempt. */
  readonly id: string
  readonly project: string
  readonly representation: string
  readonly file: string
  readonly path: string
  readonly site: string
  readonly bytes: number
  readonly size: number
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
  /** Somebody looks at what is under way: others say what they have. */
  readonly watched?: true
  /** Only while somebody looks at it. */
  readonly running?: readonly ReportedTransfer[]
  /** Of what arrives now; only while somebody looks at it. */
  readonly speeds?: readonly SiteSpeed[]
  /** The address of its page, where it has one. */
  readonly page?: string
  /** Globs over the projects that it serves. */
  readonly projects: { readonly include: readonly string[]; readonly exclude: readonly string[] }
}

/** As it stands in the database: an earlier version of the program does not say which projects it serves. */
export interface HeardReport extends Omit<InstanceReport, 'projects'>, Partial<Pick<InstanceReport, 'projects'>> {
  readonly heard: Date
  /** Milliseconds since then, by the server's clock. */
  readonly heardAgoMs: number
}

export interface StateDatabase {
  prepare(): Promise<void>
  report(report: InstanceReport): Promise<void>
  /** Of instances heard of lately. */
  reports(database: string): Promise<readonly HeardReport[]>
  /** The last word of an instance. */
  forget(instance: string): Promise<void>
  wasSeen(rootKey: string): Promise<boolean>
  markSeen(rootKey: string): Promise<void>
  /** The first proposal stands, whoever made it, until it is spent: then the first one in its place. */
  reserveFolderId(key: string, proposedId: string, spentId?: string): Promise<string>
  /** What roots on disk are, as seen by this machine. */
  loadRoot(root: string): Promise<RootFacts | undefined>
  saveRoot(root: string, facts: RootFacts): Promise<void>
  /** Forgets these roots, on every machine; gives how many were known. */
  countRoots(paths: readonly string[]): Promise<number>
  forgetRoots(paths: readonly string[]): Promise<number>
}

interface StoredRoot {
  readonly _id: string
  readonly root: string
  readonly host: string
  readonly facts: RootFacts
  readonly seen: Date
}

/** Each machine mounts what it needs by itself. */
const diskKey = (root: string): string => `${hostname()}\0${root}`

/** What `prepare` makes: lets the server collect what nobody needs. Whether a lease or a pause holds never depends on it. */
export const STATE_INDEXES = [
  { collection: 'leases', name: 'expires_1', key: { expires: 1 }, expireAfterSeconds: 0 },
  { collection: 'controls', name: 'until_1', key: { until: 1 }, expireAfterSeconds: 0 },
  { collection: 'instances', name: 'heard_1', key: { heard: 1 }, expireAfterSeconds: 24 * 3_600 },
  { collection: ACTIVITY, name: 'at_1', key: { at: 1 }, expireAfterSeconds: 2 * 3_600 },
] as const

const SILENT_AFTER_MS = 45_000
/** All of a report: a projection that computes something names what it keeps. */
const REPORT_FIELDS: Readonly<Record<Exclude<keyof HeardReport, 'heardAgoMs'>, 1>> = {
  _id: 1,
  database: 1,
  host: 1,
  pid: 1,
  started: 1,
  stream: 1,
  streamFault: 1,
  sites: 1,
  watched: 1,
  running: 1,
  speeds: 1,
  page: 1,
  projects: 1,
  heard: 1,
}

/** Our own database: nothing of it ever goes into the owner's documents. `clean` takes secrets out of the texts of faults. */
export function stateDatabase(state: Db, clean = (text: string): string => text): StateDatabase {
  const instances: Collection<InstanceReport & { heard: Date }> = state.collection('instances')
  const roots: Collection<{ _id: string; seen: Date }> = state.collection('roots')
  const disks: Collection<StoredRoot> = state.collection('root_disks')
  const folders: Collection<{ _id: string; id: string; reserved: Date }> = state.collection('folders')
  return {
    async prepare() {
      for (const { collection, key, ...options } of STATE_INDEXES) await state.collection(collection).createIndex(key, options)
      await letExpire(state.collection('leases'))
    },
    async report({ _id, ...said }) {
      const sites = said.sites.map((site) => ({ ...site, ...(site.error !== undefined && { error: clean(site.error) }) }))
      const report = { ...said, sites, ...(said.streamFault !== undefined && { streamFault: clean(said.streamFault) }) }
      await instances.updateOne({ _id }, [{ $replaceWith: { _id: '$_id', ...literal(report), heard: '$$NOW' } }], { upsert: true })
    },
    async reports(database) {
      const recent = { $gt: ['$heard', { $subtract: ['$$NOW', SILENT_AFTER_MS] }] }
      const heardAgoMs = { $toInt: { $subtract: ['$$NOW', '$heard'] } }
      return instances
        .find<HeardReport>({ database, $expr: recent }, { projection: { ...REPORT_FIELDS, heardAgoMs } })
        .sort({ _id: 1 })
        .toArray()
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
    async reserveFolderId(key, proposedId, spentId) {
      if (spentId !== undefined) await folders.updateOne({ _id: key, id: spentId }, { $set: { id: proposedId, reserved: new Date() } })
      const reserved = await folders.findOneAndUpdate(
        { _id: key },
        { $setOnInsert: { id: proposedId, reserved: new Date() } },
        { upsert: true, returnDocument: 'after' },
      )
      return reserved?.id ?? proposedId
    },
    async loadRoot(root) {
      return (await disks.findOne({ _id: diskKey(root) }))?.facts
    },
    async saveRoot(root, facts) {
      await disks.updateOne({ _id: diskKey(root) }, { $set: { root, host: hostname(), facts, seen: new Date() } }, { upsert: true })
    },
    async countRoots(paths) {
      return disks.countDocuments({ root: { $in: [...paths] } })
    },
    async forgetRoots(paths) {
      return (await disks.deleteMany({ root: { $in: [...paths] } })).deletedCount
    },
  }
}

function literal(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { $literal: value as unknown }]))
}
