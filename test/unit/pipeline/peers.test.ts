import { describe, expect, test } from 'vitest'

import { Peers, type Peer } from '../../../src/pipeline/peers.ts'
import { transferOf } from '../../support/model-samples.ts'

const SITES = new Set(['studio', 'gdrive'])
const peer = (id: string, more: Partial<Peer> = {}): Peer => ({ id, sites: SITES, serves: () => true, ...more })
const PLACES = Array.from({ length: 2_000 }, (_, n) => transferOf({ key: `${n}`, targetKey: `gdrive\0/gdrive\0p/frame.${n}.exr` }))

/** Which of these instances does each place first; each has the others as peers. */
function ownersAmong(ids: readonly string[], more: Readonly<Record<string, Partial<Peer>>> = {}): string[][] {
  const instances = ids.map((id) => {
    const peers = new Peers(id)
    peers.update(ids.filter((other) => other !== id).map((other) => peer(other, more[other])))
    return { id, peers }
  })
  return PLACES.map((place) => instances.flatMap(({ id, peers }) => (peers.isOurs(place) ? [id] : [])))
}

const shares = (owners: readonly string[][]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const [owner = 'nobody'] of owners) counts[owner] = (counts[owner] ?? 0) + 1
  return counts
}

describe('each place has one owner', () => {
  test.each([1, 2, 4, 10, 100])('of %d instances, and the shares are about even', (count) => {
    const ids = Array.from({ length: count }, (_, n) => `host${n}/${n * 7}/abc`)
    const owners = ownersAmong(ids)
    expect(owners.filter(({ length }) => length !== 1)).toEqual([])
    const fair = PLACES.length / count
    for (const share of Object.values(shares(owners))) {
      expect(share).toBeGreaterThan(fair - 5 * Math.sqrt(fair) - 1)
      expect(share).toBeLessThan(fair + 5 * Math.sqrt(fair) + 1)
    }
  })

  test('who joins takes its own share, and nothing else changes hands', () => {
    const before = ownersAmong(['a', 'b', 'c'])
    const after = ownersAmong(['a', 'b', 'c', 'd'])
    const moved = after.filter(([owner], n) => owner !== before[n]?.[0])
    expect(new Set(moved.flat())).toEqual(new Set(['d']))
    expect(moved.length).toBeGreaterThan(PLACES.length / 6)
  })

  test('who leaves gives its share to the others, and nothing else changes hands', () => {
    const before = ownersAmong(['a', 'b', 'c'])
    const after = ownersAmong(['a', 'b'])
    const moved = before.filter(([owner], n) => owner !== after[n]?.[0])
    expect(new Set(moved.flat())).toEqual(new Set(['c']))
  })
})

describe('an instance that can not do it', () => {
  test.each<[string, Partial<Peer>]>([
    ['because the target is in trouble there, or not its own', { sites: new Set(['studio']) }],
    ['because it can not read the source', { sites: new Set(['gdrive']) }],
    ['because it serves other projects', { serves: (project) => project !== 'PRJ' }],
  ])('is nobody’s choice: %s', (_why, more) => {
    const self = new Peers('a')
    self.update([peer('b', more)])
    expect(PLACES.filter((place) => !self.isOurs({ ...place, project: 'PRJ' }))).toEqual([])
  })

  test('a root that came with the document is read by whoever has its turn', () => {
    const self = new Peers('a')
    self.update([peer('b', { sites: new Set(['gdrive']) })])
    const undeclared = PLACES.map((place) => ({
      ...place,
      route: { ...place.route, sourceSite: { ...('sourceSite' in place.route ? place.route.sourceSite : undefined), declared: false } },
    })) as typeof PLACES
    const ours = undeclared.filter((place) => self.isOurs(place)).length
    expect(ours).toBeGreaterThan(PLACES.length / 4)
    expect(ours).toBeLessThan((PLACES.length * 3) / 4)
  })
})

test('it is told whether anything changed', () => {
  const peers = new Peers('a')
  expect(peers.update([])).toBe(false)
  expect(peers.update([peer('b')])).toBe(true)
  expect(peers.update([peer('b')])).toBe(false)
  expect(peers.update([peer('b', { sites: new Set(['studio']) })])).toBe(true)
  expect(peers.update([])).toBe(true)
})
