import { SyncError } from '../errors.ts'
import type { Log } from '../model/log.ts'
import { publishSites } from '../model/project-settings.ts'
import type { Settings } from '../model/settings.ts'
import type { Site, SkippedSite } from '../model/site.ts'
import type { ProviderPool } from '../providers/provider-pool.ts'

/** Every site of the configuration, those of single projects included. */
export function allSites({ sites, projects }: Settings): readonly Site[] {
  return [...sites.values(), ...[...projects.overrides.values()].flatMap((override) => [...(override.sites?.values() ?? [])])]
}

/** One of each name: as declared in general, else as the first project declares it that does. */
export function sitesByName(settings: Settings): ReadonlyMap<string, Site> {
  return firstByName(allSites(settings))
}

/** Sites that are not for this machine, in general or for a project. */
export function skippedByName({ skipped, projects }: Settings): ReadonlyMap<string, SkippedSite> {
  const all = [skipped, ...[...projects.overrides.values()].map((override) => override.skipped)]
  return firstByName(all.flatMap((sites) => [...(sites?.values() ?? [])]))
}

function firstByName<T extends { readonly name: string }>(all: readonly T[]): ReadonlyMap<string, T> {
  const first = new Map<string, T>()
  for (const each of all) if (!first.has(each.name)) first.set(each.name, each)
  return first
}

/** Is there no project at all in which anything could be synced? */
export function isOff({ remoteSite, projects }: Settings): boolean {
  return remoteSite === '' && [...projects.overrides.values()].every((override) => !override.remoteSite)
}

/** Tells of every site that is not for this machine, once. */
export function tellSkipped({ skipped, projects }: Settings, log: Log): void {
  const told = new Set<string>()
  const tell = ({ name, provider, reason }: SkippedSite, project?: string): void => {
    if (told.has(`${name}: ${reason}`)) return
    told.add(`${name}: ${reason}`)
    log.event('site.skipped', { site: name, provider, project, message: `site skipped: ${reason}` })
  }
  for (const site of skipped?.values() ?? []) tell(site)
  for (const [project, override] of projects.overrides) for (const site of override.skipped?.values() ?? []) tell(site, project)
}

/** Whoever can write a document has its files read and sent: an operator should know, and can say where they may lie. */
export function tellOpenRoots(settings: Settings, log: Log): void {
  const { sites, documentRoots } = settings
  if (documentRoots === undefined || documentRoots.allowed !== undefined) return
  for (const site of publishSites(settings).filter((name) => !sites.has(name))) {
    const message = 'it has no root here, so documents say where its files are: name the folders that they may lie in, in "publish_roots"'
    log.event('site.warning', { site, message })
  }
}

/** Tells of every site that can't be used at all, once, and leaves it out; the others go on. */
export async function findMisconfigured(settings: Settings, pool: ProviderPool, log: Log): Promise<ReadonlyMap<string, SyncError>> {
  const mistakes = new Map<string, SyncError>()
  for (const site of allSites(settings)) {
    const mistake = mistakes.has(site.name) ? undefined : await mistakeOf(site, pool)
    if (!mistake) continue
    mistakes.set(site.name, mistake)
    log.event('site.misconfigured', {
      site: site.name,
      provider: site.provider,
      error: mistake,
      message: `site left out: ${mistake.message}`,
    })
  }
  return mistakes
}

async function mistakeOf(site: Site, pool: ProviderPool): Promise<SyncError | undefined> {
  return site.fault === undefined ? await pool.mistakeOf(site) : new SyncError('MISCONFIGURED', site.fault)
}
