import { unwatchFile, watchFile } from 'node:fs'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

import { loadSettings, type LoadedSettings } from '../config/load-settings.ts'
import type { Log } from '../model/log.ts'
import type { SyncService } from '../service.ts'

/** Editors write in steps, and a share may tell late: files are asked for their times, not watched. Milliseconds. */
const LOOK_EVERY_MS = 2_000

/** Takes a changed configuration on SIGHUP, or when its files change. A wrong one is told, and the former goes on. */
export function reloadOnChange(config: string, first: LoadedSettings, service: Pick<SyncService, 'reload'>, log: Log): () => void {
  let loaded = first
  let watched: readonly string[] = []
  let reading: Promise<void> = Promise.resolve()

  const watch = (): void => {
    for (const file of watched) unwatchFile(file, changed)
    // A folder changes when a file comes or goes.
    watched = [...new Set([...loaded.files, ...loaded.files.map((file) => dirname(file))])]
    for (const file of watched) watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, changed)
  }
  const reload = async (isAsked: boolean): Promise<void> => {
    try {
      const now = await loadSettings(config, process.env)
      const isSame = isDeepStrictEqual(now.settings, loaded.settings)
      if (isSame && !isAsked) return
      if (!isDeepStrictEqual(now.settings.mongo, loaded.settings.mongo)) {
        log.event('config.warning', { message: '"mongo" changed: where the database is takes effect with the next start' })
      }
      for (const message of now.warnings) log.event('config.warning', { message })
      log.event('config.reloaded')
      loaded = now
      service.reload(now.settings)
    } catch (error) {
      log.event('config.rejected', {
        error,
        message: `the former configuration goes on: ${error instanceof Error ? error.message : String(error)}`,
      })
    } finally {
      watch()
    }
  }
  const changed = (): void => void (reading = reading.then(async () => reload(false)))
  const onSignal = (): void => void (reading = reading.then(async () => reload(true)))

  watch()
  process.on('SIGHUP', onSignal)
  return () => {
    process.off('SIGHUP', onSignal)
    for (const file of watched) unwatchFile(file, changed)
  }
}
