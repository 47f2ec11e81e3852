import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { Standing } from '../../../src/metrics/metrics.ts'
import { standings } from '../../../src/metrics/standing.ts'
import type { Inspection } from '../../../src/service/inspection.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = async (): Promise<never> => await new Promise(() => undefined)
const silent = {
  settings: { mongo: { database: 'avalon' } },
  state: { reports: never },
  controls: { pauses: never },
  db: { client: { db: () => ({ collection: never }) } },
}

test.each<[string, () => Promise<Inspection>]>([
  ['when it is looked for', never],
  ['when it is asked', async () => await Promise.resolve(silent as unknown as Inspection)],
])('who reads metrics has an answer within six seconds, though MongoDB gives none %s', async (_when, inspection) => {
  const answered = vi.fn<(standing: Standing) => void>()
  const standing = standings({
    inspection,
    fault: async () => await Promise.resolve('no answer'),
    state: () => ({ isReady: true, isOff: false, stream: 'open', heartbeatMs: 20_000 }),
    signal: new AbortController().signal,
  })
  void standing().then(answered)
  await vi.advanceTimersByTimeAsync(6_000)
  expect(answered.mock.calls).toEqual([[{ isStreamUp: true, heartbeatSeconds: 20, isDatabaseUp: false }]])
})
