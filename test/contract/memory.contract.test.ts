import { MemoryProvider, MemoryStore } from '../support/memory-provider.ts'
import { providerContract } from './provider-suite.ts'

providerContract('the memory provider', async () => {
  const store = new MemoryStore()
  const provider = new MemoryProvider({ name: 'memory', provider: 'memory', root: '/memory', alternativeSites: [] }, { store })
  return await Promise.resolve({
    provider,
    root: '/memory',
    readBack: async (path: string) => await Promise.resolve(store.get(`/memory/${path}`)),
    everything: async () => await Promise.resolve(store.paths().map((path) => path.slice('/memory/'.length))),
    dispose: async () => await provider[Symbol.asyncDispose](),
  })
})
