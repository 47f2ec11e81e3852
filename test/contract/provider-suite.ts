import { afterEach, beforeEach, describe } from 'vitest'

import { filesContract } from './provider-suite/files.ts'
import { foldersContract } from './provider-suite/folders.ts'
import type { Subject } from './provider-suite/harness.ts'
import { Harness } from './provider-suite/harness.ts'
import { healthContract } from './provider-suite/health.ts'
import { interruptedWritesContract } from './provider-suite/interrupted-writes.ts'
import { namesContract } from './provider-suite/names.ts'
import { permitsContract } from './provider-suite/permits.ts'
import { sessionsContract } from './provider-suite/sessions.ts'

export type { Subject } from './provider-suite/harness.ts'

/** Every promise of `Provider`, as tests. `setup` is called once a test. */
export function providerContract(name: string, setup: () => Promise<Subject>): void {
  describe(`${name} keeps the contract of a provider`, () => {
    const harness = new Harness()
    beforeEach(async () => await harness.begin(setup))
    afterEach(async () => await harness.end())

    filesContract(harness)
    namesContract(harness)
    foldersContract(harness)
    interruptedWritesContract(harness)
    sessionsContract(harness)
    permitsContract(harness)
    healthContract(harness)
  })
}
