import { ObjectId } from 'mongodb'
import { describe, expect, test } from 'vitest'

import type { RepresentationDocument } from '../../../src/model/document.ts'
import { examine, type Verdict } from '../../../src/model/verdict.ts'
import { CREATED, documentOf, fileOf, projectOf } from '../../support/model-samples.ts'

const studio = { name: 'studio', created_dt: CREATED }
const judged = (document: RepresentationDocument) => examine(document, 'PRJ', projectOf(), new Map())

/** Two records of one site. */
function twins(first: object, second: object): Verdict | undefined {
  return judged(documentOf([fileOf([studio, { name: 'gdrive', ...first }, { name: 'gdrive', ...second }])])).verdicts[0]
}

describe('odd documents', () => {
  test.each([
    ['of another type', { type: 'archived_representation' }],
    ['of no type', { type: undefined }],
    ['an asset', { type: 'asset' }],
  ])('%s: not ours, however it looks', (_title, more) => {
    expect(judged(documentOf([fileOf([studio, { name: 'gdrive' }])], more))).toEqual({ verdicts: [], unreadable: [] })
  })

  test.each([[undefined], [null], [[]]])('files %j: nothing to do and nothing to say', (files) => {
    expect(judged(documentOf(files))).toEqual({ verdicts: [], unreadable: [] })
  })

  test.each([
    ['files is a text', 'x', ['files is a string']],
    ['files is an object', { 0: fileOf([studio]) }, ['files is an object']],
    ['files is an id', new ObjectId(), ['files is a ObjectId']],
    ['a file entry is null', [null], ['files.0 is null']],
    ['sites is a text', [fileOf('studio')], ['files.0.sites is a string']],
    ['sites is a date', [fileOf(CREATED)], ['files.0.sites is a Date']],
    ['strings', [fileOf(['studio', 'gdrive'])], ['files.0.sites.0 is a string', 'files.0.sites.1 is a string']],
    ['a record without a name', [fileOf([{ created_dt: CREATED }])], ['files.0.sites.0 has no name']],
    ['a record that is a number', [fileOf({ gdrive: 1 })], ['files.0.sites.gdrive is a number']],
    ['no _id', [fileOf([studio], { _id: undefined })], ['files.0 has no _id']],
    ['_id null', [fileOf([studio], { _id: null })], ['files.0 has no _id']],
    ['no path', [fileOf([studio], { path: undefined })], ['files.0.path is missing']],
    ['path null', [fileOf([studio], { path: null })], ['files.0.path is null']],
    ['path beyond all measure', [fileOf([studio], { path: `{root[work]}/${'x'.repeat(32_768)}` })], ['files.0.path has 32781 characters']],
    ['_id beyond all measure', [fileOf([studio], { _id: 'x'.repeat(5_000) })], ['files.0._id is too long']],
    ['path a number', [fileOf([studio], { path: 7 })], ['files.0.path is a number']],
    ['tries a text', [fileOf([{ name: 'gdrive', tries: '1' }])], ['files.0.sites "gdrive": tries is a string, not a number']],
    ['tries NaN', [fileOf([{ name: 'gdrive', tries: Number.NaN }])], ['files.0.sites "gdrive": tries is NaN, not a number']],
  ])('%s', (_title, files, unreadable) => {
    expect(judged(documentOf(files)).unreadable).toEqual(unreadable)
  })

  test.each([
    [-5, 0],
    [-0, 0],
    [1.9, 1],
  ])('tries %d count as %d', (tries, counted) => {
    expect(twins({ tries }, { created_dt: CREATED })?.transfer?.tries).toBe(counted)
  })

  test('an _id beyond all measure: the document is left alone', () => {
    const { verdicts, unreadable } = judged(documentOf([fileOf([studio, { name: 'gdrive' }])], { _id: 'x'.repeat(5_000) }))
    expect([verdicts, unreadable]).toEqual([[], ['its _id is too long']])
  })

  test('what can be read beside it is served', () => {
    const files = [null, fileOf('x', { _id: 1 }), fileOf(['studio', studio, { name: 'gdrive' }, 7], { _id: 2 })]
    const { verdicts, unreadable } = judged(documentOf(files))
    expect(verdicts.map(({ fileId, site, state }) => [fileId, site, state])).toEqual([
      [2, 'gdrive', 'pending'],
      [2, 'nas', 'no-record'],
    ])
    expect(unreadable).toHaveLength(4)
  })

  test('a hundred strings are summed up', () => {
    const { unreadable } = judged(documentOf([fileOf(Array.from({ length: 100 }, (_, n) => `site ${n}`))]))
    expect(unreadable).toEqual(['files.0.sites.0 is a string', 'files.0.sites.1 is a string', 'files.0.sites: 98 more of this kind'])
  })

  test('two records of one site: the one that can be attempted counts, and its snapshot is taken', () => {
    expect(twins({ tries: 3 }, { tries: 1 })).toMatchObject({ state: 'pending', transfer: { tries: 1, snapshot: { tries: 1 } } })
    expect(twins({ created_dt: CREATED }, {})).toMatchObject({ state: 'pending', transfer: { snapshot: {} } })
    expect(twins({ created_dt: CREATED }, { created_dt: CREATED })?.state).toBe('synced')
    expect(twins({ paused: true }, { tries: 3 })?.state).toBe('paused')
  })

  test('two entries of one id are two files', () => {
    const files = [1, 2].map((n) => fileOf([studio, { name: 'gdrive' }], { path: `{root[work]}/${n}` }))
    const keys = judged(documentOf(files)).verdicts.flatMap(({ transfer }) => transfer?.key ?? [])
    expect(new Set(keys).size).toBe(2)
  })

  test('sites that are missing or null are no mistake', () => {
    expect(judged(documentOf([fileOf(undefined), fileOf(null), fileOf([]), fileOf({})]))).toEqual({ verdicts: [], unreadable: [] })
  })
})
