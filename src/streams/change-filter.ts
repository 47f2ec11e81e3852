import { createHash } from 'node:crypto'

import type { Document } from 'mongodb'

/** The fields that the service writes into a record, in either shape. */
const RESULTS = ['created_dt', 'id', 'error', 'tries', 'progress', 'last_failed_dt']
const DATES = ['created_dt', 'last_failed_dt']

const updated = { $objectToArray: { $ifNull: ['$updateDescription.updatedFields', {}] } }
const removed = { $ifNull: ['$updateDescription.removedFields', []] }
const truncated = { $ifNull: ['$updateDescription.truncatedArrays', []] }

const isDate = (input: string): Document => ({ $eq: [{ $type: input }, 'date'] })
const any = (input: Document, cond: Document): Document => ({ $gt: [{ $size: { $filter: { input, cond } } }, 0] })

/**
 * Asks something of the parts of a dotted path. Paths are compared part by part, never matched by a regular expression: that fails on
 * a name that is not UTF-8, and with it the stream of all projects.
 */
const ofParts = (path: string, ...conditions: readonly Document[]): Document => ({
  $let: { vars: { parts: { $split: [path, '.'] } }, in: { $and: conditions } },
})
const part = (index: number): Document => ({ $arrayElemAt: ['$$parts', index] })
const hasParts = (least: number): Document => ({ $gte: [{ $size: '$$parts' }, least] })
const isNumber = (input: Document): Document => ({
  $and: [{ $ne: [input, ''] }, { $eq: [{ $trim: { input, chars: '0123456789' } }, ''] }],
})
/** `files.N.sites.…`; how many parts the rest has depends on the site's name. */
const isRecord = (least: number): readonly Document[] => [
  hasParts(least),
  { $eq: [part(0), 'files'] },
  isNumber(part(1)),
  { $eq: [part(2), 'sites'] },
]

const inRecord = (path: string, fields: readonly string[]): Document => ofParts(path, ...isRecord(5), { $in: [part(-1), fields] })
const endsWith = (path: string, field: string): Document => ofParts(path, hasParts(2), { $eq: [part(-1), field] })

/** A result field set to a plain value. The service never writes a `tries` below 1, nor a date that is none; a person who does wants an attempt. */
const ownValue = {
  $and: [
    inRecord('$$this.k', RESULTS),
    { $not: [{ $in: [{ $type: '$$this.v' }, ['object', 'array']] }] },
    { $not: [{ $and: [inRecord('$$this.k', ['tries']), { $lt: ['$$this.v', 1] }] }] },
    { $not: [{ $and: [inRecord('$$this.k', DATES), { $not: [isDate('$$this.v')] }] }] },
  ],
}

/**
 * On a small record the server may report a result as the whole record, as it does a person's reset. Whatever the service wrote
 * there is a date of arrival, an error or progress; a reset holds none of them.
 */
const ownRecord = {
  $and: [
    ofParts('$$this.k', ...isRecord(4)),
    { $eq: [{ $type: '$$this.v' }, 'object'] },
    { $or: [isDate('$$this.v.created_dt'), { $eq: [{ $type: '$$this.v.error' }, 'string'] }, { $isNumber: '$$this.v.progress' }] },
  ],
}

/** Removed `tries` without a `created_dt` in exchange is a person's "try again"; a removed `created_dt` is a reset. */
const ownRemovals = {
  $and: [
    { $not: [any(removed, { $not: [inRecord('$$this', RESULTS)] })] },
    { $not: [any(removed, endsWith('$$this', 'created_dt'))] },
    {
      $or: [
        { $not: [any(removed, endsWith('$$this', 'tries'))] },
        any(updated, { $and: [endsWith('$$this.k', 'created_dt'), isDate('$$this.v')] }),
      ],
    },
  ],
}

const ownWrite = {
  $and: [
    { $eq: ['$operationType', 'update'] },
    { $gt: [{ $size: updated }, 0] },
    { $eq: [truncated, []] },
    { $not: [any(updated, { $not: [{ $or: [ownValue, ownRecord] }] })] },
    ownRemovals,
  ],
}

const unpaused = {
  $or: [
    any(removed, inRecord('$$this', ['paused'])),
    any(updated, { $and: [inRecord('$$this.k', ['paused']), { $ne: ['$$this.v', true] }] }),
  ],
}

/** Bytes. An ordinary publish of a file or a few; what is larger is read when somebody looks at it. */
const SMALL = 4_096

/** As it was published: whoever can plan with it at once need not ask for it. */
const document = {
  $cond: [
    { $and: [{ $eq: ['$operationType', 'insert'] }, { $lte: [{ $bsonSize: '$fullDocument' }, SMALL] }] },
    '$fullDocument',
    '$$REMOVE',
  ],
}

/**
 * What the server sends of a database's changes: keys, and of a small new document all, so that no event is too large; nothing of our own
 * writes; drops and renames, so that nothing ends silently. Documents are never looked up: an event's token would not be
 * resumable once the document changes.
 */
export const changeFilter: readonly Document[] = [
  { $match: { operationType: { $in: ['insert', 'update', 'replace', 'drop', 'rename', 'dropDatabase', 'invalidate'] } } },
  { $match: { $or: [{ operationType: { $nin: ['insert', 'replace'] } }, { 'fullDocument.type': 'representation' }] } },
  { $match: { $expr: { $not: [ownWrite] } } },
  { $project: { operationType: 1, ns: 1, to: 1, documentKey: 1, clusterTime: 1, unpaused, document } },
]

/** A token is only good for the filter it was made with. */
export const changeFilterHash = createHash('sha256').update(JSON.stringify(changeFilter)).digest('hex').slice(0, 16)
