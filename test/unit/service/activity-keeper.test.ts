import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Activity } from '../../../src/model/activity.ts'
import type { Outcome } from '../../../src/model/outcome.ts'
import type { Attempt } from '../../../src/pipeline/attempt.ts'
import { ActivityKeeper } from '../../../src/service/activity-keeper.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

interface Fake {
  id: string
  stage: Attempt['stage']
  resumedFrom: number
  progress: { bytes: number; size: number }
}

function rig() {
  const attempts: Fake[] = []
  const saved: Activity[] = []
  const is = { wanted: true }
  const keeper = new ActivityKeeper({
    attempts: () => attempts as unknown as readonly Attempt[],
    save: async (activity) => await Promise.resolve(void saved.push(activity)),
    isWanted: () => is.wanted,
  })
  const begin = (id: string, { resumedFrom = 0, size = 1_000 } = {}): Fake => {
    const transfer = { project: 'show', representationId: 'r', path: `${id}.exr`, site: 'nas', route: { sourceSite: { name: 'studio' } } }
    const attempt = {
      id,
      stage: 'running' as const,
      resumedFrom,
      progress: { bytes: resumedFrom, size },
      startedAt: performance.now(),
      transfer,
    }
    attempts.push(attempt)
    return attempt
  }
  const end = (attempt: Fake, outcome: Outcome): void => {
    attempts.splice(attempts.indexOf(attempt), 1)
    keeper.settled({ attempt: attempt as unknown as Attempt, outcome })
  }
  const total = (): number => (keeper.read().sites[0]?.bytes ?? []).reduce((sum, each) => sum + each, 0)
  return { keeper, begin, end, total, saved, is }
}

const synced = (bytes: number, sent = bytes): Outcome => ({ kind: 'synced', id: 'x', bytes, sent })

test('bytes count as they come, once each, however often they are looked at', async () => {
  const { keeper, begin, end, total } = rig()
  const attempt = begin('a')
  for (const bytes of [100, 100, 400]) {
    attempt.progress = { bytes, size: 1_000 }
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect(total()).toBe(400)
  attempt.progress = { bytes: 1_000, size: 1_000 }
  attempt.stage = 'verified'
  await vi.advanceTimersByTimeAsync(1_000)
  end(attempt, synced(1_000))
  expect(total()).toBe(1_000)
  expect(keeper.read().ended).toEqual([expect.objectContaining({ id: 'a', outcome: 'synced', bytes: 1_000, source: 'studio', ms: 4_000 })])
  await keeper.stop()
})

test('what an earlier attempt had sent, and what was there already, is not counted again', async () => {
  const { keeper, begin, end, total } = rig()
  end(begin('resumed', { resumedFrom: 900 }), synced(1_000))
  end(begin('there'), synced(1_000, 0))
  expect(total()).toBe(100)
  expect(keeper.read().ended.map(({ id, bytes }) => [id, bytes])).toEqual([
    ['there', 0],
    ['resumed', 100],
  ])
  await keeper.stop()
})

test('a failure says why, without secrets; what was given back is no end', async () => {
  const { keeper, begin, end } = rig()
  end(begin('a'), { kind: 'failed', error: new SyncError('SOURCE_MISSING', `password=hunter2 ${'x'.repeat(1_000)}`) })
  end(begin('b'), { kind: 'released', reason: 'paused' })
  const [failed, ...more] = keeper.read().ended
  expect([failed?.outcome, failed?.error?.length, more.length]).toEqual(['failed', 300, 0])
  expect(failed?.error).not.toContain('hunter2')
  await keeper.stop()
})

test('it is written every ten seconds in which something happened, where somebody has a page, and at the end', async () => {
  const { keeper, begin, end, saved, is } = rig()
  is.wanted = false
  end(begin('a'), synced(1_000))
  await vi.advanceTimersByTimeAsync(30_000)
  expect(saved).toHaveLength(0)
  is.wanted = true
  await vi.advanceTimersByTimeAsync(60_000)
  expect(saved).toHaveLength(1)
  for (let n = 0; n < 300; n++) {
    end(begin(String(n)), synced(1_000))
    await vi.advanceTimersByTimeAsync(100)
  }
  expect(saved.length).toBeLessThanOrEqual(4)
  await vi.advanceTimersByTimeAsync(60_000)
  const rested = saved.length
  end(begin('last'), synced(1_000))
  await keeper.stop()
  expect([saved.length, saved.at(-1)?.ended[0]?.id]).toEqual([rested + 1, 'last'])
})
