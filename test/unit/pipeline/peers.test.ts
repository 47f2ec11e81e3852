import { describe, expect, test } from 'vitest'

import type { Transfer } from '../../../src/model/transfer.ts'
import { Peers, type Peer } from '../../../src/pipeline/peers.ts'
import { siteOf, transferOf } from '../../support/model-samples.ts'

const ALL = new Set(['studio', 'gdrive', 'nas'])
const peer = (id: string, more: Partial<Peer> = {}): Peer => ({ id, sites: ALL, serves: () => true, ...more })
const many = (count = 1_000, more: Partial<Transfer> = {}): Transfer[] =>
  Array.from({ length: count }, (_, n) => transferOf({ targetKey: `gdrive\0/work/shot.${1_000 + n}.exr`, ...more }))

/** As each of the instances sees it. */
function cluster(...ids: readonly string[]): Map<string, Peers> {
  return new Map(
    ids.map((id) => {
      const peers = new Peers(id)
      peers.update(ids.filter((other) => other !== id).map((other) => peer(other)))
      return [id, peers]
    }),
  )
}

const ownersOf = (instances: ReadonlyMap<string, Peers>, transfer: Transfer): string[] =>
  [...instances].filter(([, peers]) => peers.isOurs(transfer)).map(([id]) => id)

test('an instance that is alone does everything', () => {
  const peers = new Peers('a')
  expect(many(10).every((transfer) => peers.isOurs(transfer))).toBe(true)
  peers.update([])
  expect(many(10).every((transfer) => peers.isOurs(transfer))).toBe(true)
})

test('each place has one owner, and all instances agree on it; the shares are about equal', () => {
  const instances = cluster('host-a/1', 'host-a/2', 'host-b/1', 'host-c/7')
  const shares = new Map<string, number>()
  for (const transfer of many()) {
    const owners = ownersOf(instances, transfer)
    expect(owners).toHaveLength(1)
    shares.set(owners[0] as string, (shares.get(owners[0] as string) ?? 0) + 1)
  }
  for (const share of shares.values()) expect(share).toBeGreaterThan(150)
  expect(shares.size).toBe(4)
})

test('one that joins takes its own share, and nobody else’s work changes hands', () => {
  const [before, after] = [cluster('a', 'b', 'c'), cluster('a', 'b', 'c', 'd')]
  let moved = 0
  for (const transfer of many()) {
    const [[was], [is]] = [ownersOf(before, transfer), ownersOf(after, transfer)]
    if (was === is) continue
    moved++
    expect(is).toBe('d')
  }
  expect(moved).toBeGreaterThan(150)
  expect(moved).toBeLessThan(350)
})

/** How many of 200 places are ours when there is one other. */
const owned = (other: Partial<Peer>, more: Partial<Transfer> = {}): number => {
  const peers = new Peers('a')
  peers.update([peer('b', other)])
  return many(200, more).filter((transfer) => peers.isOurs(transfer)).length
}

describe('who can not do it is no owner', () => {
  test('because it does not reach the target', () => {
    expect(owned({ sites: new Set(['studio']) })).toBe(200)
  })

  test('because it does not reach the source', () => {
    expect(owned({ sites: new Set(['gdrive']) })).toBe(200)
  })

  test('because it does not serve the project', () => {
    expect(owned({ serves: (project) => project !== 'PRJ' })).toBe(200)
    expect(owned({ serves: (project) => project === 'PRJ' })).toBeLessThan(200)
  })

  test('a root that came with the document needs no site at its source', () => {
    const { route } = transferOf()
    const undeclared = { route: { ...route, sourceSite: siteOf('elsewhere', { declared: false }) } as Transfer['route'] }
    expect(owned({ sites: new Set(['gdrive']) }, undeclared)).toBeLessThan(200)
  })
})

test('a change is told once: of the instances, or of what they can use', () => {
  const peers = new Peers('a')
  expect(peers.update([])).toBe(true)
  expect(peers.update([peer('b'), peer('c')])).toBe(true)
  expect(peers.update([peer('c'), peer('b', { sites: new Set([...ALL].toReversed()) })])).toBe(false)
  expect(peers.update([peer('b'), peer('c', { sites: new Set(['nas']) })])).toBe(true)
  expect(peers.update([peer('b')])).toBe(true)
})
