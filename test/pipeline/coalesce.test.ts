import { NEVER, of, throwError, type ObservableInput } from 'rxjs'
import { TestScheduler } from 'rxjs/testing'
import { describe, expect, test } from 'vitest'

import { coalesce, type Coalesced } from '../../src/pipeline/coalesce.ts'

type Parts = Coalesced<string, string>
type Run = Parts['run']

/** Hints of one letter, in upper case to be merged; what runs is written as its hints. */
function coalesced(run: Run, more: Partial<Parts> = {}) {
  return coalesce<string, string>({
    keyOf: (hint) => hint.toLowerCase(),
    merge: (_former, latter) => latter.toUpperCase(),
    run,
    batch: 10,
    most: 10,
    overflowed: () => undefined,
    ...more,
  })
}

const bracketed = (hint: string): string => `(${hint})`

function marbles(body: Parameters<TestScheduler['run']>[0]): void {
  new TestScheduler((actual, expected) => expect(actual).toEqual(expected)).run(body)
}

describe('batches', () => {
  test('a lone hint goes at once', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  a-----b-----|')
      const run = () => cold('--(r|)')
      const expected = '    --r-----r---|'
      expectObservable(source.pipe(coalesced(run))).toBe(expected)
    })
  })

  test('what comes while one runs goes together, in the order of its coming', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  abcd--------|')
      const run: Run = (hints) => cold('---(r|)', { r: hints.join('') })
      const expected = '    ---x--y-----|'
      expectObservable(source.pipe(coalesced(run))).toBe(expected, { x: 'a', y: 'bcd' })
    })
  })

  test('never more than a batch holds', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  abcde-------|')
      const run: Run = (hints) => cold('---(r|)', { r: hints.join('') })
      const expected = '    ---x--y--z--|'
      expectObservable(source.pipe(coalesced(run, { batch: 2 }))).toBe(expected, { x: 'a', y: 'bc', z: 'de' })
    })
  })

  test('what waits behind eight others is lighter by then', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  abcdefghijk---|')
      const run: Run = (hints) => cold('-----------(r|)', { r: hints.join('') })
      const expected = '    -----------x----------(y|)'
      expectObservable(source.pipe(coalesced(run, { lighten: bracketed, most: 20, batch: 20 }))).toBe(expected, {
        x: 'a',
        y: 'bcdefghi(j)(k)',
      })
    })
  })

  test('a document that changes again and again is looked at once, for all the reasons', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  abcbb-------|')
      const run: Run = (hints) => cold('-----(r|)', { r: hints.join('') })
      const expected = '    -----x----y-|'
      expectObservable(source.pipe(coalesced(run))).toBe(expected, { x: 'a', y: 'Bc' })
    })
  })

  test('one that changes while it is looked at is looked at again', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  a-a---------|')
      const run = () => cold('---(r|)')
      const expected = '    ---r--r-----|'
      expectObservable(source.pipe(coalesced(run))).toBe(expected)
    })
  })

  test('a batch may find nothing, or much', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('       ab-----|')
      const run: Run = (hints) => (hints.includes('a') ? cold('-|') : cold('rrr|'))
      const expected = '         -rrr---|'
      expectObservable(source.pipe(coalesced(run))).toBe(expected)
    })
  })

  test('ten thousand that run at once do not fill the stack', () => {
    const hints = Array.from({ length: 10_000 }, (_, n) => `${n}`)
    let runs = 0
    of(...hints)
      .pipe(coalesced(() => of(`${++runs}`), { most: 20_000 }))
      .subscribe()
    expect(runs).toBe(10_000)
  })
})

describe('the bound', () => {
  test('of a flood the latest are forgotten and told, once a batch; a scan finds them', () => {
    marbles(({ hot, cold, expectObservable, flush }) => {
      const source = hot('  abcde---------|')
      const run: Run = (hints) => cold('------(r|)', { r: hints.join('') })
      const expected = '    ------x-----y-|'
      let overflows = 0
      const parts = { most: 2, overflowed: () => void overflows++ }
      expectObservable(source.pipe(coalesced(run, parts))).toBe(expected, { x: 'a', y: 'bc' })
      flush()
      expect(overflows).toBe(1)
    })
  })

  test('hints of documents that wait already always fit', () => {
    marbles(({ hot, cold, expectObservable, flush }) => {
      const source = hot('  abbcbcbcb---------|')
      const run: Run = (hints) => cold('---------(r|)', { r: hints.join('') })
      const expected = '    ---------x--------(y|)'
      let overflows = 0
      const parts = { most: 2, overflowed: () => void overflows++ }
      expectObservable(source.pipe(coalesced(run, parts))).toBe(expected, { x: 'a', y: 'BC' })
      flush()
      expect(overflows).toBe(0)
    })
  })
})

describe('the end', () => {
  test('it completes when nothing waits and nothing runs', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  ab|')
      const run = () => cold('---(r|)')
      const expected = '    ---r--(r|)'
      expectObservable(source.pipe(coalesced(run))).toBe(expected)
    })
  })

  test('of nothing is at once', () => {
    expect.hasAssertions()
    marbles(({ hot, expectObservable }) => {
      const source = hot('  --|')
      const expected = '    --|'
      expectObservable(source.pipe(coalesced(() => NEVER))).toBe(expected)
    })
  })

  test.each<[string, ObservableInput<string>]>([['fault', throwError(() => 'error')]])(
    'a %s of what runs is passed on',
    (_title, fault) => {
      expect.hasAssertions()
      marbles(({ hot, expectObservable }) => {
        const source = hot('  -a-----')
        const expected = '    -#'
        expectObservable(source.pipe(coalesced(() => fault))).toBe(expected)
      })
    },
  )

  test('a fault of the source is passed on', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable }) => {
      const source = hot('  a-#')
      const run = () => cold('---(r|)')
      const expected = '    --#'
      expectObservable(source.pipe(coalesced(run))).toBe(expected)
    })
  })

  test('who leaves ends the batch that runs', () => {
    expect.hasAssertions()
    marbles(({ hot, cold, expectObservable, expectSubscriptions }) => {
      const source = hot('  abc-----')
      const run$ = cold('   -----(r|)')
      const unsubscribe = ' ---!'
      const running = '     ^--!'
      expectObservable(source.pipe(coalesced(() => run$)), unsubscribe).toBe('----')
      expectSubscriptions(source.subscriptions).toBe(running)
      expectSubscriptions(run$.subscriptions).toBe(running)
    })
  })
})
