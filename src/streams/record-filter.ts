import type { Document } from 'mongodb'

import { hasKeyOfBearableLength } from './change-filter.ts'

const startsWithFiles = (path: string): Document => ({ $eq: [{ $indexOfBytes: [path, 'files'] }, 0] })
const any = (input: Document, cond: Document): Document => ({ $gt: [{ $size: { $filter: { input, cond } } }, 0] })
const updated = { $objectToArray: { $ifNull: ['$updateDescription.updatedFields', {}] } }
const removed = { $ifNull: ['$updateDescription.removedFields', []] }
const truncated = { $ifNull: ['$updateDescription.truncatedArrays', []] }

const touchesFiles = {
  $or: [
    { $ne: ['$operationType', 'update'] },
    any(updated, startsWithFiles('$$this.k')),
    any(removed, startsWithFiles('$$this')),
    any(truncated, startsWithFiles('$$this.field')),
  ],
}

/** Every change of records, whoever made it and whatever it says, for those who look on: the key alone. */
export const recordFilter: readonly Document[] = [
  { $match: { operationType: { $in: ['insert', 'update', 'replace', 'delete', 'drop', 'rename', 'dropDatabase', 'invalidate'] } } },
  { $match: { $or: [{ operationType: { $nin: ['insert', 'replace'] } }, { 'fullDocument.type': 'representation' }] } },
  { $match: { $expr: { $and: [hasKeyOfBearableLength, touchesFiles] } } },
  { $project: { operationType: 1, ns: 1, to: 1, raw: ['$documentKey'] } },
]
