import { ConfigError } from '../errors.ts'
import type { ProjectOverride, Settings } from '../model/settings.ts'
import type { Site, SkippedSite } from '../model/site.ts'
import { checkSites } from './check-sites.ts'
import { readLayout, type RawConfig } from './layout.ts'
import { alwaysAccessibleOn, loadGeneral } from './load-general.ts'
import { loadDocumentRoots } from './load-document-roots.ts'
import { isMongoNamed, loadMongo } from './load-mongo.ts'
import { loadOverrides, overriddenPublishSites } from './load-overrides.ts'
import { loadSite, type SiteRole } from './load-site.ts'
import { Mistakes } from './mistakes.ts'
import type { PathContext } from './paths.ts'

export interface LoadedSettings {
  readonly settings: Settings
  /** The file or the environment names the database's address; otherwise it is the default one. */
  readonly isMongoNamed: boolean
  /** For the operator, a line each; nothing in them is secret. */
  readonly warnings: readonly string[]
  /** Every file that was read, absolute. In the folder layout a new file beside them may count too. */
  readonly files: readonly string[]
}

/**
 * Reads the configuration: one file, or a folder with `config.json` and files of sites; the legacy settings in either, or
 * both parts of OpenPype's.
 * Rejects with a `ConfigError` that holds all mistakes at once, and with nothing else.
 */
export async function loadSettings(
  path: string,
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform = process.platform,
): Promise<LoadedSettings> {
  const mistakes = new Mistakes()
  const raw = await readLayout(path, mistakes)
  if (!raw) throw new ConfigError(path, mistakes.problems)
  const { folder, isLegacy, rootsFromProject } = raw
  const interpreted = interpret(raw, { env, platform, folder, isLegacy, rootsFromProject, mistakes })
  if (mistakes.problems.length > 0) throw new ConfigError(path, mistakes.problems)
  return { ...interpreted, warnings: mistakes.warnings, files: raw.files }
}

function interpret(raw: RawConfig, context: PathContext): Pick<LoadedSettings, 'settings' | 'isMongoNamed'> {
  const { mistakes, env } = context
  const general = loadGeneral(raw, mistakes)
  const alwaysAccessible = alwaysAccessibleOn(raw, mistakes)
  const publishing = new Set([general.publish_site, ...overriddenPublishSites(raw)])
  const roleOf = (name: string): SiteRole => (publishing.has(name) ? 'publish' : name === general.local_id ? 'own' : 'other')
  const sites = new Map<string, Site>()
  const skipped = new Map<string, SkippedSite>()
  for (const [name, rawSite] of raw.sites) {
    const loaded = loadSite(name, rawSite, roleOf(name), context)
    if (loaded && 'site' in loaded) sites.set(name, loaded.site)
    else if (loaded) skipped.set(name, loaded.skipped)
  }
  if (!general.enabled) mistakes.warn(`${raw.keyOf(['enabled'])} is false: nothing is synced`)
  const ownFiles = [...raw.files, ...[...sites.values()].flatMap(({ credentialsFile }) => credentialsFile ?? [])]
  const documentRoots = loadDocumentRoots(general.publish_roots, raw, ownFiles, context)
  const settings: Settings = {
    localId: general.local_id,
    publishSite: general.publish_site,
    remoteSite: general.enabled ? general.remote_site : '',
    retryCount: general.retry_cnt,
    loopDelaySeconds: general.loop_delay,
    leaseSeconds: general.lease_seconds,
    shutdownGraceSeconds: general.shutdown_grace,
    indexes: general.indexes,
    writeProgress: general.write_progress,
    mongo: loadMongo(general.mongo, raw.keyOf, env, mistakes),
    sites,
    ...(skipped.size > 0 && { skipped }),
    ...(raw.rootsFromProject && { rootsFromProject: true }),
    documentRoots,
    ownFiles,
    projects: {
      include: general.projects.include,
      exclude: general.projects.exclude,
      overrides: general.enabled ? loadOverrides(raw, roleOf, context) : switchedOff(loadOverrides(raw, roleOf, context)),
    },
  }
  checkSites(settings, raw, general.enabled ? alwaysAccessible : [], mistakes)
  return { settings, isMongoNamed: isMongoNamed(general.mongo, env) }
}

/** No project syncs when syncing is off altogether. */
function switchedOff(overrides: ReadonlyMap<string, ProjectOverride>): Map<string, ProjectOverride> {
  return new Map(Array.from(overrides, ([project, override]) => [project, { ...override, remoteSite: '' }]))
}
