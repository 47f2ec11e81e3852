import { expect, test } from 'vitest'

import type { DriveApi } from '../../../src/providers/gdrive/drive-api.ts'
import { FolderCache } from '../../../src/providers/gdrive/folder-cache.ts'
import type { Item } from '../../../src/providers/gdrive/item.ts'
import { settle } from '../../support/fake-clock.ts'

const FOLDER = { id: 'folder', name: 'folder' }
const clock = { now: () => 1_000, sleep: async (): Promise<void> => await Promise.resolve() }
const item = (name: string): Item => ({ id: name, name, mimeType: 'text/plain', trashed: false }) as unknown as Item

/** Listings that answer when the test says so, whatever their signal says. */
function rig() {
  const listings: PromiseWithResolvers<readonly Item[]>[] = []
  const children = async function* (): AsyncGenerator<readonly Item[]> {
    const listing = Promise.withResolvers<readonly Item[]>()
    listings.push(listing)
    yield await listing.promise
  }
  const cache = new FolderCache({ children } as unknown as DriveApi, clock, { largeFolder: 1_000, maxMs: 60_000 })
  return { cache, listings }
}

test('what is made while a folder is listed is known, though an earlier listing that was stopped ends meanwhile', async () => {
  const { cache, listings } = rig()
  const stop = new AbortController()
  const stopped = cache.find(FOLDER, 'new', stop.signal).catch((error: unknown) => error)
  await settle()
  stop.abort()
  await stopped
  const found = cache.find(FOLDER, 'new', new AbortController().signal)
  await settle()
  expect(listings).toHaveLength(2)
  listings[0]?.resolve([])
  await settle()
  cache.put('folder', item('new'))
  listings[1]?.resolve([])
  expect((await found).items.map(({ name }) => name)).toEqual(['new'])
})
