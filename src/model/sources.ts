import { SyncError } from '../errors.ts'
import type { RepresentationDocument } from './document.ts'
import { publishSiteOf } from './publish-root.ts'
import { remembered } from './remembered.ts'
import { resolvePath } from './root-path.ts'
import type { ProjectSettings } from './settings.ts'
import type { RootedPath, Site } from './site.ts'
import type { SiteRecords } from './site-record.ts'
import type { Source } from './transfer.ts'

/** The sites that are this instance's own: where it publishes, and its machine's. */
export const ownSites = remembered(({ publishSite, localId }: Pick<ProjectSettings, 'publishSite' | 'localId'>): readonly string[] => [
  ...new Set([publishSite, localId]),
])

/** Every site that a record may be about in this project: its own ones, then those that are configured. */
export function projectSites(settings: Pick<ProjectSettings, 'publishSite' | 'localId' | 'sites'>): readonly string[] {
  return [...new Set([...ownSites(settings), ...settings.sites.keys()])]
}

interface SourceFile {
  readonly path: string
  readonly sites: SiteRecords
}

interface Asked {
  readonly document: RepresentationDocument
  readonly settings: ProjectSettings
  readonly misconfigured: ReadonlyMap<string, unknown>
}

/**
 * Where a file can come from for a target, in the order in which it is tried: the publish site, the own site of this machine, then any other
 * site whose record says that it is there. A record without `created_dt` says that it is not; without a record of the publish site the disk
 * decides. Empty: nobody has it. An error: the only one that may have it can't be read, as the document or the configuration stands.
 */
export function sourceOf(asked: Asked, file: SourceFile, target: string): readonly [Source, ...Source[]] | SyncError | undefined {
  const { settings } = asked
  const own = ownSites(settings)
  const found: Source[] = []
  let fault: SyncError | undefined
  const add = (name: string, isSaid: boolean): void => {
    const source = orError(() => sourceAt(asked, file, name, isSaid))
    if (source instanceof SyncError) fault ??= source
    else if (source) found.push(source)
  }
  for (const name of own) {
    if (name === target) continue
    const records = file.sites.records.get(name)
    if (records?.some(({ created }) => created) === true) add(name, true)
    else if (!records && name === settings.publishSite && !own.includes(target)) add(name, false)
  }
  for (const name of others(settings)) {
    if (name === target || asked.misconfigured.has(name)) continue
    if (file.sites.records.get(name)?.some(({ created }) => created) === true) add(name, true)
  }
  const [first, ...more] = found
  return first ? [first, ...more] : fault
}

/** Named ones in the order of `sources`, then the rest as configured. */
const others = remembered((settings: ProjectSettings): readonly string[] => {
  const { sites, sources = [] } = settings
  const named = sources.filter((name) => sites.has(name))
  return [...new Set([...named, ...sites.keys()])].filter((name) => !ownSites(settings).includes(name))
})

function sourceAt(asked: Asked, { path, sites }: SourceFile, name: string, isSaid: boolean): Source | undefined {
  const found = placeAt(asked, path, name)
  const id = sites.records.get(name)?.find(({ created }) => created)?.snapshot.id
  if (!found) return undefined
  const isSaidElsewhere = !isSaid && isSaidAnywhere(sites)
  return { source: found.place, sourceSite: found.site, id: typeof id === 'string' ? id : undefined, isSaid, isSaidElsewhere }
}

/** Of any site, also of those that are not configured here. */
function isSaidAnywhere({ records }: SiteRecords): boolean {
  return records.values().some((ofSite) => ofSite.some(({ created }) => created))
}

/**
 * Where a file of this document is at a site; undefined where the site is not configured.
 *
 * @throws SyncError when the path or the root can't be used.
 */
export function placeAt(
  { document, settings }: Pick<Asked, 'document' | 'settings'>,
  path: string,
  name: string,
): { readonly place: RootedPath; readonly site: Site } | undefined {
  const site: Site | undefined = name === settings.publishSite ? publishSiteOf(settings, document) : settings.sites.get(name)
  return site && { place: resolvePath(path, site.root, site.name), site }
}

/** A fault with a code of ours is a value. */
export function orError<T>(work: () => T): T | SyncError {
  try {
    return work()
  } catch (error) {
    if (error instanceof SyncError) return error
    throw error
  }
}
