// The service as a process, as `run` starts it, which also notes when things happen, and tells on request.
import { parseArgs } from 'node:util'

import { stopOnSignals } from '../../src/commands/run-service.ts'
import { loadSettings } from '../../src/config/load-settings.ts'
import { createLogger } from '../../src/logging.ts'
import type { Log, LogAction } from '../../src/model/log.ts'
import { openProvider } from '../../src/providers/registry.ts'
import { useManyThreads } from '../../src/thread-pool.ts'
import { SyncService } from '../../src/service/service.ts'
import { BacklogSite } from '../../test/support/backlog-sites.ts'
import { now } from './clock.ts'
import type { Noted } from './bench-service.ts'
import { serve } from './served.ts'

useManyThreads()
const { values } = parseArgs({ options: { config: { type: 'string', default: '' }, memory: { type: 'boolean', default: false } } })
const { settings } = await loadSettings(values.config, process.env)
const logger = createLogger({ level: 'info', format: 'json' })

let noted: Noted[] = []
let ended = 0
const ready = Promise.withResolvers<void>()
const waiting = new Map<number, () => void>()

const ENDS: ReadonlySet<LogAction> = new Set(['transfer.succeeded', 'transfer.failed', 'transfer.dropped', 'transfer.released'])

const log: Log = {
  event(action, fields) {
    if (action === 'transfer.started' || ENDS.has(action)) noted.push([action, (fields?.path ?? '').replace('{root[work]}/', ''), now()])
    logger.event(action, fields)
    if (action === 'service.ready') ready.resolve()
    if (ENDS.has(action)) waiting.get(++ended)?.()
  },
}

const service = new SyncService({
  settings,
  log,
  mode: 'run',
  openProvider: async (site, context) => {
    if (values.memory) return new BacklogSite(site, site.name === settings.publishSite ? 'source' : 'fast')
    const provider = await openProvider(site, context)
    const write = provider.write.bind(provider)
    provider.write = async (path, ...rest) => {
      noted.push(['upload', path.path, now()])
      return await write(path, ...rest)
    }
    return provider
  },
})

serve({
  ready: async () => ready.promise,
  /** Resolves when so many transfers have ended, counted from the start, with when the last one did. */
  ended: async (count: number) => {
    if (ended < count) await new Promise<void>((resolve) => waiting.set(count, resolve))
    return noted.at(-1)?.[2]
  },
  /** Everything since it was asked last. */
  noted: () => {
    const told = noted
    noted = []
    return told
  },
})
const release = stopOnSignals(service)
await service.run()
release()
await logger.close()
process.disconnect()
