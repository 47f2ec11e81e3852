import { describe, expect, test } from 'vitest'

import { isWithin, overlaps, Pauses, pauseText, resumeCommand, type Pause } from '../../../src/model/pauses.ts'
import type { WideScope } from '../../../src/model/selection.ts'
import type { Source, Transfer } from '../../../src/model/transfer.ts'
import { siteOf, transferOf } from '../../support/model-samples.ts'

const SINCE = new Date('2024-01-01T00:00:00.000Z')

const pauseOf = (scope: WideScope, more: Partial<Pause> = {}): Pause => ({ who: 'anna@ws', since: SINCE, ...scope, ...more })
const pauses = (...scopes: readonly WideScope[]): Pauses => new Pauses(scopes.map((scope) => pauseOf(scope)))
const sourceAt = (name: string): Source => ({ source: { root: `/${name}`, path: 'a' }, sourceSite: siteOf(name) })

/** Of project `prj` to `gdrive`, from `studio`, else from `nas`. */
const TWO_SOURCES: Transfer = transferOf({
  project: 'prj',
  site: 'gdrive',
  route: { ...sourceAt('studio'), target: { root: '/gdrive', path: 'a' }, targetSite: siteOf('gdrive'), otherSources: [sourceAt('nas')] },
})

const sourcesOf = ({ route }: Transfer): readonly string[] =>
  'error' in route ? [] : [route.sourceSite.name, ...(route.otherSources ?? []).map(({ sourceSite }) => sourceSite.name)]

describe('what a pause holds', () => {
  test.each<[string, readonly WideScope[], isHeld: boolean, isStopped: boolean, sources: readonly string[]]>([
    ['nothing is paused', [], false, false, ['studio', 'nas']],
    ['everything', [{}], true, true, ['studio', 'nas']],
    ['its project', [{ project: 'prj' }], true, true, ['studio', 'nas']],
    ['another project', [{ project: 'PRJ' }], false, false, ['studio', 'nas']],
    ['its target', [{ site: 'gdrive' }], true, true, ['studio', 'nas']],
    ['its target in its project', [{ project: 'prj', site: 'gdrive' }], true, true, ['studio', 'nas']],
    ['its target in another project', [{ project: 'other', site: 'gdrive' }], false, false, ['studio', 'nas']],
    ['its source, and another has it', [{ site: 'studio' }], false, true, ['nas']],
    ['the other source', [{ site: 'nas' }], false, false, ['studio']],
    ['both sources', [{ site: 'studio' }, { project: 'prj', site: 'nas' }], true, true, ['studio', 'nas']],
    ['a site that has no part in it', [{ site: 'client' }], false, false, ['studio', 'nas']],
  ])('%s', (_, scopes, isHeld, isStopped, sources) => {
    const held = pauses(...scopes)
    expect(held.heldBy(TWO_SOURCES) !== undefined).toBe(isHeld)
    expect(held.stopping(TWO_SOURCES) !== undefined).toBe(isStopped)
    expect(sourcesOf(held.withoutPaused(TWO_SOURCES))).toEqual(sources)
  })

  test('the widest is named', () => {
    const held = pauses({ project: 'prj', site: 'gdrive' }, { site: 'gdrive' }, {})
    expect(held.heldBy(TWO_SOURCES)).toEqual(pauseOf({}))
  })

  test('without a way there it is held by its target alone', () => {
    const lost = { ...TWO_SOURCES, route: { error: new Error('no root') } } as unknown as Transfer
    expect(pauses({ site: 'studio' }).heldBy(lost)).toBeUndefined()
    expect(pauses({ site: 'gdrive' }).heldBy(lost)).toBeDefined()
  })
})

test('scopes: what a resume of one ends, and what still holds of it', () => {
  const all: readonly WideScope[] = [{}, { site: 'a' }, { site: 'b' }, { project: 'p' }, { project: 'p', site: 'a' }]
  const within = (scope: WideScope): readonly WideScope[] => all.filter((each) => isWithin(each, scope))
  expect(within({})).toEqual(all)
  expect(within({ site: 'a' })).toEqual([{ site: 'a' }, { project: 'p', site: 'a' }])
  expect(within({ project: 'p' })).toEqual([{ project: 'p' }, { project: 'p', site: 'a' }])
  expect(within({ project: 'p', site: 'a' })).toEqual([{ project: 'p', site: 'a' }])
  expect(all.filter((each) => overlaps(each, { site: 'a' }))).toEqual([{}, { site: 'a' }, { project: 'p' }, { project: 'p', site: 'a' }])
})

test('a pause says what, until when, by whom and why, and how to end it', () => {
  const until = new Date('2024-01-02T03:04:05.678Z')
  expect(pauseText(pauseOf({}))).toBe('everything is paused by anna@ws')
  expect(pauseText(pauseOf({ project: 'p', site: 'a' }, { until, why: 'the line is needed' }))).toBe(
    'site "a" in project "p" is paused until 2024-01-02T03:04:05.678Z by anna@ws: the line is needed',
  )
  expect(resumeCommand(pauseOf({}))).toBe('site-sync resume --all')
  expect(resumeCommand(pauseOf({ project: 'p', site: 'it s' }))).toBe("site-sync resume '--project=p' '--site=it s'")
})
