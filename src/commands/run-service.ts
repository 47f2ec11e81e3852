import { loadSettings } from '../config/load-settings.ts'
import { createLogger } from '../logging.ts'
import { SyncService, type ServiceOptions, type ServiceResult } from '../service/service.ts'
import type { ShadowService } from '../service/shadow/shadow-service.ts'
import type { LogOptions } from './command-line.ts'
import { reloadOnChange } from './reload-on-change.ts'

/** Runs the service with the signals and the log of a process. */
export async function runService(
  { config, logLevel, logFormat }: LogOptions,
  mode: ServiceOptions['mode'] | 'shadow',
): Promise<Pick<ServiceResult, 'failed' | 'troubled' | 'refused'>> {
  const loaded = await loadSettings(config, process.env)
  const { settings, warnings, loose } = loaded
  const log = createLogger({ level: logLevel, format: logFormat })
  for (const message of [...warnings, ...loose]) log.event('config.warning', { message })
  const service = mode === 'shadow' ? await shadow(settings, log) : new SyncService({ settings, log, mode })
  const release = stopOnSignals(service)
  const unwatch = mode !== 'once' ? reloadOnChange(config, loaded, service, log) : undefined
  try {
    return await service.run()
  } finally {
    release()
    unwatch?.()
    await log.close()
  }
}

/** Loaded where it is asked for: the service does without. */
async function shadow(...parts: ConstructorParameters<typeof ShadowService>): Promise<ShadowService> {
  const { ShadowService: Loaded } = await import('../service/shadow/shadow-service.ts')
  return new Loaded(...parts)
}

/** A terminal's Ctrl-C reaches this process twice when npm runs it: from the terminal, and from npm. */
const SAME_SIGNAL_MS = 500

/** The first signal ends the service in good order, the second at once. */
export function stopOnSignals(service: Pick<SyncService, 'stop' | 'force'>, now: () => number = () => performance.now()): () => void {
  let first: number | undefined
  const onSignal = (): void => {
    if (first === undefined) {
      first = now()
      service.stop()
    } else if (now() - first > SAME_SIGNAL_MS) service.force('shutdown: told twice')
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  return () => process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
}
