import { SyncError } from '../errors.ts'
import { alternativesOf } from './alternatives.ts'
import type { RepresentationDocument } from './document.ts'
import type { ProjectSettings } from './settings.ts'
import type { RootedPath, Site } from './site.ts'
import type { SiteRecords } from './site-record.ts'
import { orError, placeAt, sourceOf } from './sources.ts'
import type { Source } from './transfer.ts'

/** A file at a site, and what it can be held against. */
export interface ComparedFile {
  readonly site: Site
  readonly place: RootedPath
  /** Nobody else says what it should be: it is what was published. */
  readonly isOriginal: boolean
  /** Where other copies are, in the order in which they count. */
  readonly sources: readonly Source[]
}

interface Asked {
  readonly document: RepresentationDocument
  readonly settings: ProjectSettings
  readonly misconfigured: ReadonlyMap<string, unknown>
}

/** Undefined where the site is not configured in the project; an error where path or root can't be used. */
export function comparedFile(asked: Asked, path: string, records: SiteRecords, site: string): ComparedFile | SyncError | undefined {
  const target = orError(() => placeAt(asked, path, site))
  if (target === undefined || target instanceof SyncError) return target
  const alternatives = alternativesOf(asked.settings, site)
  const found = sourceOf(asked, { path, sites: records }, site)
  // An alternative is the same storage: it would be compared with itself.
  const sources = (found instanceof SyncError ? [] : (found ?? [])).filter(({ sourceSite }) => !alternatives.includes(sourceSite.name))
  // What lies at a site of which nobody said that it has the file is no measure where another site was said to have it.
  const asSaid = sources.filter(({ isSaid }) => isSaid !== false)
  const { publishSite } = asked.settings
  return {
    ...target,
    isOriginal: site === publishSite || alternatives.includes(publishSite),
    sources: asSaid.length > 0 ? asSaid : sources,
  }
}
