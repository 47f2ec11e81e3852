import { ProviderPool } from '../../src/providers/provider-pool.ts'
import { openProvider } from '../../src/providers/registry.ts'
import { readOnlyMemory } from '../../src/service/read-only-memory.ts'
import type { Stage } from './service-harness.ts'

/** Providers as a command opens them: nothing is kept, and what a Drive's folders held is remembered by this pool alone. */
export function lookingPool(stage: Stage): ProviderPool {
  return new ProviderPool({
    memory: readOnlyMemory(),
    isSource: () => true,
    warn: () => undefined,
    open: async (one, context) => (one.provider === 'memory' ? stage.spy(one.name).open(one) : await openProvider(one, context)),
  })
}
