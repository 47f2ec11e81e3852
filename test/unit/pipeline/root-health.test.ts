import { beforeEach, describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Site } from '../../../src/model/site.ts'
import { RootHealth } from '../../../src/pipeline/root-health.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { siteOf } from '../../support/model-samples.ts'

const NAS = siteOf('nas', {
  root: new Map([
    ['work', '/work'],
    ['render', '/render'],
    ['cache', '/cache'],
  ]),
})

let clock: FakeClock
let missing: Set<string>
let asked: string[]
let said: string[]
let fault: SyncError | undefined
let health: RootHealth
beforeEach(() => {
  clock = new FakeClock()
  missing = new Set()
  asked = []
  said = []
  fault = undefined
  health = new RootHealth({
    clock,
    probe: async (_site: Site, operation, roots) => {
      asked.push(`${operation} ${roots.join(' ')}`)
      await Promise.resolve()
      for (const root of roots) if (missing.has(root)) throw new SyncError('ROOT_MISSING', `the root ${root} is not there`)
      if (fault) throw fault
    },
    events: {
      down: (site, root) => void said.push(`${site} ${root} down`),
      up: (site, root, forMs) => void said.push(`${site} ${root} up after ${forMs}`),
    },
  })
})

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}
const later = async (ms: number): Promise<void> => {
  await clock.advance(ms)
  await settle()
}

describe('a missing root', () => {
  test('is left alone while others are there, told once, and looked for until it is back', async () => {
    missing.add('/render')
    await Promise.all([health.sift(NAS), health.sift(NAS)])
    await health.sift(NAS)
    expect(said).toEqual(['nas /render down'])
    expect([health.isDown('nas', '/render'), health.isDown('nas', '/work'), health.isDown('other', '/render')]).toEqual([
      true,
      false,
      false,
    ])
    expect(health.faultsAt('nas').map(({ message }) => message)).toEqual(['the root /render is not there'])
    asked = []
    for (const ms of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) await later(ms)
    expect(asked).toEqual(Array.from({ length: 6 }, () => 'read /render'))
    missing.clear()
    await later(10_000)
    expect(said).toEqual(['nas /render down', 'nas /render up after 45000'])
    expect([health.isDown('nas', '/render'), health.faultsAt('nas'), clock.alarms]).toEqual([false, [], 0])
  })

  test.each([
    ['all are', ['/work', '/render', '/cache'], NAS],
    ['it is the only one', ['/work'], siteOf('nas', { root: '/work' })],
    ['none is', [], NAS],
  ])('is the trouble of its site when %s', async (_, roots, site) => {
    missing = new Set(roots)
    await health.sift(site)
    expect([said, clock.alarms]).toEqual([[], 0])
  })

  test('is not looked for any more after the end', async () => {
    missing.add('/render')
    await health.sift(NAS)
    health.close()
    missing.add('/work')
    await health.sift(NAS)
    expect([said, clock.alarms]).toEqual([['nas /render down'], 0])
  })
})

describe('a probe of the site', () => {
  test('leaves out what is missing, also when it is the first to see it', async () => {
    missing.add('/render')
    await health.probe(NAS, 'write')
    expect(said).toEqual(['nas /render down'])
    expect([asked[0], asked.at(-1)]).toEqual(['write /work /render /cache', 'write /work /cache'])
  })

  test('fails with the fault of those that are there', async () => {
    missing.add('/render')
    await health.sift(NAS)
    fault = new SyncError('DISK_FULL', 'full')
    await expect(health.probe(NAS, 'write')).rejects.toBe(fault)
  })

  test('fails when all are missing', async () => {
    missing = new Set(['/work', '/render', '/cache'])
    await expect(health.probe(NAS, 'write')).rejects.toMatchObject({ code: 'ROOT_MISSING' })
    expect(said).toEqual([])
  })
})
