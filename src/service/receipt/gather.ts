import type { Db } from 'mongodb'

import { SyncError } from '../../errors.ts'
import { comparedFile } from '../../model/compared-file.ts'
import { fileEntries, idPlain, type Plain, type RepresentationDocument } from '../../model/document.ts'
import { HISTORY_FOLDER } from '../../model/mhl/manifest.ts'
import { unfitForXml } from '../../model/mhl/xml-text.ts'
import { isChosen } from '../../model/record-edit.ts'
import type { Selection } from '../../model/selection.ts'
import type { ProjectSettings, Settings } from '../../model/settings.ts'
import { readSites, type SiteRecord, type SiteRecords } from '../../model/site-record.ts'
import { projectSites } from '../../model/sources.ts'
import { isBroken } from '../../model/valid-text.ts'
import { selected } from '../../streams/selected.ts'
import { selectedWithRoots } from '../selected-projects.ts'
import type { DeliveredRoots } from './delivered-roots.ts'
import type { FileName, Spool, WantedFile } from './spool.ts'

export interface GatherParts {
  readonly db: Db
  readonly settings: Settings
  /** Its `site` is the site that the receipt is about. */
  readonly selection: Selection & { readonly site: string }
  readonly misconfigured: ReadonlyMap<string, unknown>
  readonly spool: Spool
  readonly roots: DeliveredRoots
  readonly signal: AbortSignal
}

export interface Gathered {
  /** Files that are selected: those with a record of the site. */
  records: number
  /** Representations that they are in. */
  representations: number
}

interface Asked {
  readonly document: RepresentationDocument
  readonly settings: ProjectSettings
  readonly misconfigured: ReadonlyMap<string, unknown>
}

/** Names that a history leaves out, by its format or as this program writes it: nobody would look at such a file. */
const isLeftOut = (name: string): boolean => name === HISTORY_FOLDER || name === '.DS_Store' || name.startsWith('.site-sync-')

/**
 * Collects what the records say is at the site, before any file is looked at: that may take hours, and a cursor of the database does not
 * last so long. What can't be in a receipt is refused here already.
 */
export async function gather(parts: GatherParts): Promise<Gathered> {
  const { db, settings, selection, misconfigured, spool, roots, signal } = parts
  const counts: Gathered = { records: 0, representations: 0 }
  for await (const { project, own } of selectedWithRoots(db, settings, selection)) {
    const sites = [...new Set([selection.site, ...projectSites(own)])]
    for await (const document of selected(db, project, selection, { sites, signal })) {
      const before = counts.records
      for (const entry of fileEntries(document)) {
        const records = readSites(entry['sites'])
        const chosen = records.records.get(selection.site)?.filter((record) => isChosen(record, { selection, retryCount: own.retryCount }))
        if (!chosen || chosen.length === 0) continue
        counts.records++
        const about = { project, representation: idPlain(document._id), path: pathText(entry['path']) }
        const asked = { document, settings: own, misconfigured }
        const found = recordFault(chosen) ?? wantedFile(asked, entry, records, { about, site: selection.site, roots })
        if (typeof found === 'string') spool.refuse({ ...about, why: found })
        else spool.want(found)
      }
      if (counts.records > before) counts.representations++
    }
  }
  return counts
}

const pathText = (path: unknown): string => (typeof path === 'string' ? path : (JSON.stringify(path) ?? 'a file without a path'))

/** Why the record says that the file is not there. */
function recordFault(records: readonly SiteRecord[]): string | undefined {
  const [first] = records
  if (!first || records.some(({ created }) => created)) return undefined
  const why = first.paused ? 'it is paused' : first.error !== undefined ? `it failed: ${first.error}` : 'it is pending'
  return `it is not there by its record, which has no created_dt: ${why}`
}

interface Wanted {
  readonly about: FileName
  readonly site: string
  readonly roots: DeliveredRoots
}

function wantedFile(asked: Asked, { path, size }: Plain, records: SiteRecords, { about, site, roots }: Wanted): WantedFile | string {
  if (typeof path !== 'string') return 'its path is no text'
  if (isBroken(path)) return 'its path is not valid UTF-8'
  const target = comparedFile(asked, path, records, site)
  if (target === undefined) return `site ${JSON.stringify(site)} is not configured in this project`
  if (target instanceof SyncError) return target.message
  const unfit = unfitForXml(target.place.path)
  if (unfit !== undefined) return `its name holds ${unfit}, which no XML can hold: it needs another name`
  const name = target.place.path.split('/').find(isLeftOut)
  if (name !== undefined) return `its path holds the name ${name}, which every receipt leaves out`
  return {
    place: roots.numberOf(target.site, target.place),
    path: target.place.path,
    about,
    size: typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? size : undefined,
    isOriginal: target.isOriginal,
    sources: target.sources.map(({ source, sourceSite }) => [roots.numberOf(sourceSite, source), source.path] as const),
  }
}
