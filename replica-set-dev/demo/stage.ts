import { mkdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { loadSettings } from '../../src/config/load-settings.ts'
import { projectSettings } from '../../src/model/project-settings.ts'
import type { HttpSettings } from '../../src/model/http-settings.ts'
import type { Settings } from '../../src/model/settings.ts'
import type { Site } from '../../src/model/site.ts'
import { targetSites } from '../../src/model/verdict.ts'
import { isFree } from '../free-port.ts'
import { givenUri } from '../given-uri.ts'
import { commonRootName, type PublishPlace } from './demo-project.ts'
import { RefusedError } from './refused-error.ts'

/** Whose sites, whose database. */
export interface Stage {
  /** For one project that is called `project`; `withDatabase` fills in the address. */
  readonly settings: Settings
  /** Undefined: a mongod is to be started. */
  readonly uri: string | undefined
  readonly targets: readonly Site[]
  readonly place: Omit<PublishPlace, 'project'>
  readonly warnings: readonly string[]
  /** The user's own file. */
  readonly config: string | undefined
}

/** Small enough that a missing file has used up its tries while one watches. */
const PACE = { retryCount: 2, loopDelaySeconds: 2, shutdownGraceSeconds: 5 } as const

/** For whoever sits at this machine. Where another service has the port, any that is free. */
const PAGE = {
  host: '127.0.0.1',
  port: 8_787,
  trustedHosts: [],
  readOnly: false,
  anonymousRead: true,
  behindProxy: false,
} as const satisfies HttpSettings

const OWN_SITES = ['studio', 'nas', 'backup'] as const

/** The demo's own configuration, as a file: the other commands can be tried with it too. */
async function writeOwnConfig(dir: string, uri: string | undefined): Promise<string> {
  const file = path.join(dir, 'config.json')
  for (const site of OWN_SITES) await mkdir(path.join(dir, site), { recursive: true })
  const config = {
    local_id: 'demo',
    publish_site: 'studio',
    remote_site: 'nas',
    retry_cnt: PACE.retryCount,
    loop_delay: PACE.loopDelaySeconds,
    ...(uri !== undefined && { mongo: { uri } }),
    projects: { include: ['site_sync_demo*'] },
    sites: Object.fromEntries(OWN_SITES.map((site) => [site, { provider: 'local_drive', root: { work: path.join(dir, site) } }])),
  }
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 })
  return file
}

/** Reads the configuration, and refuses what can't be shown. `dir` is the demo's own folder. */
export async function setStage(config: string | undefined, dir: string): Promise<Stage> {
  const own = config === undefined ? givenUri() : undefined
  const { settings: loaded, isMongoNamed, warnings } = await loadSettings(config ?? (await writeOwnConfig(dir, own)), process.env)
  const isTheirs = config === undefined ? own !== undefined : isMongoNamed
  const http = loaded.http ?? { ...PAGE, port: (await isFree(PAGE.port)) ? PAGE.port : 0 }
  const settings = { ...loaded, ...PACE, http, projects: { include: ['*'], exclude: [], overrides: new Map<string, never>() } }
  const targets = refuseUnlessSomeTarget(settings)
  return {
    settings,
    uri: isTheirs ? settings.mongo.uri : undefined,
    targets,
    place: await publishPlace(settings, targets, dir),
    warnings,
    config,
  }
}

/** The settings of a service that serves this project alone. */
export function withDatabase({ settings }: Stage, uri: string, project: string): Settings {
  return { ...settings, mongo: { ...settings.mongo, uri }, projects: { ...settings.projects, include: [project] } }
}

function refuseUnlessSomeTarget(settings: Settings): readonly Site[] {
  const { remoteSite, publishSite } = settings
  if (remoteSite === '') throw new RefusedError('there is nothing to sync to: "remote_site" of the configuration is empty')
  if (remoteSite === publishSite)
    throw new RefusedError(`there is nothing to sync to: "remote_site" and "publish_site" are both ${JSON.stringify(publishSite)}`)
  const targets = targetSites(projectSettings(settings, 'demo')).filter(({ name }) => name !== publishSite && name !== settings.localId)
  if (targets.length === 0) throw new RefusedError('there is nothing to sync to: the configuration has no other site than the own one')
  return targets
}

async function publishPlace(settings: Settings, targets: readonly Site[], dir: string): Promise<Omit<PublishPlace, 'project'>> {
  const { publishSite } = settings
  const names = targets.map(({ name }) => name)
  const roots = targets.map(({ root }) => root)
  const site = settings.sites.get(publishSite)
  if (site === undefined) {
    // The root that the publish writes into the document serves.
    const folder = path.join(dir, publishSite.replaceAll(/[^\w.-]/g, '_'))
    const named = roots.find((root) => typeof root !== 'string')
    return { publishSite, targets: names, rootName: named && commonRootName(named, roots), folder }
  }
  if (site.provider !== 'local_drive') {
    const what = `sites.${publishSite}.provider is ${JSON.stringify(site.provider)}`
    throw new RefusedError(`the demo publishes from a folder of this machine, but ${what}: it has to be "local_drive"`)
  }
  const rootName = commonRootName(site.root, roots)
  const folder = typeof site.root === 'string' ? site.root : site.root.get(rootName ?? '')
  if (folder === undefined) throw new RefusedError(`sites.${publishSite}.root names no folder to publish from`)
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder)
    throw new RefusedError(`the folder to publish from is not there: ${folder} (sites.${publishSite}.root); make it, or correct it`)
  return { publishSite, targets: names, rootName, folder }
}
