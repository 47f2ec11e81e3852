import type { Document } from 'mongodb'

import type { SelectableState } from '../model/selection.ts'
import { isPathName } from '../model/site-record.ts'

/** What is asked of a record that is not synced. */
export interface OpenRecord {
  /** Without `synced`. */
  readonly states?: ReadonlySet<SelectableState> | undefined
  readonly error?: string | undefined
  /** With tries, whatever else. */
  readonly tried?: boolean | undefined
}

const ARRAY = { type: 'representation', 'files.sites.name': { $exists: true }, 'files.sites.created_dt': null } as const
const objects = (site: string): Document => {
  const record = `files.sites.${site}`
  return { type: 'representation', [record]: { $exists: true }, [`${record}.created_dt`]: null }
}

/** What the partial indexes of scans hold, so that these can serve; more than what is asked for. */
export function someOpen(sites: readonly string[]): Document {
  return sites.every(isPathName) ? { $or: [ARRAY, ...sites.map(objects)] } : {}
}

/**
 * The same, and the fields that such a record has at least: more than what is asked for, at a fraction of what an expression costs. Where
 * tries alone leave something out, the server reads only that part of the index.
 */
export function openRecords(asked: OpenRecord, sites: readonly string[], retryCount: number): Document {
  if (!sites.every(isPathName)) return {}
  const marks = marksOf(asked, retryCount)
  const range = rangeOf(asked, retryCount)
  const inObjects = sites.map((site) => ({ ...objects(site), ...meets(`files.sites.${site}`, marks), ...inRange(site, range) }))
  const elements = range && { 'files.sites': { $elemMatch: { name: { $in: sites }, created_dt: null, tries: range } } }
  return { $or: [{ ...ARRAY, ...meets('files.sites', marks), ...elements }, ...inObjects] }
}

/** Of one record, in words that bound the keys of an index: these are of all files and sites of a document. */
function inRange(site: string, range: Document | undefined): Document {
  const record = `sites.${site}`
  return range ? { files: { $elemMatch: { [record]: { $exists: true }, [`${record}.created_dt`]: null, [`${record}.tries`]: range } } } : {}
}

const meets = (record: string, marks: readonly (readonly [string, Document | true])[][]): Document =>
  marks.length === 0 ? {} : { $and: marks.map((some) => ({ $or: some.map(([field, is]) => ({ [`${record}.${field}`]: is })) })) }

const HAS_TEXT = ['error', { $type: 'string' }] as const
const HAS_TRIES = ['tries', { $gt: 0 }] as const
const IS_PAUSED = ['paused', true] as const

/** Of each group a record meets one condition at least. */
function marksOf({ states, error }: OpenRecord, retryCount: number): readonly (readonly [string, Document | true])[][] {
  const ofError = error === undefined ? [] : [[HAS_TEXT]]
  // Where there are no tries at all, any record is exhausted.
  if (!states || states.has('pending') || retryCount === 0) return ofError
  const ofState = [
    ...(states.has('failed') || states.has('exhausted') ? [HAS_TRIES] : []),
    ...(states.has('failed') ? [HAS_TEXT] : []),
    ...(states.has('paused') ? [IS_PAUSED] : []),
  ]
  return [...ofError, ofState]
}

/** Of `tries`; undefined where it says nothing. */
function rangeOf({ states, tried }: OpenRecord, retryCount: number): Document | undefined {
  const range = rangeOfStates(states, retryCount)
  return tried === true ? { ...range, $gt: 0 } : range
}

function rangeOfStates(states: OpenRecord['states'], retryCount: number): Document | undefined {
  if (!states || states.has('paused') || retryCount === 0) return undefined
  const isTried = { $gte: retryCount }
  if (states.has('exhausted')) return states.has('pending') || states.has('failed') ? undefined : isTried
  return { $not: isTried }
}
