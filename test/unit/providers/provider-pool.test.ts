import { expect, test } from 'vitest'

import type { Provider } from '../../../src/providers/provider.ts'
import { ProviderPool } from '../../../src/providers/provider-pool.ts'
import type { ProviderContext } from '../../../src/providers/registry.ts'
import { MemoryProvider } from '../../support/memory-provider.ts'
import { siteOf } from '../../support/model-samples.ts'

class Closable extends MemoryProvider {
  closed = 0

  override async [Symbol.asyncDispose](): Promise<void> {
    this.closed++
    await super[Symbol.asyncDispose]()
  }
}

function makePool() {
  const opened: { readonly provider: Closable; readonly context: ProviderContext }[] = []
  const seen = new Set<string>()
  const pool = new ProviderPool({
    memory: {
      wasSeen: async (key) => Promise.resolve(seen.has(key)),
      markSeen: async (key) => {
        await Promise.resolve()
        seen.add(key)
      },
      reserveFolderId: async (_key, id) => Promise.resolve(id),

      loadRoot: async () => Promise.resolve(undefined),
      saveRoot: async () => {},
    },
    isSource: () => false,
    warn: () => undefined,
    open: async (site, context): Promise<Provider> => {
      const provider = new Closable(site)
      opened.push({ provider, context })
      return Promise.resolve(provider)
    },
  })
  return { pool, opened }
}

test('a site is opened once for everyone', async () => {
  const { pool, opened } = makePool()
  const all = await Promise.all([pool.get(siteOf('a')), pool.get(siteOf('a')), pool.get(siteOf('b'))])
  expect(all[0]).toBe(all[1])
  expect(opened).toHaveLength(2)
  await pool[Symbol.asyncDispose]()
  expect(opened.map(({ provider }) => provider.closed)).toEqual([1, 1])
})

test('after the first arrivals the root is no longer new; what is under way is not disturbed', async () => {
  const { pool, opened } = makePool()
  const site = siteOf('a')
  await pool.get(site)
  // Several transfers of one new site end at the same time.
  await Promise.all([pool.arrived(site), pool.arrived(site), pool.arrived(site)])
  const second = await pool.get(site)
  await pool.arrived(site)
  expect(await pool.get(site)).toBe(second)
  expect(opened.map(({ context }) => context.mayCreateRoot)).toEqual([true, false])
  expect(opened.map(({ provider }) => provider.closed)).toEqual([0, 0])
  await pool[Symbol.asyncDispose]()
  expect(opened.map(({ provider }) => provider.closed)).toEqual([1, 1])
})
