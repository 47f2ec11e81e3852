import * as fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'

import { bytesText, cut, durationText, progressLine } from '../../../replica-set-dev/demo/progress-line.ts'
import { showProgress } from '../../../replica-set-dev/demo/show-progress.ts'
import { Screen } from '../../../replica-set-dev/demo/screen.ts'
import type { Attempt } from '../../../src/pipeline/attempt.ts'
import { FakeTerminal } from './fake-terminal.ts'

const movie = { path: 'review.mov', site: 'nas', size: 60_000_000 }

test('a bar, how much of what, how fast', () => {
  expect(progressLine({ ...movie, bytes: 15_000_000, elapsedMs: 500 })).toBe(
    '[█████░░░░░░░░░░░░░░░]  25 %  15.0 of 60.0 MB  30.0 MB/s  nas  review.mov',
  )
  expect(progressLine({ ...movie, size: 0, bytes: 0, elapsedMs: 0 })).toMatch(/^\[░{20}\] {3}0 %/)
  expect(progressLine({ ...movie, path: 'a\u001b[2Jb\n', bytes: 0, elapsedMs: 1 })).toMatch(/a\\x1b\[2Jb\\n$/)
})

test('the bar has one width, and the share is never above 100 %', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), (bytes, size, elapsedMs) => {
      const [, bar = '', share] = /^\[([█░]*)\] +(\d+) %/.exec(progressLine({ ...movie, bytes, size, elapsedMs })) ?? []
      expect(bar).toHaveLength(20)
      expect(Number(share)).toBeLessThanOrEqual(100)
    }),
  )
})

test('sizes and times as people write them', () => {
  expect([0, 812, 999, 1_000, 93_700, 999_949, 999_950, 1_300_000, 2e15].map(bytesText)).toEqual([
    '0 B',
    '812 B',
    '999 B',
    '1.0 kB',
    '93.7 kB',
    '999.9 kB',
    '1.0 MB',
    '1.3 MB',
    '2000.0 TB',
  ])
  expect([0.2, 999, 999.6, 1_260, 59_949, 59_951, 125_000].map(durationText)).toEqual([
    '0 ms',
    '999 ms',
    '1.0 s',
    '1.3 s',
    '59.9 s',
    '1 min 0 s',
    '2 min 5 s',
  ])
})

test('a cut text is not longer than it may be, and no letter is torn apart', () => {
  expect(cut('review.mov', 10)).toBe('review.mov')
  expect(cut('review.mov', 5)).toBe('revi…')
  expect(cut('👩‍👩‍👧x', 1)).toBe('…')
  expect(cut('👩‍👩‍👧xy', 2)).toBe('👩‍👩‍👧…')
})

function attempt(startedAt: number, bytes: number): Attempt {
  const transfer = { path: '{root[work]}/film/review.mov', site: 'nas' }
  return { transfer, progress: { bytes, size: 60_000_000 }, startedAt } as unknown as Attempt
}

test('on a terminal the bars of all that runs are redrawn below the lines', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const terminal = new FakeTerminal({ columns: 60, rows: 24 })
  const screen = new Screen(terminal, {})
  let running = [attempt(0, 6_000_000)]
  const hide = showProgress(
    screen,
    () => running,
    () => 1_000,
  )
  vi.advanceTimersByTime(100)
  expect(terminal.shown()).toEqual(['[██░░░░░░░░░░░░░░░░░░]  10 %  6.0 of 60.0 MB  6.0 MB/s  na…'])
  screen.print('one\u0020line')
  running = [attempt(0, 60_000_000), attempt(500, 0)]
  vi.advanceTimersByTime(100)
  expect(terminal.shown()).toEqual(['one line', expect.stringMatching(/^\[█{20}\] 100 %/), expect.stringMatching(/^\[░{20}\] {3}0 %/)])
  running = []
  hide()
  expect(terminal.shown()).toEqual(['one line'])
  running = [attempt(0, 1)]
  vi.advanceTimersByTime(1_000)
  expect(terminal.shown()).toEqual(['one line'])
})

test('more bars than the terminal has room for are counted', () => {
  const terminal = new FakeTerminal({ columns: 100, rows: 8 })
  const screen = new Screen(terminal, {})
  onTestFinished(screen.keepBelow(() => ['a', 'b', 'c', 'd', 'e', 'f']))
  screen.redraw()
  expect(terminal.shown()).toEqual(['a', 'b', 'c', '… and 3 more'])
})

test('elsewhere there are plain lines: of slow transfers, one a second', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const pipe = new FakeTerminal({ isTTY: false })
  const screen = new Screen(pipe, {})
  const started = performance.now()
  const hide = showProgress(screen, () => [attempt(started, 30_000_000), attempt(started + 2_500, 0)])
  vi.advanceTimersByTime(2_900)
  hide()
  vi.advanceTimersByTime(5_000)
  expect(pipe.written).toBe(
    [30, 15].map((speed) => `  [██████████░░░░░░░░░░]  50 %  30.0 of 60.0 MB  ${speed}.0 MB/s  nas  review.mov\n`).join(''),
  )
})
