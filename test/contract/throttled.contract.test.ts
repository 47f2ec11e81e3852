import { systemClock } from '../../src/pipeline/clock.ts'
import { Line } from '../../src/pipeline/line.ts'
import { ThrottledProvider } from '../../src/pipeline/throttled-provider.ts'
import { MemoryProvider, MemoryStore } from '../support/memory-provider.ts'
import { providerContract } from './provider-suite.ts'

providerContract('a provider that is held to the bandwidth of its site', async () => {
  const store = new MemoryStore()
  const inner = new MemoryProvider({ name: 'memory', provider: 'memory', root: '/memory', alternativeSites: [] }, { store })
  const provider = new ThrottledProvider(inner, new Line({ clock: systemClock, bandwidth: 1e9, sharers: () => 1 }))
  return await Promise.resolve({
    provider,
    root: '/memory',
    readBack: async (path: string) => await Promise.resolve(store.get(`/memory/${path}`)),
    everything: async () => await Promise.resolve(store.paths().map((path) => path.slice('/memory/'.length))),
    dispose: async () => await provider[Symbol.asyncDispose](),
  })
})
