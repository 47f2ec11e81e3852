import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import { SiteWork } from '../../../src/pipeline/site-work.ts'
import type { Slots } from '../../../src/pipeline/slots.ts'
import { FakeClock } from '../../support/fake-clock.ts'
import { transferOf } from '../../support/model-samples.ts'

const trouble = (site: string, root?: string): Outcome => ({
  kind: 'site-trouble',
  site,
  error: new SyncError('RATE_LIMITED', 'slow down', { retryAfterMs: 10_000 }),
  ...(root !== undefined && { root }),
})
const synced: Outcome = { kind: 'synced', id: '1', bytes: 1, sent: 1 }
const failed: Outcome = { kind: 'failed', error: new SyncError('SOURCE_MISSING', 'x') }

function rig() {
  const clock = new FakeClock()
  const said: string[] = []
  const probes: string[] = []
  /** What its slots heard. */
  const slots: string[] = []
  const watched: Slots = {
    isFree: (wanted) => {
      slots.push(`wanted ${wanted}`)
      return true
    },
    take: () => {
      slots.push('taken')
      return (wasUsed) => void slots.push(wasUsed ? 'used' : 'not used')
    },
    ahead: 0,
    close: () => void slots.push('closed'),
  }
  const site = new SiteWork({
    name: 'gdrive',
    clock,
    maxQueued: 2,
    probe: async (operation) => {
      probes.push(operation)
      await Promise.resolve()
    },
    events: { cooling: (name, _error, ms) => said.push(`${name} cooling ${ms}`), recovered: (name) => said.push(`${name} recovered`) },
    makeSlots: () => watched,
    opened: () => said.push('opened'),
  })
  return { clock, site, said, probes, slots }
}

describe('what an outcome teaches', () => {
  test.each<[string, Outcome | undefined, readonly string[]]>([
    ['trouble of this site', trouble('gdrive'), ['gdrive cooling 10000']],
    ['trouble of one of its roots', trouble('gdrive', '/work'), []],
    ['trouble of the other site', trouble('studio'), []],
    ['success', synced, []],
    ['a failure of the file', failed, []],
    ['one that is not ready', { kind: 'postponed', reason: 'x', inMs: 1 }, []],
    ['one that was dropped', { kind: 'dropped', reason: 'x' }, []],
    ['nothing', undefined, []],
  ])('%s', (_title, outcome, expected) => {
    const { site, said } = rig()
    const seat = site.use('write', true)
    seat.report(outcome)
    seat.leave()
    expect(said).toEqual(expected)
    site.close()
  })

  test('the first word counts', () => {
    const { site, said } = rig()
    const seat = site.use('write', true)
    seat.report(undefined)
    seat.report(trouble('gdrive'))
    seat.leave()
    expect(said).toEqual([])
  })

  test.each([synced, failed])('a site in trouble is well again, whatever became of the file: $kind', async (outcome) => {
    const { site, said, clock } = rig()
    site.use('write', true).report(trouble('gdrive'))
    expect(site.isFree).toBe(false)
    // Somebody waits, so that the probe is not enough.
    const { breaker } = site
    let trial: ReturnType<SiteWork['use']> | undefined
    const ask = said.push.bind(said)
    said.push = (...words) => {
      if (words[0] === 'opened' && breaker.isOpen('write')) trial ??= site.use('write', true)
      return ask(...words)
    }
    await clock.advance(10_000)
    expect(breaker.health.state).toBe('trying')
    trial?.report(outcome)
    expect(breaker.health.state).toBe('ok')
    expect(said.filter((word) => word.startsWith('gdrive'))).toEqual(['gdrive cooling 10000', 'gdrive recovered'])
  })

  test('what it was in trouble with is what is tried', async () => {
    const { site, probes, clock } = rig()
    site.use('read', false).report(trouble('gdrive'))
    await clock.advance(10_000)
    expect(probes).toEqual(['read'])
  })
})

describe('its slots', () => {
  test('are taken by who needs one, and left once; they hear whether they were used', () => {
    const { site, slots } = rig()
    const [used, unused, refused, reader] = [
      site.use('write', true),
      site.use('write', true),
      site.use('write', true),
      site.use('read', false),
    ]
    used.report(synced)
    refused.report({ kind: 'refused', reason: 'another instance has it' })
    for (const seat of [used, unused, refused, reader, used]) seat.leave()
    expect(slots).toEqual(['taken', 'taken', 'taken', 'used', 'not used', 'not used'])
  })

  test('are wanted by as many as are queued, and by nobody while it is in trouble', () => {
    const { site, slots } = rig()
    site.add(transferOf())
    expect(site.isFree).toBe(true)
    site.use('write', false).report(trouble('gdrive'))
    expect(site.isFree).toBe(false)
    expect(slots).toEqual(['wanted 1', 'wanted 0'])
    site.close()
  })
})

test('what is parked counts as waiting, has a bound of its own, and comes back into the queue', () => {
  const { site } = rig()
  const [a, b, c, d] = [transferOf(), transferOf(), transferOf(), transferOf()]
  for (const transfer of [a, b]) {
    site.add(transfer)
    site.queue.take()
    site.park(transfer)
  }
  expect([site.waiting, site.queue.size]).toEqual([2, 0])
  expect([site.add(a), site.add(c)]).toEqual([false, false])
  expect(site.hasRoom(0, undefined)).toBe(false)
  site.unpark(a)
  expect([site.waiting, site.queue.size, site.add(d), site.queue.take()]).toEqual([2, 1, true, a])
})

test('closed: nothing is queued, nobody is let in, and nobody is probed', async () => {
  const { site, probes, slots, clock } = rig()
  site.add(transferOf())
  site.use('write', true).report(trouble('gdrive'))
  site.close()
  expect([site.waiting, site.isFree, slots.at(-1)]).toEqual([0, false, 'wanted 0'])
  expect(slots).toContain('closed')
  await clock.advance(60_000)
  expect([probes, clock.alarms]).toEqual([[], 0])
})
