import { expect, test } from 'vitest'

import { closedSites, limitedSites } from '../../../src/model/closed-sites.ts'
import type { Settings } from '../../../src/model/settings.ts'
import type { Site } from '../../../src/model/site.ts'
import { Peers, type Peer } from '../../../src/pipeline/peers.ts'
import { Lines } from '../../../src/service/lines.ts'
import { FakeClock, settle } from '../../support/fake-clock.ts'
import { MemoryProvider } from '../../support/memory-provider.ts'

const site = (name: string, more: Partial<Site> = {}): Site => ({ name, provider: 'memory', root: '/r', alternativeSites: [], ...more })
const CLOSED = [{ from: 0, to: 24 * 60, limit: 0 }]

function withSites(sites: readonly Site[], ofProject: readonly Site[] = []): Pick<Settings, 'sites' | 'projects'> {
  const overrides = new Map([['prj', { sites: new Map(ofProject.map((each) => [each.name, each])) }]])
  return { sites: new Map(sites.map((each) => [each.name, each])), projects: { include: ['*'], exclude: [], overrides } }
}

test('a site has one line, which the general definition says, or that of a project where there is no other', () => {
  const settings = withSites(
    [site('a', { bandwidth: 5 }), site('b'), site('c', { bandwidth: CLOSED })],
    [site('a', { bandwidth: CLOSED }), site('d', { bandwidth: 7 })],
  )
  const bandwidths = Object.fromEntries([...limitedSites(settings)].map(([name, { bandwidth }]) => [name, bandwidth]))
  expect(bandwidths).toEqual({ a: 5, c: CLOSED, d: 7 })
  expect(closedSites(settings, new Date())).toMatchObject([{ site: 'c', isClosed: true }])
})

const peer = (id: string, more: Partial<Peer> = {}): Peer => ({ id, sites: new Set(['a', 'b']), serves: () => true, ...more })

test('how many share a site: this instance, and those that can use it and send files there', () => {
  const peers = new Peers('self')
  expect(peers.sharersOf('a')).toBe(1)
  peers.update([peer('1'), peer('2', { sites: new Set(['b']) }), peer('3', { notServed: new Set(['a']) })])
  expect([peers.sharersOf('a'), peers.sharersOf('b'), peers.sharersOf('c')]).toEqual([2, 4, 1])
  peers.update([])
  expect(peers.sharersOf('b')).toBe(1)
})

test.each([
  ['cluster', 4],
  ['instance', 1],
  [undefined, 1],
] as const)('with the scope %s, each of four instances has a %d-th of it', async (scope, parts) => {
  const clock = new FakeClock()
  const peers = new Peers('self')
  peers.update([peer('1'), peer('2'), peer('3')])
  const limited = site('a', { bandwidth: 400_000, ...(scope && { concurrencyScope: scope }) })
  const lines = new Lines({ settings: withSites([limited]), clock, peers })
  const inner = new MemoryProvider(limited)
  inner.store.put('/r/f', Buffer.alloc(4_000_000))
  const stream = await lines.held(inner).read({ root: '/r', path: 'f' }, { signal: new AbortController().signal })
  let came = 0
  stream.on('data', (piece: Buffer) => {
    came += piece.length
  })
  for (let steps = 0; steps < 80; steps++) {
    for (let turns = 0; turns < 4; turns++) await settle()
    await clock.advance(50)
  }
  const expected = (4 * 400_000) / parts
  expect(came).toBeGreaterThan(expected * 0.85)
  expect(came).toBeLessThan(expected * 1.15)
  stream.destroy()
})

test('a site without a limit is what it was', () => {
  const provider = new MemoryProvider(site('b'))
  const lines = new Lines({ settings: withSites([site('a', { bandwidth: 5 })]), clock: new FakeClock(), peers: new Peers('self') })
  expect(lines.held(provider)).toBe(provider)
})
