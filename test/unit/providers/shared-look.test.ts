import { expect, test } from 'vitest'

import { SharedLook } from '../../../src/providers/local-drive/shared-look.ts'

/** Looks that end when they are told to. */
function rig() {
  const looks: PromiseWithResolvers<number>[] = []
  const shared = new SharedLook(async () => {
    const look = Promise.withResolvers<number>()
    looks.push(look)
    return await look.promise
  })
  return { looks, shared }
}

/** All that follows from what has happened is done. */
const turn = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve))

test('who asks while a look is under way shares the next one: its answer is younger than the question', async () => {
  const { looks, shared } = rig()
  const first = shared.ask()
  await turn()
  const others = [shared.ask(), shared.ask()]
  await turn()
  expect(looks).toHaveLength(1)
  looks[0]?.resolve(1)
  expect(await first).toBe(1)
  await turn()
  expect(looks).toHaveLength(2)
  const third = shared.ask()
  looks[1]?.resolve(2)
  expect(await Promise.all(others)).toEqual([2, 2])
  await turn()
  looks[2]?.resolve(3)
  expect(await third).toBe(3)
})

test('a look that fails is told to those who share it, and the next one is made', async () => {
  const { looks, shared } = rig()
  const first = shared.ask()
  await turn()
  const second = shared.ask()
  looks[0]?.reject(new Error('no disk'))
  await expect(first).rejects.toThrow('no disk')
  await turn()
  looks[1]?.resolve(2)
  expect(await second).toBe(2)
  const third = shared.ask()
  await turn()
  looks[2]?.resolve(3)
  expect(await third).toBe(3)
})
