import { parseArgs } from 'node:util'

import { stopOnSignals } from '../../src/commands/run-service.ts'
import { loadSettings } from '../../src/config/load-settings.ts'
import { createLogger } from '../../src/logging.ts'
import { openProvider } from '../../src/providers/registry.ts'
import { SyncService } from '../../src/service/service.ts'
import type { InstancePlan } from './crash-point.ts'
import { CrashingProvider } from './crashing-provider.ts'

// The service as a process, as `run` starts it, but for its providers: they die, wait or dawdle by plan.
const { values } = parseArgs({ options: { config: { type: 'string' }, plan: { type: 'string', default: '{}' } } })
const plan = JSON.parse(values.plan) as InstancePlan
const { settings } = await loadSettings(values.config ?? '', process.env)
const log = createLogger({ level: 'debug', format: 'json' })
const service = new SyncService({
  settings,
  log,
  mode: 'run',
  openProvider: async (site, context) => {
    const provider = await openProvider(site, context)
    return site.name === settings.publishSite && plan.wrapsOwn !== true ? provider : new CrashingProvider(provider, plan)
  },
})
// Nobody survives the test that started it.
process.once('disconnect', () => process.exit())
const release = stopOnSignals(service)
await service.run()
release()
await log.close()
process.disconnect?.()
