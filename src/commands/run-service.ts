import { loadSettings } from '../config/load-settings.ts'
import { createLogger } from '../logging.ts'
import { SyncService, type ServiceOptions, type ServiceResult } from '../service.ts'
import type { LogOptions } from './command-line.ts'

/** Runs the service with the signals and the log of a process. */
export async function runService({ config, logLevel, logFormat }: LogOptions, mode: ServiceOptions['mode']): Promise<ServiceResult> {
  const { settings, warnings } = await loadSettings(config, process.env)
  const log = createLogger({ level: logLevel, format: logFormat })
  for (const message of warnings) log.event('config.warning', { message })
  const service = new SyncService({ settings, log, mode })
  const release = stopOnSignals(service)
  try {
    return await service.run()
  } finally {
    release()
    await log.close()
  }
}

/** The first signal ends the service in good order, the second at once. */
export function stopOnSignals(service: Pick<SyncService, 'stop' | 'force'>): () => void {
  let signals = 0
  const onSignal = (): void => {
    if (++signals === 1) service.stop()
    else service.force('shutdown: told twice')
  }
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  return () => process.off('SIGTERM', onSignal).off('SIGINT', onSignal)
}
