import { describe, expect, test } from 'vitest'

import type { RecordResult } from '../../../src/model/record-result.ts'
import { RESULT_FIELDS } from '../../../src/model/site-record.ts'
import { fitsOperators, operatorUpdate, pipelineUpdate } from '../../../src/streams/record-update.ts'
import { CREATED, FIRST_ID, SITE_NAMES, transferOf } from '../../support/model-samples.ts'

const array = transferOf({ fileId: FIRST_ID, path: '{root[work]}/a.ma', snapshot: { tries: 1, error: 'boom', created_dt: null } })
const object = { ...array, shape: 'object' } as const

const SYNCED: RecordResult = { kind: 'synced', id: 'remote' }
const FAILED: RecordResult = { kind: 'failed', error: 'again' }
const TROUBLE: RecordResult = { kind: 'site-trouble', error: 'quota' }

describe.each([
  [array, 'files.$[f0].sites.$[s0]'],
  [object, 'files.$[f0].sites.gdrive'],
])('what is written in $0.shape shape', (address, at) => {
  test.each<[string, RecordResult, object]>([
    [
      'success',
      SYNCED,
      {
        $set: { [`${at}.id`]: 'remote' },
        $unset: { [`${at}.error`]: '', [`${at}.tries`]: '', [`${at}.last_failed_dt`]: '', [`${at}.progress`]: '' },
        $currentDate: { [`${at}.created_dt`]: true },
      },
    ],
    [
      'a failure',
      FAILED,
      {
        $set: { [`${at}.error`]: 'again', [`${at}.tries`]: 2 },
        $unset: { [`${at}.progress`]: '' },
        $currentDate: { [`${at}.last_failed_dt`]: true },
      },
    ],
    ['trouble of a site', TROUBLE, { $set: { [`${at}.error`]: 'quota' }, $unset: {}, $currentDate: {} }],
  ])('%s', (_title, result, update) => {
    expect(operatorUpdate(address, result, 0).update).toEqual(update)
  })

  test('the tries count from what they were; no number is nothing', () => {
    for (const [before, after] of [
      [undefined, 1],
      [null, 1],
      [0, 1],
      [2, 3],
    ])
      expect(operatorUpdate({ ...address, snapshot: { tries: before } }, FAILED, 0).update.$set[`${at}.tries`]).toBe(after)
  })
})

const asBefore = (at: string): object[] => [
  { [`${at}.created_dt`]: { $type: 'null' } },
  { [`${at}.error`]: { $eq: 'boom' } },
  { [`${at}.tries`]: { $eq: 1 } },
  { [`${at}.last_failed_dt`]: { $exists: false } },
  { [`${at}.id`]: { $exists: false } },
]

const names = (n: number): string[] =>
  operatorUpdate(array, FAILED, n).arrayFilters.map((filter) => Object.keys(filter['$and'][0])[0] ?? '')

describe('which record is meant', () => {
  const isFile = [{ 'f3._id': { $eq: FIRST_ID } }, { 'f3.path': { $eq: '{root[work]}/a.ma' } }]
  test('in array shape: by file and name, as it was', () => {
    expect(operatorUpdate(array, FAILED, 3).arrayFilters).toEqual([
      { $and: [...isFile, { 'f3.sites': { $type: 'array' } }] },
      { $and: [{ 's3.name': { $eq: 'gdrive' } }, ...asBefore('s3')] },
    ])
  })

  test('in object shape: by file and key, where there is an object, as it was', () => {
    const [filter, ...others] = operatorUpdate(object, FAILED, 3).arrayFilters
    expect(others).toEqual([])
    expect(filter?.['$and']).toEqual(expect.arrayContaining([...isFile, ...asBefore('f3.sites.gdrive')]))
    expect(filter?.['$and']).toEqual(
      expect.arrayContaining([{ 'f3.sites': { $type: 'object' } }, { 'f3.sites.gdrive': { $type: 'object' } }]),
    )
  })

  test('never by its place in the list, and nothing is ever created', () => {
    for (const address of [array, object]) {
      for (const result of [SYNCED, FAILED, TROUBLE]) {
        const { update } = operatorUpdate(address, result, 0)
        const paths = Object.values(update).flatMap((fields) => Object.keys(fields))
        for (const path of paths) expect(path).toMatch(/^files\.\$\[f0\]\.sites\.(\$\[s0\]|gdrive)\.[a-z_]+$/)
        expect(Object.keys(update).toSorted()).toEqual(['$currentDate', '$set', '$unset'])
      }
    }
  })

  test('updates of one document keep apart', () => {
    expect(names(0)).toEqual(['f0._id', 's0.name'])
    expect(names(12)).toEqual(['f12._id', 's12.name'])
  })

  test.each([[array], [object]])('every field that a result writes is compared: $shape', (address) => {
    const text = JSON.stringify(operatorUpdate({ ...address, snapshot: {} }, FAILED, 0).arrayFilters)
    for (const field of RESULT_FIELDS) expect(text).toContain(`.${field}":{"$exists":false}`)
    expect(text).not.toMatch(/priority|paused|progress/)
  })
})

describe('names that no path can spell', () => {
  const spelt = SITE_NAMES.filter((name) => name !== '' && !name.includes('.') && !name.startsWith('$'))
  const unspelt = SITE_NAMES.filter((name) => !spelt.includes(name))

  test('need a pipeline, in object shape alone', () => {
    expect(SITE_NAMES.map((site) => fitsOperators({ shape: 'array', site }))).not.toContain(false)
    expect(spelt.map((site) => fitsOperators({ shape: 'object', site }))).not.toContain(false)
    expect(unspelt.map((site) => fitsOperators({ shape: 'object', site }))).not.toContain(true)
    expect(unspelt).toEqual(['a.b', '$x', ''])
  })

  test.each(unspelt)('%j stands in it as a literal alone', (site) => {
    const pipeline = pipelineUpdate({ ...object, site }, FAILED)
    const literals: unknown[] = []
    JSON.stringify(pipeline, (key, value: unknown) => {
      if (key === 'field' && typeof value === 'object') literals.push(value)
      return value
    })
    expect(literals.length).toBeGreaterThan(2)
    for (const name of literals) expect(name).toEqual({ $literal: site })
  })

  test('what comes from documents and providers is never taken for an expression', () => {
    const odd = { ...object, site: '$x', fileId: '$$ROOT', path: '$type', snapshot: { error: '$$NOW', created_dt: CREATED } }
    const text = JSON.stringify(pipelineUpdate(odd, { kind: 'failed', error: '$$CLUSTER_TIME' }))
    for (const value of ['$x', '$$ROOT', '$type', '$$NOW', '$$CLUSTER_TIME'])
      expect(text).toContain(`{"$literal":${JSON.stringify(value)}}`)
    expect(text.replaceAll(/\{"\$literal":"[^"]*"\}/g, '')).not.toMatch(/"\$\$(ROOT|CLUSTER_TIME)"/)
  })

  test.each<[RecordResult, string[], string[]]>([
    [SYNCED, ['error', 'tries', 'last_failed_dt', 'progress'], ['id', 'created_dt']],
    [FAILED, ['progress'], ['error', 'tries', 'last_failed_dt']],
    [TROUBLE, [], ['error']],
  ])('the same fields as by operators: $kind', (result, unset, set) => {
    const fields: Record<string, unknown[]> = { $setField: [], $unsetField: [] }
    JSON.stringify(pipelineUpdate({ ...object, site: 'a.b' }, result), (key, value: { readonly field: unknown }) => {
      if (typeof value === 'object' && typeof value?.field === 'string') fields[key]?.push(value.field)
      return value as unknown
    })
    expect(fields['$unsetField']?.toSorted()).toEqual(unset.toSorted())
    expect(fields['$setField']?.filter((field) => field !== 'sites').toSorted()).toEqual(set.toSorted())
  })
})
