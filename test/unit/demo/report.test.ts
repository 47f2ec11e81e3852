import { expect, test } from 'vitest'

import { disappointments, figureLines, figures, outcomeTable } from '../../../replica-set-dev/demo/report.ts'
import type { SurveyedFile, SurveyedSite } from '../../../replica-set-dev/demo/survey.ts'

const synced = (startMs: number, createdMs: number, path = '{root}/a.ma'): SurveyedFile => ({
  path,
  state: 'synced',
  tries: 0,
  error: undefined,
  startMs,
  createdMs,
})
const lost: SurveyedFile = {
  path: '{root}/lost.ma',
  state: 'exhausted',
  tries: 2,
  error: '/mnt/lost.ma is not there',
  startMs: 9,
  createdMs: undefined,
}
const unseen: SurveyedFile = { path: '{root}/b.ma', state: 'synced', tries: 0, error: undefined, startMs: undefined, createdMs: undefined }
const row = (label: string, site: string, ...files: SurveyedFile[]): SurveyedSite => ({ representationId: label, label, site, files })

test('a row a representation and site: states, the slowest times, why something failed', () => {
  const sites = [
    row('old ma', 'nas', synced(1_500, 1_600)),
    row('seq exr', 'nas', synced(12, 40), synced(30, 35.4)),
    row('seq exr', 'backup', synced(12, 40), lost),
    row('gone ma', 'nas', lost),
    row('cloud ma', 'nas', { ...unseen, state: 'misconfigured', error: 'no key\n' }),
    row('other ma', 'nas', unseen),
  ]
  expect(outcomeTable(sites, (id) => id !== 'old ma', 2).split('\n')).toEqual([
    'representation  site    state               publish → upload start  publish → created_dt  why',
    expect.stringMatching(/^─+ {2}─/),
    'old ma          nas     synced              1.5 s*                  1.6 s*',
    'seq exr         nas     2 synced            30 ms                   40 ms',
    'seq exr         backup  1 synced, 1 failed  12 ms                   40 ms                 2 of 2 tries: /mnt/lost.ma is not there',
    'gone ma         nas     failed              9 ms                    –                     2 of 2 tries: /mnt/lost.ma is not there',
    String.raw`cloud ma        nas     left out            –                       –                     no key\n`,
    'other ma        nas     synced              –                       –',
  ])
})

test('figures are of what was synced and seen from the publish to the end', () => {
  const all = figures([synced(10, 20), synced(30, 40), synced(5, 99.6), lost, unseen])
  expect(all).toEqual({ count: 3, start: { p50: 10, p95: 30 }, created: { p50: 40, p95: 99.6 } })
  expect(figureLines(all).slice(0, 2)).toEqual([
    'publish → upload start  p50 10 ms   p95 30 ms',
    'publish → created_dt    p50 40 ms   p95 100 ms',
  ])
  expect(figureLines(all)[2]).toContain('3 transfers')
  expect(figureLines(figures([lost, unseen]))).toEqual(['publish → created_dt: nothing was timed'])
})

const expected = { missing: ['{root}/lost.ma'], reason: () => '/mnt/lost.ma' }
const timed = figures([synced(1, 2)])

test('all as it should be: everything is synced but the missing file, which failed for that reason', () => {
  expect(disappointments([row('a ma', 'nas', synced(1, 2)), row('lost ma', 'nas', lost)], timed, expected)).toEqual([])
})

test.each<[string, SurveyedSite[], RegExp]>([
  ['nothing', [], /nothing was published/],
  ['a file that is not synced', [row('a ma', 'nas', { ...lost, path: '{root}/a.ma' })], /^\{root\}\/a\.ma not synced \(failed\) on nas: /],
  [
    'the missing file is there',
    [row('lost ma', 'nas', synced(1, 2, lost.path))],
    /^\{root\}\/lost\.ma should have failed, and is synced on nas$/,
  ],
  ['another reason', [row('lost ma', 'nas', { ...lost, error: 'disk full' })], /failed for another reason than expected on nas: disk full/],
  [
    'many for one cause',
    [row('a ma', 'nas', ...['x', 'y', 'z'].map((path): SurveyedFile => ({ ...unseen, path, state: 'pending', error: 'away' })), lost)],
    /^x and 2 more not synced \(pending\) on nas: away$/,
  ],
  ['nobody tried it', [row('a ma', 'nas', synced(1, 2))], /lost\.ma was to fail, and nobody tried it/],
])('not as it should be: %s', (_, sites, sentence) => {
  expect(disappointments(sites, timed, expected).join('\n')).toMatch(sentence)
})

test('not as it should be: nothing was timed', () => {
  expect(disappointments([row('lost ma', 'nas', lost)], figures([]), expected)).toEqual(['no transfer could be timed'])
})
