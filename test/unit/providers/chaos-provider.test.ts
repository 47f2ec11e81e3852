import { expect, test } from 'vitest'

import { SyncError } from '../../../src/errors.ts'
import type { Fault } from '../../support/chaos-provider.ts'
import { ChaosProvider } from '../../support/chaos-provider.ts'
import { MemoryProvider } from '../../support/memory-provider.ts'
import { memorySource } from '../../support/memory-source.ts'
import { permitOf } from '../../support/permits.ts'

const path = { root: '/m', path: 'a.ma' }
const signal = new AbortController().signal

function setup(...plan: readonly Fault[]): { memory: MemoryProvider; chaos: ChaosProvider; write: (content: string) => Promise<unknown> } {
  const memory = new MemoryProvider({ name: 'm', provider: 'memory', root: '/m', alternativeSites: [] })
  const chaos = new ChaosProvider(memory, plan)
  const options = { signal, permit: permitOf(), onProgress: () => {} }
  return { memory, chaos, write: async (content) => await chaos.write(path, memorySource(content), options) }
}

test('the n-th call fails, for the path that is meant, until it is calm', async () => {
  const fault = new SyncError('QUOTA', 'full')
  const { chaos, write } = setup({ verb: 'write', nth: 2, with: fault }, { verb: 'stat', path: 'b.ma', with: fault })
  await write('one')
  await expect(write('two')).rejects.toBe(fault)
  await write('three')
  expect((await chaos.stat(path, { signal }))?.size).toBe(5)
  await expect(chaos.stat({ root: '/m', path: 'x/b.ma' }, { signal })).rejects.toBe(fault)
  chaos.calm()
  expect(await chaos.stat({ root: '/m', path: 'x/b.ma' }, { signal })).toBeUndefined()
})

test('bytes are corrupted, lost, or cut off, and the site does not know', async () => {
  const { memory, write, chaos } = setup({ verb: 'write', nth: 1, with: 'corrupt' }, { verb: 'write', nth: 2, with: 'truncate' })
  await write('0123')
  expect(String(memory.store.get('/m/a.ma'))).toBe('0122')
  await write('0123')
  expect(String(memory.store.get('/m/a.ma'))).toBe('012')
  chaos.add({ verb: 'write', with: new SyncError('INTERRUPTED', 'cut'), afterBytes: 2 })
  await expect(write('0123456789')).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(String(memory.store.get('/m/a.ma'))).toBe('012')
})

test('what hangs goes on when it is released, or ends with the abortion', async () => {
  const { chaos } = setup({ verb: 'stat', with: 'hang' })
  const released = chaos.stat(path, { signal })
  await expect.poll(() => chaos.hanging).toBe(1)
  chaos.release()
  expect(await released).toBeUndefined()
  const controller = new AbortController()
  const aborted = chaos.stat(path, { signal: controller.signal })
  controller.abort()
  await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' })
  expect(chaos.hanging).toBe(0)
})
