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

/** A record that is written whole, as OpenPype does; of a result the server may tell in this way, too. */
const wholeRecord = { $and: [ofParts('$$this.k', ...isRecord(4)), { $eq: [{ $type: '$$this.v' }, 'object'] }] }

/** Whatever a result holds is a date of arrival, an error or progress; a reset holds none of them. */
const ownRecord = {
  $and: [
    wholeRecord,
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

/** Written by a program of this kind, by its looks: this process, another instance, or somebody who writes the same. */
const looksLikeResult = {
  $and: [
    { $eq: ['$operationType', 'update'] },
    { $gt: [{ $size: updated }, 0] },
    { $eq: [truncated, []] },
    { $not: [any(updated, { $not: [{ $or: [ownValue, ownRecord] }] })] },
    ownRemovals,
  ],
}

/** A file has become available, or a record was written whole: whoever did it, it may concern others. */
const matters = { $or: [wholeRecord, { $and: [inRecord('$$this.k', ['created_dt']), isDate('$$this.v')] }] }

const now = { $toDate: '$clusterTime' }
/** Milliseconds. */
const JUST_NOW = 3_000
/** A failure of this moment: its writer has counted it, and nobody has looked at it since. */
const failedJustNow = (record: string): Document => ({
  $and: [
    isDate(`${record}.last_failed_dt`),
    { $gte: [`${record}.last_failed_dt`, { $subtract: [now, JUST_NOW] }] },
    { $lte: [`${record}.last_failed_dt`, { $add: [now, JUST_NOW] }] },
  ],
})

/** A record that was written whole and is not paused: whatever it held before, somebody may have taken a pause out of it. */
const unpausedRecord = {
  $and: [wholeRecord, { $ne: ['$$this.v.paused', true] }, { $not: [isDate('$$this.v.created_dt')] }, { $not: [failedJustNow('$$this.v')] }],
}

const recordsOf = (file: string): Document => {
  const values = { $map: { input: { $objectToArray: `${file}.sites` }, as: 'site', in: '$$site.v' } }
  const inObject = { $cond: [{ $eq: [{ $type: `${file}.sites` }, 'object'] }, values, []] }
  return { $cond: [{ $isArray: `${file}.sites` }, `${file}.sites`, inObject] }
}

/** The server tells so of a write to several files at once, such as OpenPype's pause of a sequence. */
const unpausedFiles = {
  $and: [
    { $eq: ['$$this.k', 'files'] },
    { $isArray: '$$this.v' },
    {
      $eq: [
        {
          $size: {
            $filter: {
              input: '$$this.v',
              as: 'file',
              cond: {
                $anyElementTrue: [{ $map: { input: recordsOf('$$file'), as: 'record', in: failedJustNow('$$record') } }],
              },
            },
          },
        },
        0,
      ],
    },
  ],
}

const unpaused = {
  $or: [
    any(removed, inRecord('$$this', ['paused'])),
    any(updated, { $or: [{ $and: [inRecord('$$this.k', ['paused']), { $ne: ['$$this.v', true] }] }, unpausedRecord, unpausedFiles] }),
  ],
}

const results = { $cond: ['$looksLikeResult', { $size: { $filter: { input: updated, cond: matters } } }, '$$REMOVE'] }

/** Bytes. An ordinary publish of a file or a few; what is larger is read when somebody looks at it. */
const SMALL = 4_096

/** Bytes. What is said of longer ids is too long for anything to be done about it; they may have 16 MB. */
const MAX_KEY_LENGTH = 65_536
export const hasKeyOfBearableLength = { $lte: [{ $bsonSize: '$documentKey' }, MAX_KEY_LENGTH] }

/**
 * The document's key and, as it was published, a small new document: whoever can plan with it at once need not ask for it. Both in an
 * array, since the elements of one can be left as they came (`RAW_FIELDS`): what can't be read in them must not end the stream.
 */
const raw = {
  $cond: [
    { $and: [{ $eq: ['$operationType', 'insert'] }, { $lte: [{ $bsonSize: '$fullDocument' }, SMALL] }] },
    ['$documentKey', '$fullDocument'],
    ['$documentKey'],
  ],
}

/** For the driver: the fields of an event that hold what it must not look at. */
export const RAW_FIELDS = { raw: true }

/**
 * What the server sends of a database's changes: keys, and of a small new document all, so that no event is too large; drops and renames, so
 * that nothing ends silently. Failures and progress concern nobody, whoever wrote them. Of what looks like results it says how many there
 * are: whether they are this process's own, its writer knows (`own-results.ts`). Documents are never looked up: an event's token would
 * not be resumable once the document changes.
 */
export const changeFilter: readonly Document[] = [
  { $match: { operationType: { $in: ['insert', 'update', 'replace', 'delete', 'drop', 'rename', 'dropDatabase', 'invalidate'] } } },
  { $match: { $or: [{ operationType: { $nin: ['insert', 'replace'] } }, { 'fullDocument.type': 'representation' }] } },
  { $set: { looksLikeResult } },
  { $match: { $expr: { $and: [hasKeyOfBearableLength, { $or: [{ $not: ['$looksLikeResult'] }, any(updated, matters)] }] } } },
  { $project: { operationType: 1, ns: 1, to: 1, clusterTime: 1, results, unpaused, raw } },
]

/** A token is only good for the filter it was made with. */
export const changeFilterHash = createHash('sha256').update(JSON.stringify(changeFilter)).digest('hex').slice(0, 16)
