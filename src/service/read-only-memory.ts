import type { ProviderMemory } from '../providers/provider-pool.ts'

/** For those who only look: nothing is kept, and no root is new. `loadRoot`: what is known of a root. */
export function readOnlyMemory(loadRoot: ProviderMemory['loadRoot'] = async () => await Promise.resolve(undefined)): ProviderMemory {
  return {
    wasSeen: async () => await Promise.resolve(true),
    markSeen: async () => await Promise.resolve(),
    reserveFolderId: async (_key, id) => await Promise.resolve(id),
    loadRoot,
    saveRoot: async () => await Promise.resolve(),
  }
}
