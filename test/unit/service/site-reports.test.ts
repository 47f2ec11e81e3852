import { expect, test } from 'vitest'

import { withEarlier } from '../../../src/service/site-reports.ts'
import type { ReportedSite } from '../../../src/streams/state-database.ts'

const site = (name: string, running: number, queued = 0): ReportedSite => ({
  site: name,
  provider: 'local_drive',
  state: 'ok',
  running,
  queued,
})

test('what earlier configurations have under way is added, also where the site is gone since', () => {
  const now = [site('a', 1, 5), site('b', 0)]
  const earlier = [site('a', 2, 1), site('gone', 1), site('idle', 0)]
  expect(withEarlier(now, earlier)).toEqual([site('a', 3, 6), site('b', 0), site('gone', 1)])
})
