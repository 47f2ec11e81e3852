import { describe, expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import { SiteBreaker } from '../../../src/pipeline/site-breaker.ts'
import { FakeClock, settle, START } from '../../support/fake-clock.ts'

const trouble = new SyncError('UNREACHABLE', 'host down')
/**
 * A breaker whose probe fails with what stands in `probe.fails`, all that it says, and those who wait for it: each of `waiting` is given
 * a pass as soon as the breaker says that it may be open, and is.
 */
function breakerOf() {
  const clock = new FakeClock()
  const said: string[] = []
  const probe: { fails: SyncError | undefined; calls: number; hold: Promise<void> | undefined } = {
    fails: undefined,
    calls: 0,
    hold: undefined,
  }
  const waiting: Asked[] = []
  const breaker: SiteBreaker = new SiteBreaker(
    'gdrive',
    clock,
    async () => {
      probe.calls++
      await probe.hold
      if (probe.fails) throw probe.fails
    },
    {
      cooling: (site, error, ms) => said.push(`${site} cooling ${ms}: ${error.message}`),
      recovered: (site, forMs) => said.push(`${site} recovered after ${forMs}`),
      opened: () => letIn(),
    },
  )
  const letIn = (): void => {
    while (breaker.isOpen('write') && waiting.length > 0) (waiting.shift() as Asked).pass = breaker.enter('write')
  }
  /** Waits until it is let in. */
  const ask = (): Asked => {
    const asked: Asked = { pass: undefined }
    waiting.push(asked)
    letIn()
    return asked
  }
  /** Is let in at once. */
  const enter = (): object => {
    const { pass } = ask()
    expect(pass).toBeDefined()
    return pass as object
  }
  return { clock, said, probe, breaker, waiting, ask, enter }
}

interface Asked {
  pass: object | undefined
}

function inTrouble(error = trouble) {
  const all = breakerOf()
  all.breaker.report(all.enter(), { error })
  return all
}

describe('ok', () => {
  test('everybody goes at once', async () => {
    const { breaker, said, enter } = breakerOf()
    const passes = [enter(), enter(), enter()]
    for (const pass of passes) breaker.report(pass, { worked: true })
    breaker.report(enter(), undefined)
    expect(breaker.health).toEqual({ state: 'ok' })
    expect(said).toEqual([])
  })

  test('trouble: the site is left alone, and says since when, until when and why', async () => {
    const { breaker, said, probe } = inTrouble()
    expect(breaker.health).toEqual({ state: 'cooling', error: trouble, since: START, until: new Date(START.getTime() + 5_000) })
    expect(said).toEqual(['gdrive cooling 5000: host down'])
    expect(probe.calls).toBe(0)
  })
})

describe('cooling', () => {
  test('nobody goes, and nobody asks the site, until the time is over', async () => {
    const { clock, probe, ask } = inTrouble()
    const waiting = ask()
    await clock.advance(4_999)
    expect(waiting.pass).toBeUndefined()
    expect(probe.calls).toBe(0)
    await clock.advance(1)
    expect(probe.calls).toBe(1)
    expect(waiting.pass).toBeDefined()
  })

  test('what the site asked for is kept to exactly, however often', async () => {
    const { breaker, clock, said, probe } = inTrouble(new SyncError('RATE_LIMITED', 'slow down', { retryAfterMs: 30_000 }))
    await clock.advance(29_999)
    expect(probe.calls).toBe(0)
    probe.fails = new SyncError('QUOTA', 'tomorrow', { retryAfterMs: 7_000 })
    await clock.advance(1)
    expect(said).toEqual(['gdrive cooling 30000: slow down', 'gdrive cooling 7000: tomorrow'])
    expect(breaker.health).toMatchObject({ state: 'cooling', until: new Date(START.getTime() + 37_000) })
  })

  test('a site that asks for weeks is asked again after an hour, once', async () => {
    const weeks = new SyncError('UNREACHABLE', 'back in a month', { retryAfterMs: 2 ** 31 + 5 })
    const { clock, said, probe } = inTrouble(weeks)
    probe.fails = weeks
    await clock.advance(3_599_999)
    expect(probe.calls).toBe(0)
    await clock.advance(1)
    expect(probe.calls).toBe(1)
    expect(said).toEqual(Array.from({ length: 2 }, () => 'gdrive cooling 3600000: back in a month'))
  })

  test('those who were under way when it began bring no news', async () => {
    const { breaker, said, clock, enter } = breakerOf()
    const passes = [enter(), enter(), enter()]
    breaker.report(passes[0] as object, { error: trouble })
    breaker.report(passes[1] as object, { error: new SyncError('QUOTA', 'too much') })
    breaker.report(passes[2] as object, { worked: true })
    expect(breaker.health).toMatchObject({ state: 'cooling', error: trouble })
    expect(said).toHaveLength(1)
    expect(clock.alarms).toBe(1)
  })

  test('a probe that fails leaves the site alone for longer, and touches no file', async () => {
    const { breaker, clock, probe, said, ask } = inTrouble()
    const waiting = ask()
    probe.fails = new SyncError('ROOT_MISSING', 'not mounted')
    await clock.advance(5_000 + 10_000 + 20_000)
    expect(said).toEqual([5_000, 10_000, 20_000, 40_000].map((ms, n) => `gdrive cooling ${ms}: ${n === 0 ? 'host down' : 'not mounted'}`))
    expect(probe.calls).toBe(3)
    expect(waiting.pass).toBeUndefined()
    expect(breaker.health).toMatchObject({ state: 'cooling', since: START })
  })

  test('a probe that was told to stop says nothing about the site: the former reason stands', async () => {
    const { breaker, clock, probe } = inTrouble()
    probe.fails = new SyncError('ABORTED', 'stopped')
    await clock.advance(5_000)
    expect(breaker.health).toMatchObject({ state: 'cooling', error: trouble })
  })
})

describe('time over', () => {
  test('nobody waits: a probe that goes well is enough', async () => {
    const { breaker, clock, said } = inTrouble()
    await clock.advance(5_000)
    expect(breaker.health).toEqual({ state: 'ok' })
    expect(said.at(-1)).toBe('gdrive recovered after 5000')
  })

  test('one transfer at a time finds out', async () => {
    const { breaker, clock, ask } = inTrouble()
    const waiting = [ask(), ask(), ask()]
    await clock.advance(5_000)
    expect(breaker.health).toMatchObject({ state: 'trying', error: trouble, since: START })
    const late = ask()
    await settle()
    expect([...waiting, late].filter(({ pass }) => pass)).toHaveLength(1)
  })

  test('it went well: all go', async () => {
    const { breaker, clock, said, ask } = inTrouble()
    const waiting = [ask(), ask(), ask()]
    await clock.advance(5_000)
    await clock.advance(700)
    breaker.report(waiting.find(({ pass }) => pass)?.pass as object, { worked: true })
    await settle()
    expect(breaker.health).toEqual({ state: 'ok' })
    expect(waiting.every(({ pass }) => pass)).toBe(true)
    expect(said.at(-1)).toBe('gdrive recovered after 5700')
  })

  test('trouble again: all go on waiting, for longer', async () => {
    const { breaker, clock, said, probe, ask } = inTrouble()
    const waiting = [ask(), ask()]
    await clock.advance(5_000)
    breaker.report(waiting.find(({ pass }) => pass)?.pass as object, { error: new SyncError('QUOTA', 'too much') })
    await settle()
    expect(said.at(-1)).toBe('gdrive cooling 120000: too much')
    expect(waiting.filter(({ pass }) => pass)).toHaveLength(1)
    await clock.advance(120_000)
    expect(probe.calls).toBe(2)
    expect(waiting.filter(({ pass }) => pass)).toHaveLength(2)
  })

  test('nothing was learnt: the next one tries', async () => {
    const { breaker, clock, ask } = inTrouble()
    const waiting = [ask(), ask()]
    await clock.advance(5_000)
    breaker.report(waiting.find(({ pass }) => pass)?.pass as object, undefined)
    await settle()
    expect(breaker.health.state).toBe('trying')
    expect(waiting.every(({ pass }) => pass)).toBe(true)
  })

  test('nothing was learnt and nobody else waits: the probe was enough', async () => {
    const { breaker, clock, said, ask } = inTrouble()
    const only = ask()
    await clock.advance(5_000)
    breaker.report(only.pass as object, undefined)
    expect(breaker.health).toEqual({ state: 'ok' })
    expect(said.at(-1)).toBe('gdrive recovered after 5000')
  })

  test('those of before bring no news now either', async () => {
    const { breaker, clock, ask, enter } = breakerOf()
    const [first, slow] = [enter(), enter()]
    breaker.report(first, { error: trouble })
    const waiting = [ask(), ask()]
    await clock.advance(5_000)
    breaker.report(slow, { worked: true })
    await settle()
    expect(breaker.health.state).toBe('trying')
    expect(waiting.filter(({ pass }) => pass)).toHaveLength(1)
  })

  test('nor do they once it is well again', async () => {
    const { breaker, clock, said, enter } = breakerOf()
    const [first, slow] = [enter(), enter()]
    breaker.report(first, { error: trouble })
    await clock.advance(5_000)
    expect(breaker.health.state).toBe('ok')
    breaker.report(slow, { error: trouble })
    expect(breaker.health.state).toBe('ok')
    expect(said).toHaveLength(2)
    breaker.report(enter(), { error: trouble })
    expect(breaker.health.state).toBe('cooling')
  })

  test('after a recovery the pauses are short again', async () => {
    const { breaker, clock, said, probe, enter } = inTrouble()
    probe.fails = trouble
    await clock.advance(15_000)
    probe.fails = undefined
    await clock.advance(20_000)
    expect(breaker.health.state).toBe('ok')
    breaker.report(enter(), { error: trouble })
    expect(said.at(-1)).toBe('gdrive cooling 5000: host down')
  })
})

describe('closed', () => {
  test('the clock stops', async () => {
    const { breaker, clock, probe } = inTrouble()
    breaker.close()
    expect(clock.alarms).toBe(0)
    await clock.advance(60_000)
    expect(probe.calls).toBe(0)
  })

  test('trouble of those still under way starts no clock', async () => {
    const { breaker, clock, said, enter } = breakerOf()
    const pass = enter()
    breaker.close()
    breaker.report(pass, { error: trouble })
    expect(clock.alarms).toBe(0)
    expect(said).toEqual([])
  })

  test.each([undefined, trouble])('a probe that ends after it changes nothing: %s', async (fails) => {
    const { breaker, clock, said, probe } = inTrouble()
    const { promise, resolve } = Promise.withResolvers<void>()
    probe.hold = promise
    probe.fails = fails
    await clock.advance(5_000)
    expect(probe.calls).toBe(1)
    breaker.close()
    resolve()
    await settle()
    expect(said).toHaveLength(1)
    expect(clock.alarms).toBe(0)
  })
})

describe('open', () => {
  test('is told each time that somebody may be let in: after a probe that went well, a trial that taught nothing, and a recovery', async () => {
    const { breaker, clock, waiting, enter } = inTrouble()
    const states: string[] = []
    const log = (what: string): void => void states.push(`${what} ${breaker.health.state} ${breaker.isOpen('write')}`)
    log('in trouble')
    waiting.push({ pass: undefined }, { pass: undefined })
    const [first, second] = waiting as [Asked, Asked]
    await clock.advance(5_000)
    log('first let in')
    breaker.report(first.pass as object, undefined)
    log('second let in')
    breaker.report(second.pass as object, { worked: true })
    log('well')
    expect(states).toEqual(['in trouble cooling false', 'first let in trying false', 'second let in trying false', 'well ok true'])
    expect(enter()).toBeDefined()
  })

  test('a pass of before does not end the trial of another', async () => {
    const { breaker, clock, enter, waiting } = breakerOf()
    const [first, slow] = [enter(), enter()]
    breaker.report(first, { error: trouble })
    waiting.push({ pass: undefined }, { pass: undefined })
    await clock.advance(5_000)
    breaker.report(slow, undefined)
    expect([breaker.health.state, breaker.isOpen('write'), waiting.length]).toEqual(['trying', false, 1])
  })

  test('what is probed is what failed last', async () => {
    const clock = new FakeClock()
    const probed: string[] = []
    const probe = async (operation: string): Promise<void> => {
      probed.push(operation)
      return Promise.reject(trouble)
    }
    const breaker = new SiteBreaker('gdrive', clock, probe, { cooling: () => {}, recovered: () => {}, opened: () => {} })
    breaker.report(breaker.enter('read'), { error: trouble, operation: 'read' })
    await clock.advance(5_000)
    expect(probed).toEqual(['read'])
    breaker.close()
  })

  test('it is not, once it is closed', async () => {
    const { breaker, clock } = breakerOf()
    breaker.close()
    expect(breaker.isOpen('write')).toBe(false)
    const other = inTrouble()
    await other.clock.advance(4_999)
    other.breaker.close()
    other.waiting.push({ pass: undefined })
    await other.clock.advance(10_000)
    expect([other.breaker.isOpen('write'), other.waiting.length, clock.alarms]).toEqual([false, 1, 0])
  })
})

describe('trouble of writing alone', () => {
  const full = new SyncError('DISK_FULL', 'no space left')

  test('reads go on, and are never what is tried', async () => {
    const { breaker, clock, ask } = inTrouble(full)
    expect([breaker.isOpen('write'), breaker.isOpen('read')]).toEqual([false, true])
    const early = breaker.enter('read')
    const upload = ask()
    await clock.advance(5_000)
    expect([breaker.health.state, upload.pass !== undefined, breaker.isOpen('write'), breaker.isOpen('read')]).toEqual([
      'trying',
      true,
      false,
      true,
    ])
    const late = breaker.enter('read')
    // A file that was read does not show that there is room again.
    for (const pass of [early, late]) breaker.report(pass, { worked: true })
    expect(breaker.health.state).toBe('trying')
    breaker.report(upload.pass as object, { worked: true })
    expect(breaker.health.state).toBe('ok')
    breaker.close()
    expect(breaker.isOpen('read')).toBe(false)
  })

  test('what was met while reading, and what may be of the whole site, stops both', () => {
    const { breaker } = breakerOf()
    breaker.report(breaker.enter('read'), { error: new SyncError('PERMISSION', 'not for you'), operation: 'read' })
    expect(breaker.isOpen('read')).toBe(false)
    expect(inTrouble().breaker.isOpen('read')).toBe(false)
  })
})
