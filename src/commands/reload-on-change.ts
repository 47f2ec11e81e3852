import { unwatchFile, watchFile, type Stats, type StatsListener } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

import { messageOf } from '../errors.ts'
import { isLayoutFile } from '../config/layout.ts'
import { loadSettings, type LoadedSettings } from '../config/load-settings.ts'
import type { Log } from '../model/log.ts'
import type { Settings } from '../model/settings.ts'
import type { SyncService } from '../service/service.ts'
import { allSites } from '../service/site-check.ts'

/** Editors write in steps, and a share may tell late: files are asked for their times, not watched. Milliseconds. */
const LOOK_EVERY_MS = 2_000

/** Takes a changed configuration on SIGHUP, or when its files or those of credentials change. A wrong one is told, and the former goes on. */
export function reloadOnChange(
  config: string,
  first: LoadedSettings,
  service: Pick<SyncService, 'reload'> & Partial<Pick<SyncService, 'rejected'>>,
  log: Log,
): () => void {
  let loaded = first
  const watched = new Map<string, StatsListener>()
  /** By file: what to do when it changes. */
  let wanted = new Map<string, () => void>()
  let reading: Promise<void> = Promise.resolve()

  /** `facts`: of what may be loaded of the folder, from before it was read. */
  const watch = (facts: ReadonlyMap<string, string>): void => {
    // A folder changes when a file comes or goes; one that came with a mistake, or half written, was not loaded, and is mended in place.
    const files = new Set([...loaded.files, ...facts.keys()])
    wanted = new Map([...files, ...loaded.files.map((file) => dirname(file))].map((file) => [file, changed]))
    // They are read by whoever uses the site: other credentials under the same configuration are another configuration.
    for (const file of credentialsFiles(loaded.settings)) wanted.set(file, asked)
    for (const file of watched.keys()) if (!wanted.has(file)) unwatch(file)
    for (const file of wanted.keys()) {
      // What is watched already stays so: nothing is missed in between.
      if (watched.has(file)) continue
      const listener: StatsListener = (now, before) => {
        // A file that is not there is told of at once, and is no change.
        if (factsIn(now) !== factsIn(before)) wanted.get(file)?.()
      }
      watched.set(file, listener)
      watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, listener)
      // It may have changed after it was read, and before it was looked at for the first time.
      const read = facts.get(file)
      if (read === undefined) continue
      setTimeout(() => void factsOf(file).then((now) => now !== read && wanted.get(file)?.()), LOOK_EVERY_MS).unref()
    }
  }
  const unwatch = (file: string): void => {
    unwatchFile(file, watched.get(file))
    watched.delete(file)
  }
  const reload = async (isAsked: boolean): Promise<void> => {
    const facts = await factsBelow(config)
    try {
      const now = await loadSettings(config, process.env)
      const isSame = isDeepStrictEqual(now.settings, loaded.settings)
      if (isSame && !isAsked) return
      if (!isDeepStrictEqual(now.settings.mongo, loaded.settings.mongo)) {
        log.event('config.warning', { message: '"mongo" changed: where the database is takes effect with the next start' })
      }
      // What has been told of files stays so until it changes.
      const loose = now.loose.filter((line) => !loaded.loose.includes(line))
      for (const message of [...now.warnings, ...loose]) log.event('config.warning', { message })
      log.event('config.reloaded')
      loaded = now
      service.reload(now.settings)
    } catch (error) {
      service.rejected?.(messageOf(error))
      log.event('config.rejected', {
        error,
        message: `the former configuration goes on: ${messageOf(error)}`,
      })
    } finally {
      watch(facts)
    }
  }
  const changed = (): void => void (reading = reading.then(async () => reload(false)))
  const asked = (): void => void (reading = reading.then(async () => reload(true)))

  watch(new Map())
  reading = factsBelow(config).then(watch)
  process.on('SIGHUP', asked)
  return () => {
    process.off('SIGHUP', asked)
    wanted = new Map()
    for (const file of watched.keys()) unwatch(file)
  }
}

/** What may be loaded of a folder; nothing where the configuration is a file. */
async function factsBelow(config: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(config).catch(() => [])).filter(isLayoutFile)
  const files = names.map((name) => join(resolve(config), name))
  return new Map(await Promise.all(files.map(async (file) => [file, await factsOf(file)] as const)))
}

async function factsOf(file: string): Promise<string> {
  return await stat(file).then(factsIn, () => '')
}

/** Another file, or other content, has others. */
function factsIn({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`
}

function credentialsFiles(settings: Settings): readonly string[] {
  return [...new Set(allSites(settings).flatMap(({ credentialsFile }) => credentialsFile ?? []))]
}
