import { map, mergeMap, NEVER, Subject, timer, type Observable } from 'rxjs'
import { describe, expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import type { Outcome } from '../../src/model/outcome.ts'
import { systemClock } from '../../src/pipeline/clock.ts'
import { SiteGates, type Pass } from '../../src/pipeline/site-gates.ts'
import { AsyncMarbles, marbles } from '../support/async-marbles.ts'

const trouble = (site: string, retryAfterMs: number): Outcome => ({
  kind: 'site-trouble',
  site,
  error: new SyncError('RATE_LIMITED', 'slow down', { retryAfterMs }),
})
const synced: Outcome = { kind: 'synced', id: '1', bytes: 1, sent: 1 }

function gatesOf(stop$: Observable<unknown> = NEVER) {
  const said: string[] = []
  const probes: string[] = []
  const gates = new SiteGates({
    clock: systemClock,
    probe: async (site) => {
      probes.push(site)
      await Promise.resolve()
    },
    events: { cooling: (site, _error, ms) => said.push(`${site} cooling ${ms}`), recovered: (site) => said.push(`${site} recovered`) },
    stop$,
  })
  return { gates, said, probes }
}

/** Enters, works for so many frames, and tells what came of it. */
function visit(gates: SiteGates, site: string, outcome: Outcome | undefined, frames = 0): Observable<string> {
  return gates.enter(site).pipe(
    mergeMap((pass: Pass) =>
      timer(frames).pipe(
        map(() => {
          pass.report(outcome)
          return 'v'
        }),
      ),
    ),
  )
}

describe('a site', () => {
  test('that is well lets everybody in at once', async () => {
    using m = new AsyncMarbles()
    const { gates } = gatesOf()
    const visits = [1, 2, 3].map(() => m.record(visit(gates, 'gdrive', synced, 2)))
    await m.run(5)
    for (const seen of visits) expect(seen).toEqual(marbles('--(v|)'))
    expect(gates.health.get('gdrive')).toEqual({ state: 'ok' })
  })

  test('in trouble holds back who comes later, then lets one in, then all', async () => {
    using m = new AsyncMarbles()
    const { gates, said, probes } = gatesOf()
    const first = m.record(visit(gates, 'gdrive', trouble('gdrive', 10), 1))
    await m.run(2)
    const [one, two] = [m.record(visit(gates, 'gdrive', synced, 3)), m.record(visit(gates, 'gdrive', synced, 3))]
    const other = m.record(visit(gates, 'nas', synced, 1))
    await m.run(30)
    expect(first).toEqual(marbles('-(v|)'))
    expect(one).toEqual(marbles('  --------------(v|)'.trim()))
    expect(two).toEqual(marbles('  -----------------(v|)'.trim()))
    expect(other).toEqual(marbles('---(v|)'))
    expect(said).toEqual(['gdrive cooling 10', 'gdrive recovered'])
    expect(probes).toEqual(['gdrive'])
  })

  test('is known only once somebody came', () => {
    const { gates } = gatesOf()
    expect(gates.health.size).toBe(0)
    gates.enter('gdrive')
    expect([...gates.health]).toEqual([['gdrive', { state: 'ok' }]])
  })
})

describe('what an outcome teaches', () => {
  test.each<[string, Outcome | undefined, readonly string[]]>([
    ['trouble of this site', trouble('gdrive', 10), ['gdrive cooling 10']],
    ['trouble of the other site', trouble('studio', 10), []],
    ['success', synced, []],
    ['a failure of the file', { kind: 'failed', error: new SyncError('SOURCE_MISSING', 'x') }, []],
    ['nothing', undefined, []],
  ])('%s', async (_title, outcome, expected) => {
    using m = new AsyncMarbles()
    const { gates, said } = gatesOf()
    m.record(visit(gates, 'gdrive', outcome))
    await m.run(2)
    expect(said).toEqual(expected)
    gates.close()
  })

  test('the first word counts', async () => {
    using m = new AsyncMarbles()
    const { gates, said } = gatesOf()
    gates.enter('gdrive').subscribe((pass) => {
      pass.report(undefined)
      pass.report(trouble('gdrive', 10))
    })
    await m.run(1)
    expect(said).toEqual([])
  })

  test('a failure of the file shows that a site in trouble is well again', async () => {
    using m = new AsyncMarbles()
    const { gates, said } = gatesOf()
    m.record(visit(gates, 'gdrive', trouble('gdrive', 3)))
    await m.run(1)
    m.record(visit(gates, 'gdrive', { kind: 'failed', error: new SyncError('SOURCE_MISSING', 'x') }))
    await m.run(9)
    expect(said).toEqual(['gdrive cooling 3', 'gdrive recovered'])
  })
})

describe('the end', () => {
  test('who waits is sent home at once', async () => {
    using m = new AsyncMarbles()
    const stop$ = new Subject<void>()
    const { gates } = gatesOf(stop$)
    m.record(visit(gates, 'gdrive', trouble('gdrive', 1_000)))
    await m.run(1)
    const seen = m.record(visit(gates, 'gdrive', synced))
    await m.run(3)
    stop$.next()
    gates.close()
    await m.run(3)
    expect(seen).toEqual(marbles('----|'))
  })

  test('nobody is let in after it, nobody is probed', async () => {
    using m = new AsyncMarbles()
    const { gates, probes } = gatesOf()
    m.record(visit(gates, 'gdrive', trouble('gdrive', 5)))
    await m.run(1)
    gates.close()
    const seen = m.record(visit(gates, 'gdrive', synced))
    const other = m.record(visit(gates, 'nas', synced))
    await m.run(20)
    expect(seen).toEqual(marbles('-|'))
    expect(other).toEqual(marbles('-|'))
    expect(probes).toEqual([])
  })
})
