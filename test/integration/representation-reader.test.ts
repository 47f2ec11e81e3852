import { ObjectId } from 'mongodb'
import { expect, test } from 'vitest'

import { fileEntries } from '../../src/model/document.ts'
import { representationReader } from '../../src/streams/representation-reader.ts'
import { ownDatabase } from '../support/mongo.ts'
import { entry, inArray, representation } from '../support/published.ts'
import { PROJECT } from '../support/service-harness.ts'

test('files of one document that are read at once come one by one, each with the entries of its own id', async () => {
  const { client, db } = await ownDatabase({ monitorCommands: true })
  const document = representation(Array.from({ length: 20 }, (_, n) => entry(`{root[work]}/${n}`, inArray('gdrive'))))
  const twice = { ...entry('{root[work]}/twice', inArray('gdrive')), _id: document.files[7]?._id }
  await db.collection(PROJECT).insertOne({ ...document, files: [...document.files, twice] })
  let finds = 0
  client.on('commandStarted', ({ commandName }) => (finds += commandName === 'find' ? 1 : 0))

  const reader = representationReader(db, () => ['studio', 'gdrive'])
  const ids = [...document.files.map(({ _id }) => _id), new ObjectId()]
  const read = await Promise.all(ids.map(async (fileId) => reader.readFile(PROJECT, { representationId: document._id, fileId })))

  const paths = read.map((each) => fileEntries(each ?? {}).map(({ path }) => path))
  expect(paths).toEqual([
    ...document.files.map(({ path }, n) => (n === 7 ? [path, '{root[work]}/twice'] : [path])),
    // Of an id that is not there: the document, without entries.
    [],
  ])
  expect(finds).toBe(1)
})

test('a document without a list of files comes as it is, and one that is gone is undefined', async () => {
  const { db } = await ownDatabase()
  const odd = { _id: new ObjectId(), type: 'representation', files: 'none' }
  await db.collection(PROJECT).insertOne(odd)
  const reader = representationReader(db, () => ['studio', 'gdrive'])
  const fileId = new ObjectId()
  expect(await reader.readFile(PROJECT, { representationId: odd._id, fileId })).toMatchObject({ files: 'none' })
  expect(await reader.readFile(PROJECT, { representationId: new ObjectId(), fileId })).toBeUndefined()
})

test('small documents come in one request, as they are; of large ones, which take another, only what is needed', async () => {
  const { client, db } = await ownDatabase({ monitorCommands: true })
  const small = Array.from({ length: 3 }, (_, n) => representation([entry(`{root[work]}/${n}`, inArray('gdrive', 'elsewhere'))]))
  const many = Array.from({ length: 3_000 }, (_, n) => ({ name: `site ${n}`, note: 'x'.repeat(100) }))
  const large = representation([{ ...entry('{root[work]}/large', inArray('gdrive')), sites: [...many, { name: 'gdrive' }] }])
  await db.collection(PROJECT).insertMany([...small, large])
  let finds = 0
  client.on('commandStarted', ({ commandName }) => (finds += commandName === 'find' ? 1 : 0))
  const reader = representationReader(db, () => ['studio', 'gdrive'])

  const few = await reader.read(
    PROJECT,
    [...small, small[0]].map((document) => document?._id),
  )
  expect(finds).toBe(1)
  expect(new Map(few.map((document) => [String(document._id), fileEntries(document)]))).toEqual(
    new Map(small.map(({ _id, files }) => [String(_id), files])),
  )

  finds = 0
  const all = await reader.read(PROJECT, [large._id, small[1]?._id, new ObjectId()])
  expect(finds).toBe(2)
  expect(all.map(({ _id }) => String(_id)).sort()).toEqual([large, small[1]].map((document) => String(document?._id)).sort())
  const [file] = fileEntries(all.find(({ _id }) => String(_id) === String(large._id)) ?? {})
  expect(file).toMatchObject({ path: '{root[work]}/large', sites: [{ name: 'gdrive' }] })
})
