import { expect, test } from 'vitest'

import { Liveness } from '../../../src/http/liveness.ts'

function rig() {
  let now = 0
  let silentSince: number | undefined = 0
  let fault: string | undefined
  let asked = 0
  const liveness = new Liveness({
    silentMs: () => (silentSince === undefined ? undefined : now - silentSince),
    fault: async () => {
      asked++
      return await Promise.resolve(fault)
    },
    now: () => now,
  })
  /** Asked every ten seconds, as an orchestrator does. */
  const watch = async (seconds: number): Promise<readonly (string | undefined)[]> => {
    const said: (string | undefined)[] = []
    for (let passed = 0; passed < seconds; passed += 10) {
      now += 10_000
      said.push(liveness.check())
      await new Promise(setImmediate)
    }
    return said
  }
  const answers = (): void => void (silentSince = now)
  return { watch, answers, none: () => (silentSince = undefined), fail: (why?: string) => (fault = why), asked: () => asked }
}

const healthy = (said: readonly (string | undefined)[]): boolean => said.every((reason) => reason === undefined)

test('a heartbeat that comes through asks nobody anything', async () => {
  const { watch, answers, asked } = rig()
  for (let times = 0; times < 20; times++) {
    expect(healthy(await watch(20))).toBe(true)
    answers()
  }
  expect(asked()).toBe(0)
})

test('a heartbeat that does not come through although MongoDB answers, for a minute each, is a stuck process', async () => {
  const { watch } = rig()
  expect(healthy(await watch(110))).toBe(true)
  expect((await watch(30)).at(-1)).toMatch(/^no heartbeat has come through for 1\d\d s, although MongoDB answers$/)
})

test('as long as MongoDB is unavailable, and for a while after, the process is not to blame', async () => {
  const { watch, fail, answers } = rig()
  fail('it has no primary')
  expect(healthy(await watch(3_600))).toBe(true)
  fail()
  expect(healthy(await watch(50))).toBe(true)
  answers()
  expect(healthy(await watch(50))).toBe(true)
})

test('an outage in between starts the minute anew', async () => {
  const { watch, fail } = rig()
  await watch(100)
  fail('it does not answer')
  await watch(10)
  fail()
  expect(healthy(await watch(60))).toBe(true)
  expect(healthy(await watch(20))).toBe(false)
})

test('where no heartbeat is due there is nothing to miss', async () => {
  const { watch, none } = rig()
  none()
  expect(healthy(await watch(600))).toBe(true)
})
