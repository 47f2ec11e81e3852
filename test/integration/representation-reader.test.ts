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
