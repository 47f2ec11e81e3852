import { basename, resolve } from 'node:path'

import { ConfigError } from '../errors.ts'
import type { ProjectOverride, Settings } from '../model/settings.ts'
import type { Site, SkippedSite } from '../model/site.ts'
import { checkSites } from './check-sites.ts'
import { MAIN, readLayout, type RawConfig } from './layout.ts'
import { loadDocumentRoots } from './load-document-roots.ts'
import { loadGeneral } from './load-general.ts'
import { loadHttp, loadWebhooks } from './load-http.ts'
import { hasWrittenSecret, isMongoNamed, loadMongo, mongoFiles } from './load-mongo.ts'
import { loadOverrides, overriddenPublishSites } from './load-overrides.ts'
import { loadSite, type SiteRole } from './load-site.ts'
import { looseFiles } from './loose-files.ts'
import { Problems } from './problems.ts'
import type { PathContext } from './paths.ts'
import { toVerifySchedule } from './verify-schedule.ts'

export interface LoadedSettings {
  readonly settings: Settings
  /** The file or the environment names the database's address; otherwise it is the default one. */
  readonly isMongoNamed: boolean
  /** For the operator, a line each; nothing in them is secret. */
  readonly warnings: readonly string[]
  /** Files that others may read or change although they should not; a line each. */
  readonly loose: readonly string[]
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
  const problems = new Problems()
  const raw = await readLayout(path, problems)
  if (!raw) throw new ConfigError(path, problems.problems)
  const { folder, isLegacy } = raw
  const rootsFromProject = raw.rootsFromProject || raw.general['roots_from_project'] === true
  const { secret, ...interpreted } = interpret(raw, { env, platform, folder, isLegacy, rootsFromProject, problems })
  if (problems.problems.length > 0) throw new ConfigError(path, problems.problems)
  const isFolder = resolve(path) === folder
  const loose = await looseFiles({ secret, configuration: raw.files, folder: isFolder ? folder : undefined })
  return { ...interpreted, warnings: problems.warnings, loose, files: raw.files }
}

interface Interpreted extends Pick<LoadedSettings, 'settings' | 'isMongoNamed'> {
  /** Files that hold secrets. */
  readonly secret: readonly string[]
}

function interpret(raw: RawConfig, context: PathContext): Interpreted {
  const { problems, env } = context
  const general = loadGeneral(raw, problems)
  const publishing = new Set([general.publish_site, ...overriddenPublishSites(raw)])
  const roleOf = (name: string): SiteRole => (publishing.has(name) ? 'publish' : name === general.local_id ? 'own' : 'other')
  const sites = new Map<string, Site>()
  const skipped = new Map<string, SkippedSite>()
  for (const [name, rawSite] of raw.sites) {
    const loaded = loadSite(name, rawSite, roleOf(name), context)
    if (loaded && 'site' in loaded) sites.set(name, loaded.site)
    else if (loaded) skipped.set(name, loaded.skipped)
  }
  const [http, webhooks] = [loadHttp(general.http, raw, context), loadWebhooks(general.webhooks, raw, context)]
  if (!general.enabled) problems.warn(`${raw.keyOf(['enabled'])} is false: nothing is synced`)
  const mongo = loadMongo(general.mongo, raw.keyOf, env, problems)
  const overrides = loadOverrides(raw, roleOf, context)
  const allSites = [...sites.values(), ...[...overrides.values()].flatMap(({ sites: own }) => [...(own?.values() ?? [])])]
  const keyFiles = [
    ...allSites.flatMap(({ credentialsFile }) => credentialsFile ?? []),
    ...mongoFiles(general.mongo, mongo.uri, env),
    ...(http?.tls ? [http.tls.keyFile] : []),
  ]
  const ownFiles = [...raw.files, ...keyFiles, ...(http?.tls ? [http.tls.certFile] : [])]
  const documentRoots = loadDocumentRoots(general.publish_roots, raw, ownFiles, context)
  const settings: Settings = {
    localId: general.local_id,
    publishSite: general.publish_site,
    remoteSite: general.enabled ? general.remote_site : '',
    ...(general.serve && { serve: general.serve }),
    ...(general.sources && { sources: general.sources }),
    ...(general.always_accessible_on?.length && { alwaysAccessibleOn: general.always_accessible_on }),
    retryCount: general.retry_cnt,
    loopDelaySeconds: general.loop_delay,
    leaseSeconds: general.lease_seconds,
    shutdownGraceSeconds: general.shutdown_grace,
    indexes: general.indexes,
    writeProgress: general.write_progress,
    ...(http && { http }),
    ...(webhooks && { webhooks }),
    ...(general.verify_schedule && { verifySchedule: toVerifySchedule(general.verify_schedule) }),
    mongo,
    sites,
    ...(skipped.size > 0 && { skipped }),
    ...(context.rootsFromProject && { rootsFromProject: true }),
    documentRoots,
    ownFiles,
    projects: {
      include: general.projects.include,
      exclude: general.projects.exclude,
      overrides: general.enabled ? overrides : switchedOff(overrides),
    },
  }
  checkSites(settings, raw, general.enabled, problems)
  const withAddress = hasWrittenSecret(general.mongo)
    ? raw.files.filter((file, _, { length }) => length === 1 || basename(file) === MAIN)
    : []
  return { settings, isMongoNamed: isMongoNamed(general.mongo, env), secret: [...keyFiles, ...withAddress] }
}

/** No project syncs when syncing is off altogether. */
function switchedOff(overrides: ReadonlyMap<string, ProjectOverride>): Map<string, ProjectOverride> {
  return new Map(Array.from(overrides, ([project, override]) => [project, { ...override, remoteSite: '' }]))
}
