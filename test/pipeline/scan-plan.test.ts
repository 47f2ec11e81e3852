import { map, Subject } from 'rxjs'
import { describe, expect, test, vi } from 'vitest'

import { systemClock, type Clock } from '../../src/pipeline/clock.ts'
import { ScanPlan, type ScanParts, type ScanRequest } from '../../src/pipeline/scan-plan.ts'
import { AsyncMarbles, marbles } from '../support/async-marbles.ts'
import { documentOf } from '../support/model-samples.ts'
import { RecordingLog } from '../support/recording-log.ts'

const NOW = new Date('2024-05-06T00:00:00.000Z')

interface Options {
  readonly loopDelayMs?: number
  /** Frames that a scan takes; it finds one document, half way. */
  readonly takes?: number
  readonly chance?: number
}

/** A plan whose scans are written down with the frame in which they begin. */
function planOf(m: AsyncMarbles, { loopDelayMs, takes = 4, chance = 0.5 }: Options = {}) {
  const scans: string[] = []
  const requests: ScanRequest[] = []
  const due: (Date | undefined)[] = []
  const fails: Error[] = []
  const leads: string[] = []
  const stop$ = new Subject<void>()
  const room$ = new Subject<string>()
  const log = new RecordingLog()
  const clock: Clock = { ...systemClock, random: () => chance }
  const half = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, takes / 2))
  const parts: ScanParts = {
    async *pages(request) {
      scans.push(`${m.frame}: ${request.reason}`)
      requests.push(request)
      await half()
      const fault = fails.shift()
      if (fault) throw fault
      yield { project: 'PRJ', documents: [documentOf([])] }
      await half()
    },
    found: (project, _document, { retryFailedBefore }) => {
      due.push(retryFailedBefore)
      return { representationKey: project, transfers: [], occasion: {}, changed: false }
    },
    looked: ({ lead, project }) => void leads.push(`${lead} ${project}`),
    serverTime: async () => Promise.resolve(NOW),
    room$,
    log,
    clock,
    ...(loopDelayMs !== undefined && { loopDelayMs }),
  }
  const plan = new ScanPlan(parts)
  const seen = m.record(plan.run(stop$).pipe(map(() => 'f')))
  const ends: number[] = []
  plan.finished$.subscribe(() => ends.push(m.frame))
  return { plan, seen, scans, requests, due, fails, leads, stop$, room$, log, ends }
}

describe('a scan', () => {
  test('says of each document whether a regular scan led to it, or a scan that had a reason', async () => {
    using m = new AsyncMarbles()
    const { plan, leads } = planOf(m)
    plan.request({ reason: 'start', regular: true })
    await m.run(10)
    plan.request({ reason: 'interval', regular: true })
    await m.run(10)
    expect(leads).toEqual(['scan PRJ', 'interval PRJ'])
  })

  test('comes on request, and what it finds is told as it is found', async () => {
    using m = new AsyncMarbles()
    const { plan, seen, scans, ends, stop$ } = planOf(m)
    await m.run(2)
    plan.request({ reason: 'stream' })
    expect(plan.isIdle).toBe(false)
    await m.run(10)
    stop$.next()
    expect(scans).toEqual(['2: stream'])
    expect(seen).toEqual(marbles('----f-------|'))
    expect(ends).toEqual([6])
    expect(plan.isIdle).toBe(true)
  })

  test('comes once at a time: all requests meanwhile become the next one', async () => {
    using m = new AsyncMarbles()
    const { plan, requests, scans, ends } = planOf(m)
    plan.request({ reason: 'start', regular: true })
    await m.run(1)
    plan.request({ reason: 'takeover', sites: new Set(['gdrive']) })
    plan.request({ reason: 'takeover', sites: new Set(['nas']) })
    await m.run(3)
    expect(ends).toEqual([4])
    expect(plan.isIdle).toBe(false)
    await m.run(10)
    expect(scans).toEqual(['0: start', '4: takeover'])
    expect(requests[1]).toEqual({ reason: 'takeover', regular: false, asOf: undefined, sites: new Set(['gdrive', 'nas']) })
    expect(plan.isIdle).toBe(true)
  })

  test.each<[string, Partial<ScanRequest>[], Partial<ScanRequest>]>([
    ['one of all sites covers one of some', [{ sites: new Set(['nas']) }, {}], { sites: undefined }],
    ['a regular one covers the others', [{ regular: true }, { sites: new Set(['nas']) }], { regular: true, sites: undefined }],
    ['what had to be turned away is still due', [{ asOf: NOW }, {}], { asOf: NOW, regular: false }],
  ])('put together: %s', async (_title, [a, b], expected) => {
    using m = new AsyncMarbles()
    const { plan, requests } = planOf(m)
    plan.request({ reason: 'start' })
    await m.run(1)
    plan.request({ reason: 'room', ...a })
    plan.request({ reason: 'stream', ...b })
    await m.run(10)
    expect(requests[1]).toMatchObject(expected)
  })

  test('that is regular makes due what failed before it, by the server’s clock; others do not', async () => {
    using m = new AsyncMarbles()
    const { plan, due } = planOf(m)
    plan.request({ reason: 'interval', regular: true })
    await m.run(5)
    plan.request({ reason: 'stream' })
    await m.run(5)
    plan.request({ reason: 'room', asOf: NOW })
    await m.run(5)
    expect(due).toEqual([NOW, undefined, NOW])
  })

  test('is told', async () => {
    using m = new AsyncMarbles()
    const { plan, log } = planOf(m)
    plan.request({ reason: 'start', regular: true })
    await m.run(5)
    plan.request({ reason: 'room' })
    await m.run(5)
    expect(log.events).toEqual([
      { action: 'scan.finished', level: 'info', durationMs: 4, extra: { reason: 'start', documents: 1, transfers: 0 } },
      { action: 'scan.finished', level: 'debug', durationMs: 4, extra: { reason: 'room', documents: 1, transfers: 0 } },
    ])
  })
})

describe('regular scans', () => {
  test.each([
    [0, ['18: interval', '36: interval', '54: interval']],
    [0.5, ['20: interval', '40: interval', '60: interval']],
    [1, ['22: interval', '44: interval']],
  ])('come again and again, a tenth sooner or later: %d', async (chance, expected) => {
    using m = new AsyncMarbles()
    const { scans, stop$ } = planOf(m, { loopDelayMs: 20, chance })
    await m.run(60)
    stop$.next()
    await m.run(60)
    expect(scans).toEqual(expected)
  })

  test('come on request only, without a delay', async () => {
    using m = new AsyncMarbles()
    const { scans } = planOf(m)
    await m.run(100)
    expect(scans).toEqual([])
  })
})

describe('room', () => {
  test('brings a scan of that site, for what the last regular one would have made due', async () => {
    using m = new AsyncMarbles()
    const { plan, room$, requests } = planOf(m)
    plan.request({ reason: 'start', regular: true })
    await m.run(5)
    room$.next('gdrive')
    await m.run(5)
    expect(requests[1]).toEqual({ reason: 'room', regular: false, asOf: NOW, sites: new Set(['gdrive']) })
  })
})

describe('taking over', () => {
  test('looks again when the lease is over, and a little later', async () => {
    using m = new AsyncMarbles()
    const { plan, scans, requests } = planOf(m, { chance: 0 })
    plan.takeover('gdrive', 100)
    await m.run(599)
    expect(scans).toEqual([])
    await m.run(1)
    expect(scans).toEqual(['600: takeover'])
    expect(requests[0]?.sites).toEqual(new Set(['gdrive']))
  })

  test('goes on with what the last regular scan left to others: what had failed by then is due', async () => {
    using m = new AsyncMarbles()
    const { plan, due } = planOf(m, { chance: 0 })
    plan.request({ reason: 'start', regular: true })
    await m.run(10)
    plan.takeover('gdrive', 100)
    await m.run(700)
    expect(due).toEqual([NOW, NOW])
  })

  test('of many at one site is one scan, at the earliest of their times', async () => {
    using m = new AsyncMarbles()
    const { plan, scans } = planOf(m, { chance: 0 })
    plan.takeover('gdrive', 500)
    plan.takeover('gdrive', 100)
    plan.takeover('gdrive', 900)
    await m.run(2_000)
    expect(scans).toEqual(['600: takeover'])
  })
})

describe('a scan that fails', () => {
  test('comes again soon, and later each time, up to a bound', async () => {
    using m = new AsyncMarbles()
    const { plan, scans, fails, log } = planOf(m, { chance: 1, takes: 2 })
    fails.push(...Array.from({ length: 6 }, () => new Error('no primary')))
    plan.request({ reason: 'stream' })
    await m.run(50_000)
    const starts = scans.map((line) => Number(line.split(':')[0]))
    expect(starts.slice(1).map((at, n) => at - (starts[n] ?? 0) - 1)).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000])
    expect(log.of('scan.failed').map(({ level }) => level)).toEqual(['warn', 'debug', 'debug', 'debug', 'debug', 'debug'])
    expect(log.actions.at(-1)).toBe('scan.finished')
  }, 60_000)

  test('for good, and again with each regular one: one repetition at a time, and failed files have no more attempts by it', async () => {
    using m = new AsyncMarbles()
    const { scans, fails, requests } = planOf(m, { loopDelayMs: 1_000, takes: 2 })
    fails.push(...Array.from({ length: 1_000 }, () => new Error('not authorized')))
    await m.run(40_000)
    const [regular, others] = [requests.filter((request) => request.regular), requests.filter((request) => !request.regular)]
    expect(regular).toHaveLength(scans.filter((line) => line.endsWith('interval')).length - others.length)
    expect(regular.length).toBeLessThanOrEqual(43)
    // Repeated after 1, 2, 4, 8 and then each 15 s at most, half of it at least.
    expect(others.length).toBeGreaterThan(3)
    expect(others.length).toBeLessThanOrEqual(8)
    expect(others.map(({ asOf }) => asOf)).not.toContain(undefined)
  }, 60_000)

  test('does not end the others', async () => {
    using m = new AsyncMarbles()
    const { plan, scans, fails } = planOf(m)
    fails.push(new Error('no primary'))
    plan.request({ reason: 'start' })
    await m.run(10)
    plan.request({ reason: 'stream' })
    await m.run(5)
    expect(scans).toEqual(['0: start', '10: stream'])
  })
})

describe('the end', () => {
  test('a scan that runs is broken off, and nothing is begun or planned any more', async () => {
    using m = new AsyncMarbles()
    const { plan, seen, scans, stop$ } = planOf(m, { loopDelayMs: 50 })
    plan.takeover('gdrive', 10)
    plan.request({ reason: 'stream' })
    await m.run(1)
    stop$.next()
    plan.request({ reason: 'overflow' })
    plan.takeover('nas', 10)
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1)
    await m.run(5_000)
    expect(scans).toEqual(['0: stream'])
    expect(seen).toEqual(marbles('-|'))
    expect(vi.getTimerCount()).toBe(0)
  })

  test('a scan that failed just before is not repeated', async () => {
    using m = new AsyncMarbles()
    const { plan, scans, stop$, fails } = planOf(m)
    fails.push(new Error('no primary'))
    plan.request({ reason: 'stream' })
    await m.run(5)
    expect(vi.getTimerCount()).toBe(1)
    stop$.next()
    expect(vi.getTimerCount()).toBe(0)
    expect(scans).toEqual(['0: stream'])
  })
})
