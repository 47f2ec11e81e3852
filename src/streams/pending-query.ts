import type { Document, Filter } from 'mongodb'

import type { RepresentationDocument } from '../model/document.ts'
import { DEFAULT_PRIORITY, isPathName } from '../model/site-record.ts'

export interface IndexDefinition {
  readonly name: string
  readonly key: Document
  readonly partialFilterExpression: Document
}

/** What a scan asks: documents with a record of this site that is not synced and has tries left. A superset of what is pending. */
export interface PendingQuery {
  readonly filter: Filter<RepresentationDocument>
  /** Only what is more urgent than the rest. */
  readonly urgent: boolean
}

/** Not created, and tries that are missing, below the limit, or no number (so that they are reported). */
const open = (retryCount: number): Document => ({ created_dt: null, tries: { $not: { $gte: retryCount } } })

/**
 * Array shape: one index for all sites. It holds only documents in which something is open, so a scan costs what is pending, and a
 * document that is synced for good costs nothing. `priority` stands before `tries` so that urgent work is found without reading the rest.
 */
export const ARRAY_INDEX: IndexDefinition = {
  name: 'site_sync_pending',
  key: { 'files.sites.name': 1, 'files.sites.created_dt': 1, 'files.sites.priority': -1, 'files.sites.tries': 1 },
  partialFilterExpression: { type: 'representation', 'files.sites.name': { $exists: true }, 'files.sites.created_dt': null },
}

/** Finds the documents with `sites` that nobody can read, so that they can be named. */
export const UNREADABLE_INDEX: IndexDefinition = {
  name: 'site_sync_unreadable',
  key: { type: 1, _id: 1 },
  partialFilterExpression: {
    type: 'representation',
    'files.sites': { $type: ['string', 'number', 'bool', 'date', 'objectId', 'binData'] },
  },
}

export const unreadableQuery: Filter<RepresentationDocument> = UNREADABLE_INDEX.partialFilterExpression

/** Object shape: one index a site, since the site's name is a field's name. Names that can't stand in a path have none. */
export function objectIndex(site: string): IndexDefinition | undefined {
  if (!isPathName(site)) return undefined
  const record = `files.sites.${site}`
  return {
    name: `site_sync_pending.${site}`,
    key: { [`${record}.created_dt`]: 1, [`${record}.priority`]: -1, [`${record}.tries`]: 1 },
    partialFilterExpression: { type: 'representation', [record]: { $exists: true }, [`${record}.created_dt`]: null },
  }
}

/** The queries of one site, urgent ones first; `sources`: the sites whose records may say so in its place. */
export function pendingQueries(site: string, retryCount: number, sources: readonly string[] = []): readonly PendingQuery[] {
  const all = open(retryCount)
  const first = { ...all, priority: { $gt: DEFAULT_PRIORITY } }
  const urgent = [
    arrayFilter(site, first),
    ...(sources.length === 0 ? [] : [urgentSourceFilter(site, sources, all)]),
    ...(isPathName(site) ? [objectFilter(site, first)] : []),
  ]
  const rest = [arrayFilter(site, all), isPathName(site) ? objectFilter(site, all) : unnameableFilter(site)]
  return [...urgent.map((filter) => ({ filter, urgent: true })), ...rest.map((filter) => ({ filter, urgent: false }))]
}

function arrayFilter(site: string, conditions: Document): Filter<RepresentationDocument> {
  return {
    type: 'representation',
    'files.sites.name': { $exists: true },
    'files.sites.created_dt': null,
    'files.sites': { $elemMatch: { name: site, ...conditions } },
  }
}

/** OpenPype's queue window raises the priority where the file is; it writes arrays only. */
function urgentSourceFilter(site: string, sources: readonly string[], conditions: Document): Filter<RepresentationDocument> {
  return {
    type: 'representation',
    'files.sites.name': { $exists: true },
    'files.sites.created_dt': null,
    'files.sites': { $elemMatch: { name: { $in: sources }, priority: { $gt: DEFAULT_PRIORITY } } },
    files: { $elemMatch: { sites: { $elemMatch: { name: site, ...conditions } } } },
  }
}

function objectFilter(site: string, conditions: Document): Filter<RepresentationDocument> {
  const record = `files.sites.${site}`
  const fields = Object.entries(conditions).map(([field, condition]): [string, unknown] => [`sites.${site}.${field}`, condition])
  return {
    type: 'representation',
    [record]: { $exists: true },
    [`${record}.created_dt`]: null,
    files: { $elemMatch: { [`sites.${site}`]: { $exists: true }, ...Object.fromEntries(fields) } },
  }
}

/** A field name that no path can spell: `$getField` reads it, and no index can serve. */
function unnameableFilter(site: string): Filter<RepresentationDocument> {
  const record = { $getField: { field: { $literal: site }, input: '$$file.sites' } }
  const isOpen = {
    $and: [
      { $eq: [{ $type: '$$file.sites' }, 'object'] },
      { $ne: [{ $type: record }, 'missing'] },
      { $in: [{ $type: { $getField: { field: 'created_dt', input: record } } }, ['missing', 'null', 'undefined']] },
    ],
  }
  const files = { $cond: [{ $isArray: '$files' }, '$files', []] }
  return { type: 'representation', $expr: { $anyElementTrue: [{ $map: { input: files, as: 'file', in: isOpen } }] } }
}
