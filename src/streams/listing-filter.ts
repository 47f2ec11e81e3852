import type { Document, Filter } from 'mongodb'

import type { SelectableState } from '../model/selection.ts'
import { idsOf } from './ids-of.ts'
import { openRecords } from './open-records.ts'

export interface ListingFilter {
  readonly asset?: string | undefined
  readonly site?: string | undefined
  readonly states?: ReadonlySet<SelectableState> | undefined
  /** A part of the text in `error`; the letters of ASCII in upper and lower case alike. */
  readonly error?: string | undefined
  /** Of those with such an error: in which an open record of a configured site has it, or only others do. */
  readonly errorOf?: 'open' | 'others' | undefined
  /** In which such a record has been tried, or only others are as asked for: `tries` are in the indexes of scans, errors are not. */
  readonly tried?: boolean | undefined
  /** All that is asked for is there: no record is open. */
  readonly whole?: boolean | undefined
  /** One of these, as text. */
  readonly ids?: readonly string[] | undefined
  /** A part of asset, subset, name or the path of a file, or an id. */
  readonly q?: string | undefined
}

/** What a project's own settings add to it. */
export interface ListingScope {
  readonly retryCount: number
  /** Those that are configured. */
  readonly sites: readonly string[]
}

/** Is it about open records alone? The indexes of scans lead to these. */
export const isOfOpen = ({ states, errorOf }: Pick<ListingFilter, 'states' | 'errorOf'>): boolean =>
  errorOf === 'open' || (states !== undefined && !states.has('synced'))

/** May what is asked for lie among many that wait, most of it with tries? Then the indexes of scans lead to that part much sooner. */
export const isMostlyTried = (filter: Pick<ListingFilter, 'states' | 'error' | 'errorOf'>): boolean =>
  isOfOpen(filter) &&
  (filter.error !== undefined
    ? filter.states === undefined || [...filter.states].some((state) => state !== 'exhausted')
    : filter.states?.has('failed') === true && !filter.states.has('pending'))

/** The representations in which some record is as asked for: decided by the server, in both shapes of records, as `model/record-state.ts` does. */
export function listingFilter(filter: ListingFilter, scope: ListingScope): Filter<Document> {
  const { asset, site, states, error, errorOf, tried, whole, ids, q } = filter
  const isOfRecord = site !== undefined || states !== undefined || error !== undefined
  const conditions: Document[] = [
    ...(isOfRecord ? [{ $expr: hasRecord(filter, scope) }] : []),
    ...(errorOf === 'others' ? [{ $expr: { $not: [hasRecord({ ...filter, errorOf: 'open' }, scope)] } }] : []),
    ...(tried === false ? [{ $expr: { $not: [hasRecord({ ...filter, tried: true }, scope)] } }] : []),
    ...(isOfOpen(filter) ? [openRecords(filter, site === undefined ? scope.sites : [site], scope.retryCount)] : []),
    ...(whole === true ? [{ $expr: isWhole(scope, site) }] : []),
    ...(ids === undefined ? [] : [{ _id: { $in: ids.flatMap(idsOf) } }]),
    ...(q === undefined ? [] : [searched(q)]),
  ]
  return {
    type: 'representation',
    ...(asset !== undefined && { 'context.asset': asset }),
    ...(conditions.length > 0 && { $and: conditions }),
  }
}

const typeOf = (input: string | Document): Document => ({ $type: input })
const isObject = (input: string): Document => ({ $eq: [typeOf(input), 'object'] })
const isMissing = (input: string): Document => ({ $in: [typeOf(input), ['missing', 'null', 'undefined']] })

/** Of what is no text: the empty text. */
const textOf = (input: string): Document => ({ $cond: [{ $eq: [typeOf(input), 'string'] }, input, ''] })

/** Compared byte by byte: other ways to look for a text fail where one is not valid UTF-8, and with them all that is asked for. */
const contains = (input: string, text: string): Document => ({
  $gte: [{ $indexOfBytes: [{ $toLower: textOf(input) }, { $toLower: { $literal: text } }] }, 0],
})

const files: Document = { $cond: [{ $isArray: '$files' }, '$files', []] }
const anyFile = (condition: Document): Document => ({ $anyElementTrue: [{ $map: { input: files, as: 'file', in: condition } }] })

function searched(q: string): Document {
  const fields = ['$context.asset', '$context.subset', '$name'].map((field) => contains(field, q))
  const found = { $expr: { $or: [...fields, anyFile(contains('$$file.path', q))] } }
  return { $or: [{ _id: { $in: idsOf(q) } }, found] }
}

/** Some record of a configured site says that a file is there, and none is open. */
export function isWhole({ sites }: Pick<ListingScope, 'sites'>, site?: string): Document {
  const isOf = { $in: ['$$record.k', { $literal: site === undefined ? sites : [site] }] }
  const missing = isMissing('$$record.v.created_dt')
  return { $and: [anyRecord({ $and: [isOf, { $not: [missing] }] }), { $not: [anyRecord({ $and: [isOf, missing] })] }] }
}

/** Each with its site, whichever the shape. */
const inArray: Document = {
  $map: {
    input: { $filter: { input: '$$file.sites', as: 'r', cond: { $and: [isObject('$$r'), { $eq: [typeOf('$$r.name'), 'string'] }] } } },
    as: 'r',
    in: { k: '$$r.name', v: '$$r' },
  },
}
const inObject: Document = { $filter: { input: { $objectToArray: '$$file.sites' }, as: 'r', cond: isObject('$$r.v') } }
const recordsOfFile: Document = { $cond: [{ $isArray: '$$file.sites' }, inArray, { $cond: [isObject('$$file.sites'), inObject, []] }] }

const anyRecord = (condition: Document): Document =>
  anyFile({ $anyElementTrue: [{ $map: { input: recordsOfFile, as: 'record', in: condition } }] })

function hasRecord({ site, states, error, errorOf, tried }: ListingFilter, { retryCount, sites }: ListingScope): Document {
  const isOpen = errorOf === 'open'
  const conditions = [
    ...(site === undefined ? [] : [{ $eq: ['$$record.k', { $literal: site }] }]),
    // A state is one of a site that is configured: of others nothing is to be done.
    ...(site === undefined && (states !== undefined || isOpen) ? [{ $in: ['$$record.k', { $literal: sites }] }] : []),
    ...(isOpen ? [isMissing('$$record.v.created_dt')] : []),
    ...(tried === true ? [{ $and: [{ $isNumber: tries }, { $gt: [tries, 0] }] }] : []),
    ...(states === undefined ? [] : [{ $or: [...states].map((state) => isInState(state, retryCount)) }]),
    ...(error === undefined ? [] : [contains('$$record.v.error', error)]),
  ]
  return anyRecord({ $and: conditions })
}

const tries = '$$record.v.tries'
const isFinite: Document = {
  $and: [
    { $in: [typeOf(tries), ['int', 'long', 'double']] },
    { $gt: [tries, -Infinity] },
    { $lt: [tries, Infinity] },
    { $ne: [tries, Number.NaN] },
  ],
}
/** A whole number from 0; null where it is none. */
const counted: Document = { $cond: [isMissing(tries), 0, { $cond: [isFinite, { $max: [0, { $trunc: tries }] }, null] }] }

function isInState(state: SelectableState, retryCount: number): Document {
  const created = { $not: [isMissing('$$record.v.created_dt')] }
  const paused = { $eq: ['$$record.v.paused', true] }
  const due = (...more: readonly Document[]): Document => ({
    $let: { vars: { tries: counted }, in: { $and: [{ $not: [created] }, { $not: [paused] }, { $ne: ['$$tries', null] }, ...more] } },
  })
  const failedBefore = { $or: [{ $gt: ['$$tries', 0] }, { $eq: [typeOf('$$record.v.error'), 'string'] }] }
  switch (state) {
    case 'synced':
      return created
    case 'paused':
      return { $and: [{ $not: [created] }, paused] }
    case 'exhausted':
      return due({ $gte: ['$$tries', retryCount] })
    case 'failed':
      return due({ $lt: ['$$tries', retryCount] }, failedBefore)
    case 'pending':
      return due({ $lt: ['$$tries', retryCount] })
  }
}
