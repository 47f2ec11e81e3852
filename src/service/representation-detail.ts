import { fileEntries, idPlain, isPlain } from '../model/document.ts'
import type { Explanation } from '../model/explanation.ts'
import { projectSettings } from '../model/project-settings.ts'
import { recordState } from '../model/record-state.ts'
import { decidingRecord, summarize, type RepresentationSummary } from '../model/representation-summary.ts'
import type { ProjectSettings } from '../model/settings.ts'
import { readSites, type SiteRecord } from '../model/site-record.ts'
import { explainRepresentation } from './explain-representation.ts'
import type { Inspection } from './inspection.ts'
import { sitesToTell } from './list-representations.ts'

/** One file at one site: its record, and the answer of `explain`. */
interface FileAtSite extends Partial<Omit<Explanation, 'path' | 'site' | 'state'>> {
  /** The id of its entry. */
  readonly file: string
  readonly path: string
  /** Bytes, as the document says. */
  readonly size?: number
  readonly site: string
  readonly state: string
  readonly created_dt?: Date
  readonly tries?: number
  readonly error?: string
  readonly last_failed_dt?: Date
  readonly paused?: true
  readonly priority?: number
  readonly id?: string
}

export interface RepresentationDetail extends RepresentationSummary {
  readonly remarks: readonly string[]
  /** One a file and site. */
  readonly files: readonly FileAtSite[]
}

/** All files of a representation at all sites; undefined when there is no such representation. */
export async function representationDetail(
  inspection: Inspection,
  project: string,
  representation: string,
): Promise<RepresentationDetail | undefined> {
  const explained = await explainRepresentation(inspection, representation, project)
  if (!explained) return undefined
  const { document, remarks, files } = explained
  const own = projectSettings(inspection.settings, project)
  const sites = sitesToTell(own)
  const said = Map.groupBy(files, ({ path }) => path)
  return {
    ...summarize(document, project, sites, own.retryCount),
    remarks,
    files: fileEntries(document).flatMap((file) => filesAtSites(file, said.get(String(file['path'])) ?? [], sites, own)),
  }
}

function filesAtSites(
  { _id, path, size, sites: records }: Readonly<Record<string, unknown>>,
  said: readonly Explanation[],
  sites: readonly string[],
  { retryCount }: ProjectSettings,
): readonly FileAtSite[] {
  const read = readSites(records).records
  const file = { file: idPlain(_id), path: String(path), ...(typeof size === 'number' && { size }) }
  return sites.flatMap((site) => {
    const explanation = said.find((each) => each.site === site)
    const record = decidingRecord(read.get(site) ?? [], retryCount)
    if (!record) return explanation ? [{ ...file, ...explanation }] : []
    return [{ ...file, site, state: recordState(record, retryCount), ...recordFields(record), ...explanation }]
  })
}

function recordFields({ tries, error, lastFailed, paused, priority, snapshot }: SiteRecord): Partial<FileAtSite> {
  const { created_dt: created, id } = snapshot
  return {
    ...(created instanceof Date && !Number.isNaN(created.getTime()) && { created_dt: created }),
    ...(tries !== undefined && { tries }),
    ...(error !== undefined && { error }),
    ...(lastFailed && { last_failed_dt: lastFailed }),
    ...(paused && { paused: true as const }),
    ...(priority !== undefined && { priority }),
    ...(id !== undefined && id !== null && !isPlain(id) && { id: idPlain(id) }),
  }
}
