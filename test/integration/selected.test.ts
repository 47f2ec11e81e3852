import { Long, UUID, type Document } from 'mongodb'
import { expect, test } from 'vitest'

import { parseSelection } from '../../src/model/selection.ts'
import { findRepresentation, selected } from '../../src/streams/selected.ts'
import { entry, inArray, representation, type Representation } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'

const UUID_TEXT = '397f0697-3d7a-4a9b-a3d7-eeb0f5d39c29'

const named = (_id: unknown, path: string): Document => ({ ...representation([entry(path, inArray('mirror'))]), _id })

test('a representation is found by its id as it is printed, and by a path as the disk says it', async () => {
  const stage = await Stage.open()
  const composed = 'caf\u00e9/model/x.ma'.normalize('NFC')
  await stage.db
    .collection('prj')
    .insertMany([
      named(5, '{root[work]}/five.ma'),
      named(Long.fromString('9007199254740993'), '{root[work]}/long.ma'),
      named(new UUID(UUID_TEXT), '{root[work]}/uuid.ma'),
      named('drive', '{root[work]}/hero/model/y.ma'),
      named('accent', `{root[work]}/${composed}`),
    ])
  const found = async (text: string): Promise<string> => String((await findRepresentation(stage.db, 'prj', text, ['mirror']))?._id)
  expect(await found('5')).toBe('5')
  expect(await found('9007199254740993')).toBe('9007199254740993')
  expect(await found(UUID_TEXT)).toBe(UUID_TEXT)
  expect(await found('P:/hero/model/y.ma')).toBe('drive')
  expect(await found('P:\\hero\\model\\y.ma')).toBe('drive')
  for (const form of ['NFC', 'NFD'] as const) expect(await found(`/mnt/work/${composed.normalize(form)}`)).toBe('accent')
  expect(await found(`{root[work]}/${composed.normalize('NFD')}`)).toBe('accent')
})

test('a version is one, whether it is a number or a text, and however it is filled up', async () => {
  const stage = await Stage.open()
  const { context } = representation([]) as unknown as { context: object }
  const published = (version: unknown): Representation =>
    representation([entry('{root[work]}/a', inArray())], { context: { ...context, version } })
  const third = [3, '3', '003', 'v003', 'V3', 'v0003'].map(published)
  await stage.insert(...third, ...['33', 'v30', 30, 'v1003'].map(published))
  for (const version of ['3', '003', 'v003']) {
    const selection = parseSelection({ version }, { sites: new Set(), projects: [] })
    const found = await Array.fromAsync(selected(stage.db, 'prj', selection, { sites: [] }))
    expect(found.map(({ _id }) => String(_id)).toSorted()).toEqual(third.map(({ _id }) => String(_id)).toSorted())
  }
})
