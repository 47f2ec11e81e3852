import type { Collection, Db, Document } from 'mongodb'

import { representation, T0, type Representation } from '../../test/support/published.ts'

export type Shape = 'array' | 'object'

const SEEDS = 1_000

/** So many of them, evenly spread, are wanted at `mirror` and not there; the others are there. `data.n` counts them all. */
export interface ManyOptions {
  readonly count: number
  readonly shape: Shape
  readonly pending: number
}

/** A collection of so many one-file representations, made by the server itself: a million takes seconds. */
export async function makeRepresentations(
  db: Db,
  name: string,
  { count, shape, pending }: ManyOptions,
): Promise<Collection<Representation>> {
  const each = Math.ceil(count / SEEDS)
  const seeds = db.collection(`${name}_seeds`)
  await seeds.insertMany(Array.from({ length: SEEDS }, (_, seed) => ({ seed })))
  const n = { $add: [{ $multiply: ['$seed', each] }, '$n'] }
  const isPending = pending === 0 ? { $literal: false } : { $eq: [{ $mod: ['$n', count / pending] }, 0] }
  const { _id, files: _files, ...template } = representation([])
  const stages: Document[] = [
    { $project: { seed: 1, n: { $range: [0, each] } } },
    { $unwind: '$n' },
    { $project: { fileId: '$_id', n } },
    { $match: { n: { $lt: count } } },
    {
      $replaceWith: {
        $mergeObjects: [
          { $literal: template },
          { data: { n: '$n' }, files: [file({ $cond: [isPending, sites(shape, false), sites(shape, true)] })] },
        ],
      },
    },
    { $out: name },
  ]
  await seeds.aggregate(stages).toArray()
  await seeds.drop()
  return db.collection<Representation>(name)
}

function file(ofSites: Document): Document {
  const path = { $concat: ['{root[work]}/shots/x.', { $toString: '$n' }, '.exr'] }
  return { _id: '$fileId', path, hash: 'abc', sites: ofSites }
}

function sites(shape: Shape, isSynced: boolean): Document {
  const studio = { created_dt: T0 }
  const mirror = isSynced ? { created_dt: T0, id: 'shots/x.exr' } : {}
  return {
    $literal:
      shape === 'array'
        ? [
            { name: 'studio', ...studio },
            { name: 'mirror', ...mirror },
          ]
        : { studio, mirror },
  }
}

/** Changes the record of `mirror` in those that match. */
export async function changeRecords(
  collection: Collection<Representation>,
  shape: Shape,
  which: Document,
  change: { readonly set?: Document; readonly unset?: readonly string[] },
): Promise<void> {
  const record = shape === 'array' ? 'files.0.sites.1' : 'files.0.sites.mirror'
  const at = (fields: Document): Document =>
    Object.fromEntries(Object.entries(fields).map(([field, value]) => [`${record}.${field}`, value]))
  const { set = {}, unset = [] } = change
  await collection.updateMany(which, {
    ...(Object.keys(set).length > 0 && { $set: at(set) }),
    ...(unset.length > 0 && { $unset: at(Object.fromEntries(unset.map((field) => [field, '']))) }),
  })
}
