import { expect, test } from 'vitest'

import { peersOf } from '../../../src/service/peers-of.ts'
import type { HeardReport, ReportedSite } from '../../../src/streams/state-database.ts'

const site = (name: string, state: ReportedSite['state']): ReportedSite => ({
  site: name,
  provider: 'memory',
  state,
  running: 0,
  queued: 0,
})
const report = (more: Partial<HeardReport> = {}): HeardReport => ({
  _id: 'a/1/x',
  database: 'avalon',
  host: 'a',
  pid: 1,
  started: new Date(0),
  stream: 'open',
  sites: [site('studio', 'ok'), site('gdrive', 'ok')],
  projects: { include: ['*'], exclude: [] },
  heard: new Date(0),
  heardAgoMs: 0,
  ...more,
})

test('a site in trouble, tried again or misconfigured is not one that an instance can use', () => {
  const states = ['ok', 'cooling', 'trying', 'misconfigured'] as const
  const [peer] = peersOf([report({ sites: states.map((state) => site(state, state)) })])
  expect([...(peer?.sites ?? [])]).toEqual(['ok'])
})

test('a project is served as the instance says', () => {
  const [peer] = peersOf([report({ projects: { include: ['show*'], exclude: ['show_old'] } })])
  expect(['show_a', 'show_old', 'film'].map((project) => peer?.serves(project))).toEqual([true, false, false])
})

test('an instance of an earlier version, which does not say, shares nothing', () => {
  const { projects: _unsaid, ...earlier } = report({ _id: 'b/1/x' })
  expect(peersOf([report(), earlier]).map(({ id }) => id)).toEqual(['a/1/x'])
})
