import { defer, from, map, NEVER, Observable, of, tap, throwError, type ObservableInput } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, test } from 'vitest'

import { SyncError } from '../../src/errors.ts'
import type { Outcome } from '../../src/model/outcome.ts'
import type { Transfer } from '../../src/model/transfer.ts'
import type { Attempt } from '../../src/pipeline/attempt.ts'
import type { Found, Settled } from '../../src/pipeline/contracts.ts'
import { OwnSlots } from '../../src/pipeline/slots.ts'
import { syncPipeline, type PipelineParts } from '../../src/pipeline/sync-pipeline.ts'
import { Workload } from '../../src/pipeline/workload.ts'
import { AsyncMarbles, marbles as messages } from '../support/async-marbles.ts'
import { clockOf, FakeClock } from '../support/fake-clock.ts'
import { MemoryClaims, permitParts } from '../support/memory-claims.ts'
import { siteOf, transferOf } from '../support/model-samples.ts'

const job = (key: string, more: Partial<Transfer> = {}): Transfer => transferOf({ key, ...more })
const found = (...transfers: readonly Transfer[]): Found => ({ representationKey: 'r', transfers, occasion: {}, changed: false })
const hinted = (...transfers: readonly Transfer[]): Found => ({ ...found(...transfers), changed: true })
const synced: Outcome = { kind: 'synced', id: '1', bytes: 3, sent: 3 }

interface Heart {
  readonly scans$?: Observable<Found>
  readonly changes$?: Observable<Found>
  readonly stop$?: Observable<unknown>
  /** Copies and verifies; its value is the outcome, undefined when it was not ours to do. */
  readonly copy?: (attempt: Attempt) => ObservableInput<Outcome | undefined>
  /** How long a result is being written. */
  readonly writing?: (attempt: Attempt) => Observable<unknown>
  readonly settled?: (settled: Settled) => void
  readonly limit?: number
  readonly maxQueued?: number
}

/** The heart with attempts that do nothing, and a diary: what happened in which frame. */
function beat(scheduler: TestScheduler, heart: Heart) {
  const { scans$ = NEVER, changes$ = NEVER, stop$ = NEVER, copy = () => of(synced), writing, limit = 1, maxQueued = 10 } = heart
  const diary: string[] = []
  const note = (text: string): void => void diary.push(`${scheduler.frame}: ${text}`)
  const clock = clockOf(scheduler)
  const work = new Workload({
    siteParts: (name) => ({
      name,
      clock,
      maxQueued,
      probe: async () => Promise.resolve(),
      events: { cooling: (site) => note(`cooling ${site}`), recovered: (site) => note(`recovered ${site}`) },
      makeSlots: (freed) => new OwnSlots(limit, freed),
    }),
    permits: permitParts(new MemoryClaims(clock), clock),
    countsReads: () => false,
  })
  const settle = (attempt: Attempt): ObservableInput<Settled | undefined> => {
    note(`begin ${attempt.transfer.key}`)
    return new Observable<Settled | undefined>((subscriber) => {
      const copied = from(copy(attempt)).subscribe({
        next: (outcome) => {
          if (!outcome) return subscriber.next(undefined)
          const written = work.verified(attempt, outcome)
          const done = (): void => {
            written()
            subscriber.next({ attempt, outcome })
            subscriber.complete()
          }
          if (writing)
            subscriber.add(defer(() => writing(attempt)).subscribe({ complete: done, error: (error: unknown) => subscriber.error(error) }))
          else done()
        },
        error: (error: unknown) => subscriber.error(error),
        complete: () => (writing ? undefined : subscriber.complete()),
      })
      subscriber.add(copied)
    })
  }
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
    work,
    settle,
    unexpected: (error, { transfer }) => note(`unexpected ${transfer.key}: ${String(error)}`),
    settled: (one) => {
      heart.settled?.(one)
      note(`settled ${one.attempt.transfer.key} ${one.outcome.kind}`)
    },
    changed: ({ transfer }) => note(`changed ${transfer.key}`),
    stop$: stop$.pipe(tap(() => queueMicrotask(() => work.close()))),
  }
  const settled$ = syncPipeline(parts).pipe(map(({ attempt }: Settled) => attempt.transfer.key))
  const said = (word: string): string[] => diary.filter((line) => line.split(' ')[1] === word)
  return { settled$, work, diary, of: said }
}

function marbles(body: (helpers: Parameters<Parameters<TestScheduler['run']>[0]>[0], scheduler: TestScheduler) => void): void {
  const scheduler = new TestScheduler((actual, expected) => expect(actual).toEqual(expected))
  scheduler.run((helpers) => body(helpers, scheduler))
}

describe('a transfer', () => {
  test('is begun, and settled when its result is written', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const scans$ = hot('          -f', { f: found(job('a')) })
      const copy = () => cold('     ---(c|)', { c: synced })
      const writing = () => cold('  --|')
      const expected = '            ------a'
      expectObservable(beat(scheduler, { scans$, copy, writing }).settled$).toBe(expected)
    })
  })

  test('of a change goes at once', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const changes$ = hot('        --h', { h: hinted(job('a')) })
      const copy = () => cold('     ---(c|)', { c: synced })
      const expected = '            -----a'
      expectObservable(beat(scheduler, { changes$, copy }).settled$).toBe(expected)
    })
  })

  test('found by scan and change is done once', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const changes$ = hot('        f-f', { f: hinted(job('a')) })
      const scans$ = hot('          ff-f', { f: found(job('a')) })
      const copy = () => cold('     -----(c|)', { c: synced })
      const expected = '            -----a'
      expectObservable(beat(scheduler, { changes$, scans$, copy }).settled$).toBe(expected)
    })
  })

  test('that is somebody else’s leaves its slot to the next, and nobody is told of it', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f', { f: found(job('a'), job('b')) })
      const copy = ({ transfer: { key } }: Attempt) => cold('--(c|)', { c: key === 'a' ? undefined : synced })
      const expected = '            ----b'
      const heart = beat(scheduler, { scans$, copy })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('settled')).toEqual(['4: settled b synced'])
      expect(heart.of('unexpected')).toEqual([])
    })
  })

  test('may be settled by a promise', async () => {
    using m = new AsyncMarbles()
    const clock = new FakeClock()
    const settlings: string[] = []
    const work = new Workload({
      siteParts: (name) => ({
        name,
        clock,
        maxQueued: 10,
        probe: async () => Promise.resolve(),
        events: { cooling: () => undefined, recovered: () => undefined },
        makeSlots: (freed) => new OwnSlots(1, freed),
      }),
      permits: permitParts(new MemoryClaims(clock), clock, { renewEveryMs: 1, reread: async () => Promise.resolve(undefined) }),
      countsReads: () => false,
    })
    const settled$ = syncPipeline<never>({
      changes$: NEVER,
      scans$: m.cold('-f', { f: found(job('a'), job('b'), job('c')) }),
      look: { keyOf: String, merge: (former) => former, run: () => [], batch: 1, most: 1, overflowed: () => undefined },
      work,
      settle: async (attempt) => {
        await new Promise((resolve) => setTimeout(resolve, 2))
        if (attempt.transfer.key === 'b') throw new Error('boom')
        return { attempt, outcome: synced }
      },
      unexpected: (error, { transfer }) => settlings.push(`${transfer.key} ${(error as Error).message}`),
      settled: ({ attempt }) => settlings.push(attempt.transfer.key),
      changed: () => undefined,
      stop$: m.cold('----------s'),
    })
    const seen = m.record(settled$.pipe(map(({ attempt }) => attempt.transfer.key)))
    await m.run(20)
    expect(seen).toEqual(messages('---a---c--|'))
    expect(settlings).toEqual(['a', 'b boom', 'c'])
    expect(work.isIdle).toBe(true)
  })
})

describe('the limit', () => {
  test('so many of a site at once, and an attempt begins with its slot, not before', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f', { f: found(job('a'), job('b'), job('c'), job('d')) })
      const copy = () => cold('     -----(c|)', { c: synced })
      const expected = '            -----(ab)-(cd)'
      const heart = beat(scheduler, { scans$, copy, limit: 2 })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('begin')).toEqual(['0: begin a', '0: begin b', '5: begin c', '5: begin d'])
    })
  })

  test('a slot is free for the next transfer while the result of the last one is written', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f', { f: found(job('a'), job('b'), job('c')) })
      const copy = () => cold('     --(c|)', { c: synced })
      const writing = () => cold('  -------|')
      const expected = '            ---------a-b-c'
      const heart = beat(scheduler, { scans$, copy, writing })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('begin')).toEqual(['0: begin a', '2: begin b', '4: begin c'])
    })
  })

  test('a database that takes no results is not overrun: no more than 256 are under way', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('f', { f: found(...Array.from({ length: 300 }, (_, n) => job(`${n}`))) })
      const copy = () => cold('-(c|)', { c: synced })
      const heart = beat(scheduler, { scans$, copy, maxQueued: 300, writing: () => NEVER, limit: 4 })
      expectObservable(heart.settled$).toBe('')
      flush()
      expect(heart.of('begin')).toHaveLength(256 + 4)
    })
  })

  test('a site that is stuck delays no other', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const [a, b, c, d] = [job('a'), job('b'), job('c', { site: 'nas' }), job('d', { site: 'nas' })]
      const scans$ = hot('          f', { f: found(a, b, c, d) })
      const done = cold('           ---(c|)', { c: synced })
      const copy = ({ transfer: { site } }: Attempt) => (site === 'gdrive' ? NEVER : done)
      const expected = '            ---c--d'
      expectObservable(beat(scheduler, { scans$, copy }).settled$).toBe(expected)
    })
  })

  test('the slot that gets free goes to the most urgent of that moment', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const scans$ = hot('          f--g', {
        f: found(job('a'), job('b', { priority: 50 }), job('c', { priority: 10 })),
        g: found(job('c', { priority: 99 })),
      })
      const copy = () => cold('     -----(c|)', { c: synced })
      const expected = '            -----a----c----b'
      expectObservable(beat(scheduler, { scans$, copy }).settled$).toBe(expected)
    })
  })

  test('two documents that want the same place are served one after the other', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const [a, twin] = [job('a', { targetKey: 'here' }), job('b', { targetKey: 'here' })]
      const scans$ = hot('          f', { f: found(a, twin) })
      const copy = () => cold('     ---(c|)', { c: synced })
      const expected = '            ---a--b'
      expectObservable(beat(scheduler, { scans$, copy, limit: 5 }).settled$).toBe(expected)
    })
  })
})

const isSound = ({ transfer }: Attempt): boolean => transfer.key === 'b'
const fails = (): Observable<never> => throwError(() => 'boom')
const throws = (): never => {
  throw new Error('boom')
}

describe('a fault', () => {
  test.each<Outcome>([
    { kind: 'failed', error: new SyncError('SOURCE_MISSING', 'x') },
    { kind: 'site-trouble', site: 'studio', root: '/work', error: new SyncError('QUOTA', 'x') },
    { kind: 'released', reason: 'paused' },
  ])('is a value: $kind', (outcome) => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f', { f: found(job('a'), job('b')) })
      const copy = ({ transfer: { key } }: Attempt) => cold('-(c|)', { c: key === 'a' ? outcome : synced })
      const expected = '            -ab'
      const heart = beat(scheduler, { scans$, copy })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('settled')).toEqual([`1: settled a ${outcome.kind}`, '2: settled b synced'])
      expect(heart.of('unexpected')).toEqual([])
    })
  })

  test('of a site leaves it alone, and what waits for it', () => {
    marbles(({ hot, cold, flush }, scheduler) => {
      const quota = { kind: 'site-trouble', site: 'gdrive', error: new SyncError('QUOTA', 'x') } as const
      const scans$ = hot('          f', { f: found(job('a'), job('b'), job('c', { site: 'nas' })) })
      const copy = ({ transfer: { key } }: Attempt) => cold('-(c|)', { c: key === 'a' ? quota : synced })
      const heart = beat(scheduler, { scans$, copy })
      const stop = heart.settled$.subscribe()
      scheduler.schedule(() => {
        stop.unsubscribe()
        heart.work.close()
      }, 4)
      flush()
      expect(heart.of('settled')).toEqual(['1: settled a site-trouble', '1: settled c synced'])
      expect(heart.of('cooling')).toEqual(['1: cooling gdrive'])
    })
  })

  test.each<[string, string, Heart]>([
    ['the copy', 'fails', { copy: fails }],
    ['the copy', 'throws', { copy: throws }],
    ['the writing of a result', 'fails', { writing: fails }],
    ['the writing of a result', 'throws', { writing: throws }],
    ['who is told of what was settled', 'throws', { settled: throws }],
  ])('in %s that %s ends that transfer, and nothing else', (_step, _how, faulty) => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      // One whose source is no site of ours takes a slot at its target only.
      const undeclared = job('u')
      const route = { ...undeclared.route, sourceSite: siteOf('studio', { declared: false }) } as Transfer['route']
      const scans$ = hot('          f----g', { f: found(job('a'), { ...undeclared, route }), g: found(job('b')) })
      const heart = beat(scheduler, {
        scans$,
        copy: (attempt) => (faulty.copy && !isSound(attempt) ? faulty.copy(attempt) : cold('--(c|)', { c: synced })),
        writing: (attempt) => (faulty.writing && !isSound(attempt) ? faulty.writing(attempt) : cold('|')),
        settled: (settled) => (isSound(settled.attempt) ? undefined : faulty.settled?.(settled)),
      })
      const expected = '            -------b'
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('unexpected').map((line) => line.split(' ')[2])).toEqual(['a:', 'u:'])
      expect([heart.work.running.size, heart.work.isIdle]).toEqual([0, true])
    })
  })
})

describe('a change while a transfer runs', () => {
  test('is looked at when it has ended', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const changes$ = hot('        h--h', { h: hinted(job('a')) })
      const copy = () => cold('     -----(c|)', { c: synced })
      const expected = '            -----a'
      const heart = beat(scheduler, { changes$, copy })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('changed')).toEqual(['5: changed a'])
    })
  })

  test('is looked at only when its result is written and its place is free', () => {
    marbles(({ hot, cold, flush }, scheduler) => {
      const changes$ = hot('        h-----h', { h: hinted(job('a')) })
      const copy = () => cold('     -----(c|)', { c: synced })
      const writing = () => cold('  ---|')
      const heart = beat(scheduler, { changes$, copy, writing })
      heart.settled$.subscribe()
      flush()
      expect(heart.diary).toEqual(['0: begin a', '8: settled a synced', '8: changed a'])
    })
  })

  test.each<[string, 'c' | '#']>([
    ['it turned out to be somebody else’s', 'c'],
    ['it ended with a fault', '#'],
  ])('also when %s', (_title, end) => {
    marbles(({ hot, cold, flush }, scheduler) => {
      const changes$ = hot('  h-h', { h: hinted(job('a')) })
      const copy = () => cold(end === 'c' ? '---(c|)' : '---#', { c: undefined })
      const heart = beat(scheduler, { changes$, copy })
      heart.settled$.subscribe()
      flush()
      expect(heart.of('changed')).toEqual(['3: changed a'])
    })
  })

  test('a scan that finds it again is no change', () => {
    marbles(({ hot, cold, flush }, scheduler) => {
      const scans$ = hot('          f-f', { f: found(job('a')) })
      const copy = () => cold('     -----(c|)', { c: synced })
      const heart = beat(scheduler, { scans$, copy })
      heart.settled$.subscribe()
      flush()
      expect(heart.of('changed')).toEqual([])
    })
  })
})

describe('stop', () => {
  test('what runs goes on to its end, nothing else is begun, and then it completes', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f---f', { f: found(job('a'), job('b')) })
      const stop$ = hot('           --s')
      const copy = () => cold('     ------(c|)', { c: synced })
      const expected = '            ------(a|)'
      const heart = beat(scheduler, { scans$, stop$, copy })
      expectObservable(heart.settled$).toBe(expected)
      flush()
      expect(heart.of('begin')).toEqual(['0: begin a'])
    })
  })

  test('it completes only when results are written', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }, scheduler) => {
      const scans$ = hot('          f', { f: found(job('a')) })
      const stop$ = hot('           --s')
      const copy = () => cold('     -(c|)', { c: synced })
      const writing = () => cold('  -----|')
      const expected = '            ------(a|)'
      expectObservable(beat(scheduler, { scans$, stop$, copy, writing }).settled$).toBe(expected)
    })
  })

  test('when nothing runs, it completes at once', () => {
    expect.hasAssertions()
    marbles(({ hot, expectObservable }, scheduler) => {
      const stop$ = hot('           --s')
      const expected = '            --|'
      expectObservable(beat(scheduler, { stop$ }).settled$).toBe(expected)
    })
  })

  test('it completes also when ten thousand queued transfers are left', () => {
    marbles(({ hot, cold, expectObservable, flush }, scheduler) => {
      const scans$ = hot('          f', { f: found(...Array.from({ length: 10_000 }, (_, n) => job(`${n}`))) })
      const stop$ = hot('           --s')
      const copy = () => cold('     -----(c|)', { c: synced })
      const expected = '            -----(a|)'
      const heart = beat(scheduler, { scans$, stop$, copy, maxQueued: 10_000 })
      expectObservable(heart.settled$).toBe(expected, { a: '0' })
      flush()
      expect(heart.of('begin')).toHaveLength(1)
    })
  })
})
