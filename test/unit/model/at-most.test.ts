import { LRUCache } from 'lru-cache'
import { expect, test } from 'vitest'

import { atMost } from '../../../src/model/at-most.ts'

/** Room for so many entries. */
const slots = (cache: LRUCache<string, number>): number => LRUCache.unsafeExposeInternals(cache).keyList.length

test('so many entries are kept, those that were used last', () => {
  const cache = new LRUCache<string, number>(atMost(3))
  for (const name of ['a', 'b', 'c']) cache.set(name, 1)
  cache.get('a')
  cache.set('d', 1)
  expect([...cache.keys()].toSorted()).toEqual(['a', 'c', 'd'])
})

test('room is taken as entries come', () => {
  expect(slots(new LRUCache({ max: 1_000 }))).toBe(1_000)
  const cache = new LRUCache<string, number>(atMost(1_000))
  expect(slots(cache)).toBe(0)
  cache.set('a', 1)
  expect(slots(cache)).toBeLessThan(10)
})
