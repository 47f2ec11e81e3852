import { Decimal128, Long, type Document } from 'mongodb'
import { expect, test } from 'vitest'

import { isInState } from '../../src/model/record-state.ts'
import type { SelectableState } from '../../src/model/selection.ts'
import { readSites } from '../../src/model/site-record.ts'
import { ARRAY_INDEX, objectIndex } from '../../src/streams/pending-query.ts'
import { isOfOpen, listingFilter, type ListingFilter } from '../../src/streams/listing-filter.ts'
import { T0 } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'

const STATES = ['pending', 'failed', 'exhausted', 'paused', 'synced'] as const satisfies readonly SelectableState[]
/** All subsets of them but the empty one. */
const SUBSETS = Array.from({ length: 2 ** STATES.length - 1 }, (_, n) => new Set(STATES.filter((_state, bit) => ((n + 1) >> bit) & 1)))
const TRIES = [undefined, null, 0, 0.5, 1, Long.fromNumber(2), 2.9, 3, 4, -1, 'x', Number.NaN, Infinity, Decimal128.fromString('3'), [3]]
const SITES = ['gdrive', 'nas']

/** Every kind of record, at a site each. */
function records(): readonly Document[] {
  const found: Document[] = []
  for (const tries of TRIES)
    for (const error of [undefined, 'Quota', 7])
      for (const created of [undefined, null, T0])
        for (const paused of [undefined, true]) {
          const all = Object.entries({ tries, error, created_dt: created, paused })
          found.push(Object.fromEntries(all.filter(([, value]) => value !== undefined)))
        }
  return found
}

test('what is asked of open records is told by the database as by the model', { timeout: 60_000 }, async () => {
  const stage = await Stage.open()
  const collection = stage.db.collection('prj')
  const kinds = records()
  // Beside one of another kind at the other site, which must not be taken for it.
  const sites = kinds.map((record, n) => [record, kinds[(n * 7 + 3) % kinds.length] as Document] as const)
  const shapes = sites.flatMap(([one, other]) => [
    [
      { name: 'gdrive', ...one },
      { name: 'nas', ...other },
    ],
    { gdrive: one, nas: other },
  ])
  // The second file has no records of ours: conditions on several fields must not be met by two files together.
  const documents = shapes.map((each, n) => ({
    _id: n as never,
    type: 'representation',
    files: [{ sites: each }, { sites: [{ name: 'tape', created_dt: null, tries: 9, error: 'quota' }] }],
  }))
  await collection.insertMany(documents)
  for (const index of [ARRAY_INDEX, ...SITES.flatMap((site) => objectIndex(site) ?? [])])
    await collection.createIndex(index.key, { name: index.name, partialFilterExpression: index.partialFilterExpression })
  // As they are read: the driver has numbers of its own.
  const read = await collection.find({}).sort({ _id: 1 }).toArray()
  const inModel = read.map(({ files }) => [...readSites((files as Document[])[0]?.['sites']).records.values()].flat())
  for (const retryCount of [3, 0])
    for (const states of [...SUBSETS, undefined])
      for (const error of [undefined, 'quota'])
        for (const site of [undefined, 'nas']) {
          if (states === undefined && error === undefined) continue
          const filter: ListingFilter = { states, error, site, ...(states === undefined && { errorOf: 'open' }) }
          const expected = inModel.flatMap((all, n) =>
            all.some(
              (record) =>
                (site === undefined || record.site === site) &&
                (states === undefined ? !record.created : [...states].some((state) => isInState(record, state, retryCount))) &&
                (error === undefined || record.error?.toLowerCase().includes(error) === true),
            )
              ? [n]
              : [],
          )
          const asked = listingFilter(filter, { retryCount, sites: SITES })
          const found = await collection.find(asked, { projection: { _id: 1 } }).toArray()
          const ids = found.map(({ _id }) => Number(_id)).toSorted((a, b) => a - b)
          expect({ retryCount, states: [...(states ?? [])], error, site, ids }).toEqual({
            retryCount,
            states: [...(states ?? [])],
            error,
            site,
            ids: expected,
          })
          // In two parts, if it is asked for so, each representation in one of them.
          const part = async (tried: boolean): Promise<readonly number[]> => {
            const of = listingFilter({ ...filter, tried }, { retryCount, sites: SITES })
            const inPart = await collection.find(of, { projection: { _id: 1 } }).toArray()
            return inPart.map(({ _id }) => Number(_id))
          }
          const parts = isOfOpen(filter) ? [...(await part(true)), ...(await part(false))] : ids
          expect(parts.toSorted((a, b) => a - b)).toEqual(ids)
          if (error === undefined || states !== undefined) continue
          // The rest: with the first part it is all that has such an error, at whatever site, and each once.
          const whole = await collection
            .find(listingFilter({ error, site }, { retryCount, sites: SITES }), { projection: { _id: 1 } })
            .toArray()
          const others = await collection
            .find(listingFilter({ ...filter, errorOf: 'others' }, { retryCount, sites: SITES }), { projection: { _id: 1 } })
            .toArray()
          expect([...ids, ...others.map(({ _id }) => Number(_id))].toSorted((a, b) => a - b)).toEqual(
            whole.map(({ _id }) => Number(_id)).toSorted((a, b) => a - b),
          )
        }
})
