import { Subject } from 'rxjs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { Settings } from '../../../src/model/settings.ts'
import type { Hint } from '../../../src/pipeline/planner.ts'
import { changeHints, RESULTS_LINGER_MS } from '../../../src/service/change-hints.ts'
import type { StreamEvent } from '../../../src/streams/stream-event.ts'
import { projectOf } from '../../support/model-samples.ts'
import { RecordingLog } from '../../support/recording-log.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const settings: Settings = {
  ...projectOf(),
  loopDelaySeconds: 60,
  leaseSeconds: 30,
  shutdownGraceSeconds: 1,
  indexes: 'auto',
  writeProgress: false,
  mongo: { uri: 'mongodb://127.0.0.1', database: 'avalon', stateDatabase: 'site_sync' },
  projects: { include: ['*'], exclude: [], overrides: new Map() },
}

const changed = (representationId: string, more: object = {}): StreamEvent => ({
  kind: 'changed',
  project: 'PRJ',
  representationId,
  occasion: {},
  ...more,
})

const nothing = (): void => undefined

/** Which representations were told of, in order. `ours`: those whose results are this process's own. */
function rig(ours: readonly string[] = []) {
  const events$ = new Subject<StreamEvent>()
  const hints: Hint[] = []
  let isComplete = false
  const parts = {
    settings,
    log: new RecordingLog(),
    noticed: nothing,
    forgotten: nothing,
    gone: nothing,
    turned: nothing,
    scan: nothing,
    ready: nothing,
  }
  const areOurs = ({ representationId }: Pick<Hint, 'representationId'>): boolean => ours.includes(String(representationId))
  changeHints(events$, { ...parts, areOurs, resultsLingerMs: RESULTS_LINGER_MS }).subscribe({
    next: (hint) => hints.push(hint),
    complete: () => (isComplete = true),
  })
  return { events$, seen: () => hints.map(({ representationId }) => representationId), hints, isComplete: () => isComplete }
}

test('a change is told at once; results of other instances together, 200 ms after the first of them', () => {
  const { events$, seen } = rig()
  events$.next(changed('result 1', { results: 1 }))
  vi.advanceTimersByTime(150)
  events$.next(changed('result 2', { results: 2 }))
  events$.next(changed('published'))
  expect(seen()).toEqual(['published'])
  vi.advanceTimersByTime(49)
  expect(seen()).toEqual(['published'])
  vi.advanceTimersByTime(1)
  expect(seen()).toEqual(['published', 'result 1', 'result 2'])
  events$.next(changed('result 3', { results: 1 }))
  vi.advanceTimersByTime(199)
  expect(seen()).toHaveLength(3)
  vi.advanceTimersByTime(1)
  expect(seen().at(-1)).toBe('result 3')
})

test('what takes a pause out of a record is told at once, though it looks like a result', () => {
  const { events$, hints } = rig()
  events$.next(changed('unpaused', { results: 1, occasion: { unpaused: true } }))
  expect(hints).toEqual([{ project: 'PRJ', representationId: 'unpaused', occasion: { unpaused: true } }])
})

test('results of this process are not told', () => {
  const { events$, seen } = rig(['own'])
  events$.next(changed('own', { results: 1 }))
  events$.next(changed('foreign', { results: 1 }))
  vi.advanceTimersByTime(10_000)
  expect(seen()).toEqual(['foreign'])
})

test('what waits is told when the stream ends, and no timer runs while nothing waits', () => {
  const { events$, seen, isComplete } = rig()
  vi.advanceTimersByTime(10_000)
  expect(vi.getTimerCount()).toBe(0)
  events$.next(changed('result', { results: 1 }))
  expect(vi.getTimerCount()).toBe(1)
  events$.complete()
  expect([seen(), isComplete()]).toEqual([['result'], true])
})
