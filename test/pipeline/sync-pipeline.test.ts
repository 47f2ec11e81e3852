import { concat, EMPTY, ignoreElements, map, NEVER, of, takeUntil, tap, throwError, type Observable } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import type { Outcome } from '../../src/model/outcome.ts'
import type { Transfer } from '../../src/model/transfer.ts'
import type { Held, Settled, Steps } from '../../src/pipeline/contracts.ts'
import { syncPipeline, type PipelineParts } from '../../src/pipeline/sync-pipeline.ts'
import type { Gates } from '../../src/pipeline/site-gates.ts'
import { TransferQueue, type Found, type RunningTransfer } from '../../src/pipeline/transfer-queue.ts'
import { siteOf, transferOf } from '../support/model-samples.ts'

const job = (key: string, more: Partial<Transfer> = {}): Transfer => transferOf({ key, ...more })
const found = (...transfers: readonly Transfer[]): Found => ({ representationKey: 'r', transfers, occasion: {}, changed: false })
const hinted = (...transfers: readonly Transfer[]): Found => ({ ...found(...transfers), changed: true })
const synced: Outcome = { kind: 'synced', id: '1', bytes: 3, sent: 3 }
const holdOf = (running: RunningTransfer): Held => ({ running, transfer: running.transfer }) as Held

interface Heart {
  readonly scans$?: Observable<Found>
  readonly changes$?: Observable<Found>
  readonly stop$?: Observable<unknown>
  readonly steps?: Partial<Steps>
  readonly gates?: Gates
  readonly limit?: number
  readonly mostQueued?: number
}

/** The heart with steps that do nothing, and a diary: what happened in which frame. */
function beat(scheduler: TestScheduler, heart: Heart) {
  const { scans$ = NEVER, changes$ = NEVER, stop$ = NEVER, steps, gates, limit = 1, mostQueued = 10 } = heart
  const diary: string[] = []
  const note = (text: string): void => void diary.push(`${scheduler.frame}: ${text}`)
  const queue = new TransferQueue({ mostPerSite: mostQueued })
  const parts: PipelineParts<Found> = {
    changes$,
    scans$,
    look: {
      keyOf: ({ transfers }) => transfers.map(({ key }) => key).join(','),
      merge: (_former, latter) => latter,
      run: (hints) => of(...hints),
      batch: 10,
      most: 10,
      overflowed: () => undefined,
    },
    queue,
    take: (site) => queue.take(site),
    gates: gates ?? { enter: (site) => of({ report: (outcome) => note(`report ${site} ${outcome?.kind ?? 'nothing'}`) }) },
    steps: {
      claim: (running) => {
        note(`claim ${running.transfer.key}`)
        return of(holdOf(running))
      },
      transfer: () => of(synced),
      verify: (_held, outcome) => of(outcome as Outcome),
      writeBack: (held, outcome) => of({ held, outcome }),
      keepLease: (_held, work) => work,
      ...steps,
    },
    limitOf: () => limit,
    unexpected: (error, { transfer }) => note(`unexpected ${transfer.key}: ${String(error)}`),
    settled: ({ held, outcome }) => note(`settled ${held.transfer.key} ${outcome.kind}`),
    changed: ({ transfer }) => note(`changed ${transfer.key}`),
    stop$,
  }
  const settled$ = syncPipeline(parts).pipe(map(({ held }: Settled) => held.transfer.key))
  const said = (word: string): string[] => diary.filter((line) => line.split(' ')[1] === word)
  return { settled$, queue, diary, of: said }
}

function marbles(body: (helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0], scheduler: TestScheduler) => void): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
  scheduler.run((helpers) => body(helpers, scheduler))
}

const notA = (running: RunningTransfer): Observable<Held> => (running.transfer.key === 'a' ? EMPTY : of(holdOf(running)))

describe('a transfer', () => {
  test('is claimed, sent, verified and written back, one step after the other', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const scans$ = hot('          -f', { f: found(job('a')) })
      const claim = (running: RunningTransfer) => cold('--(c|)', { c: holdOf(running) })
      const transfer = () => cold(' ---(t|)', { t: synced })
      const verify = () => cold('   -(v|)', { v: synced })
      const writeBack = (held: Held, outcome: Outcome) => cold('--(w|)', { w: { held, outcome } })
      const expected = '            ---------a'
      expectObservable(beat(scheduler, { scans$, steps: { claim, transfer, verify, writeBack } }).settled$).toBe(expected)
    })
  })

  test('of a change goes at once', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const changes$ = hot('        --h', { h: hinted(job('a')) })
      const transfer = () => cold(' ---(t|)', { t: synced })
      const expected = '            -----a'
      expectObservable(beat(scheduler, { changes$, steps: { transfer } }).settled$).toBe(expected)
    })
  })

  test('found by scan and change is done once', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const changes$ = hot('        f-f', { f: hinted(job('a')) })
      const scans$ = hot('          ff-f', { f: found(job('a')) })
      const transfer = () => cold(' -----(t|)', { t: synced })
      const expected = '            -----a'
      expectObservable(beat(scheduler, { changes$, scans$, steps: { transfer } }).settled$).toBe(expected)
    })
  })

  test('that is somebody else’s leaves its slot to the next', () => {
    expect.hasAssertions()
    marbles(({ hot, expectObservable }, scheduler) => {
      const scans$ = hot('  f', { f: found(job('a'), job('b')) })
      const expected = '    b'
      expectObservable(beat(scheduler, { scans$, steps: { claim: notA } }).settled$).toBe(expected)
    })
  })
})

describe('the limit', () => {
  test('so many of a site at once, and the claim comes with the slot, not before', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f', { f: found(job('a'), job('b'), job('c'), job('d')) })
      const transfer = () => cold(' -----(t|)', { t: synced })
      const expected = '            -----(ab)-(cd)'
      const heart = beat(scheduler, { scans$, steps: { transfer }, limit: 2 })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('claim')).toEqual(['0: claim a', '0: claim b', '5: claim c', '5: claim d'])
    })
  })

  test('a slot is free for the next transfer while the result of the last one is written', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f', { f: found(job('a'), job('b'), job('c')) })
      const transfer = () => cold(' --(t|)', { t: synced })
      const writeBack = (held: Held, outcome: Outcome) => cold('-------(w|)', { w: { held, outcome } })
      const expected = '            ---------a-b-c'
      const heart = beat(scheduler, { scans$, steps: { transfer, writeBack } })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('claim')).toEqual(['0: claim a', '2: claim b', '4: claim c'])
      expect(heart.of('report').filter((line) => !line.endsWith('nothing'))).toEqual(
        ['2', '4', '6'].flatMap((frame) => [`${frame}: report studio synced`, `${frame}: report gdrive synced`]),
      )
    })
  })

  test('a database that takes no results is not overrun: no more than 256 are under way', () => {
    marbles(({ hot, expectObservable, flush }, scheduler) => {
      const scans$ = hot('f', { f: found(...Array.from({ length: 300 }, (_, n) => job(`${n}`))) })
      const heart = beat(scheduler, { scans$, mostQueued: 300, steps: { writeBack: () => NEVER }, limit: 4 })
      expectObservable(heart.settled$).toBe('')
      flush()
      expect(heart.of('claim')).toHaveLength(256 + 4)
    })
  })

  test('a site that is stuck delays no other', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const [a, b, c, d] = [job('a'), job('b'), job('c', { site: 'nas' }), job('d', { site: 'nas' })]
      const scans$ = hot('  f', { f: found(a, b, c, d) })
      const done = cold('   ---(t|)', { t: synced })
      const transfer = ({ transfer: { site } }: Held) => (site === 'gdrive' ? NEVER : done)
      const expected = '    ---c--d'
      expectObservable(beat(scheduler, { scans$, steps: { transfer } }).settled$).toBe(expected)
    })
  })

  test('the slot that gets free goes to the most urgent of that moment', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const scans$ = hot('          f--g', {
        f: found(job('a'), job('b', { priority: 50 }), job('c', { priority: 10 })),
        g: found(job('c', { priority: 99 })),
      })
      const transfer = () => cold(' -----(t|)', { t: synced })
      const expected = '            -----a----c----b'
      expectObservable(beat(scheduler, { scans$, steps: { transfer } }).settled$).toBe(expected)
    })
  })

  test('two documents that want the same place are served one after the other', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const [a, twin] = [job('a', { targetKey: 'here' }), job('b', { targetKey: 'here' })]
      const scans$ = hot('          f', { f: found(a, twin) })
      const transfer = () => cold(' ---(t|)', { t: synced })
      const expected = '            ---a--b'
      expectObservable(beat(scheduler, { scans$, steps: { transfer }, limit: 5 }).settled$).toBe(expected)
    })
  })
})

const fails = (): Observable<never> => throwError(() => 'boom')
const throws = (): never => {
  throw new Error('boom')
}

describe('a fault', () => {
  test.each<Outcome>([
    { kind: 'failed', error: new SyncError('SOURCE_MISSING', 'x') },
    { kind: 'site-trouble', site: 'gdrive', error: new SyncError('QUOTA', 'x') },
    { kind: 'released', reason: 'paused' },
  ])('is a value: $kind', (outcome) => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('  f', { f: found(job('a'), job('b')) })
      const transfer = ({ transfer: { key } }: Held) => cold('-(t|)', { t: key === 'a' ? outcome : synced })
      const expected = '    -ab'
      const heart = beat(scheduler, { scans$, steps: { transfer } })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('settled')).toEqual([`1: settled a ${outcome.kind}`, '2: settled b synced'])
      expect(heart.of('unexpected')).toEqual([])
    })
  })

  test.each<[keyof Steps, string, () => never]>(
    (['claim', 'transfer', 'verify', 'writeBack', 'keepLease'] as const).flatMap((step) => [
      [step, 'fails', fails as () => never],
      [step, 'throws', throws],
    ]),
  )('in %s that %s ends that transfer, and nothing else', (step, _how, fault) => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      // One whose source is no site of ours takes another way through the gates.
      const undeclared = job('u')
      const route = { ...undeclared.route, sourceSite: siteOf('studio', { declared: false }) } as Transfer['route']
      const scans$ = hot('  f----g', { f: found(job('a'), { ...undeclared, route }), g: found(job('b')) })
      const sound: Steps = {
        claim: (running) => of(holdOf(running)),
        transfer: () => cold('--(t|)', { t: synced }),
        verify: () => of(synced),
        writeBack: (held, outcome) => of({ held, outcome }),
        keepLease: (_held, work) => work,
      }
      const own = (...call: readonly unknown[]): unknown => {
        const { transfer } = call[0] as Held
        return transfer.key === 'b' ? (sound[step] as (...args: readonly unknown[]) => unknown)(...call) : fault()
      }
      const expected = '    -------b'
      const heart = beat(scheduler, { scans$, steps: { ...sound, [step]: own } })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('unexpected').map((line) => line.split(' ')[2])).toEqual(['a:', 'u:'])
      expect(heart.queue.running.size).toBe(0)
      expect(heart.queue.isIdle).toBe(true)
    })
  })
})

describe('a change while a transfer runs', () => {
  test('is looked at when it has ended', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const changes$ = hot('        h--h', { h: hinted(job('a')) })
      const transfer = () => cold(' -----(t|)', { t: synced })
      const expected = '            -----a'
      const heart = beat(scheduler, { changes$, steps: { transfer } })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('changed')).toEqual(['5: changed a'])
    })
  })

  test.each<[string, Partial<Steps>]>([
    ['it turned out to be somebody else’s', { claim: () => EMPTY }],
    ['it ended with a fault', { claim: () => throwError(() => 'boom') }],
  ])('also when %s', (_title, steps) => {
    marbles(({ hot, cold, flush }, scheduler) => {
      const changes$ = hot('  h-h', { h: hinted(job('a')) })
      const delay$ = cold('   ---(c|)')
      const claim = (running: RunningTransfer) => delayed(delay$, steps.claim?.(running))
      const heart = beat(scheduler, { changes$, steps: { claim } })
      heart.settled$.subscribe()
      flush()
      expect(heart.of('changed')).toEqual(['3: changed a'])
    })
  })

  test('a scan that finds it again is no change', () => {
    marbles(({ hot, cold, flush }, scheduler) => {
      const scans$ = hot('          f-f', { f: found(job('a')) })
      const transfer = () => cold(' -----(t|)', { t: synced })
      const heart = beat(scheduler, { scans$, steps: { transfer } })
      heart.settled$.subscribe()
      flush()
      expect(heart.of('changed')).toEqual([])
    })
  })
})

describe('the gates', () => {
  test('nothing is claimed before the target’s gate and the source’s are open', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('                   f', { f: found(job('a')) })
      const pass = { report: () => undefined }
      const open = { gdrive: cold('          --(p|)', { p: pass }), studio: cold('---(p|)', { p: pass }) }
      const expected = '                     -----a'
      const heart = beat(scheduler, { scans$, gates: { enter: (site) => open[site as keyof typeof open] } })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('claim')).toEqual(['5: claim a'])
    })
  })

  test('hear what came of it', () => {
    marbles(({ hot, flush }, scheduler) => {
      const scans$ = hot('f', { f: found(job('a')) })
      const heart = beat(scheduler, { scans$ })
      heart.settled$.subscribe()
      flush()
      const reports = heart.of('report').map((line) => line.split(' ').slice(2).join(' '))
      expect(reports.slice(0, 2).toSorted()).toEqual(['gdrive synced', 'studio synced'])
      expect(reports.slice(2)).toEqual(expect.arrayContaining(['gdrive nothing', 'studio nothing']))
    })
  })

  test('hear when there was nothing to be done', () => {
    marbles(({ hot, flush }, scheduler) => {
      const scans$ = hot('f', { f: found(job('a')) })
      const heart = beat(scheduler, { scans$, steps: { claim: () => EMPTY } })
      heart.settled$.subscribe()
      flush()
      expect(heart.of('report').map((line) => line.split(' ').slice(2).join(' '))).toEqual(
        expect.arrayContaining(['gdrive nothing', 'studio nothing']),
      )
    })
  })
})

describe('stop', () => {
  test('what runs goes on to its end, nothing else is begun, and then it completes', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f---f', { f: found(job('a'), job('b')) })
      const stop$ = hot('           --s')
      let stopped = false
      const gates: Gates = { enter: () => (stopped ? EMPTY : of({ report: () => undefined }).pipe(takeUntil(stop$))) }
      const transfer = () => cold(' ------(t|)', { t: synced })
      const expected = '            ------(a|)'
      const heart = beat(scheduler, { scans$, stop$: stop$.pipe(tap(() => (stopped = true))), gates, steps: { transfer } })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('claim')).toEqual(['0: claim a'])
    })
  })

  test('when nothing runs, it completes at once', () => {
    expect.hasAssertions()
    marbles(({ hot, expectObservable }, scheduler) => {
      const stop$ = hot('   --s')
      const expected = '    --|'
      expectObservable(beat(scheduler, { stop$ }).settled$).toBe(expected)
    })
  })
})

/** `then$` when `delay$` is over. */
function delayed<T>(delay$: Observable<unknown>, then$: Observable<T> | undefined): Observable<T> {
  return concat(delay$.pipe<never>(ignoreElements()), then$ ?? EMPTY)
}
