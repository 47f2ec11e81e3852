import type { Db } from 'mongodb'
import { expect, test } from 'vitest'

import { PAUSE, type EditedFiles } from '../../../src/model/record-edit.ts'
import { EditBatches } from '../../../src/service/edit-batches.ts'
import { noCounts } from '../../../src/service/edit-records.ts'

/** Requests are kept, by how many documents are in each, and all of them match. */
function rig() {
  const requests: number[] = []
  const db = {
    collection: () => ({
      bulkWrite: async (updates: readonly unknown[]) => {
        requests.push(updates.length)
        return Promise.resolve({ matchedCount: updates.length })
      },
    }),
  } as unknown as Db
  const counts = noCounts()
  const clock = { ms: 0 }
  const batches = new EditBatches({ db, project: 'prj', edit: PAUSE, counts, now: () => clock.ms })
  let documents = 0
  const add = async (files: number): Promise<void> => batches.add(++documents, edited(files))?.()
  return { requests, counts, clock, batches, add }
}

const edited = (files: number): EditedFiles => ({
  site: 'gdrive',
  shape: 'array',
  fileIds: Array.from({ length: files }, (_, n) => n),
  entries: Array.from({ length: files }, () => ({ name: 'gdrive' })),
  created: 0,
})

test('documents with as many files go together, 200 at a time, or with 2,000 files', async () => {
  const { requests, counts, batches, add } = rig()
  for (let n = 0; n < 250; n++) await add(1)
  for (let n = 0; n < 5; n++) await add(900)
  expect(requests).toEqual([200, 3])
  await batches.flush()
  expect(requests).toEqual([200, 3, 50, 2])
  expect(counts).toMatchObject({ representations: 255, records: 250 + 5 * 900, skipped: 0, refused: 0 })
})

test('a kind that is rare waits for half a second: its records are what they were, and none is held for long', async () => {
  const { requests, clock, batches, add } = rig()
  for (const files of [1, 2, 3]) await add(files)
  clock.ms = 499
  await add(4)
  expect(requests).toEqual([])
  clock.ms = 500
  // One request for each document that comes: the first of three.
  await add(5)
  await add(5)
  expect(requests).toEqual([1, 1])
  await add(5)
  await add(5)
  expect(requests).toEqual([1, 1, 1])
  await batches.flush()
  expect(requests).toEqual([1, 1, 1, 1, 4])
})
