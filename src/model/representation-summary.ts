import { fileEntries, idPlain, isPlain, type RepresentationDocument } from './document.ts'
import { causeOf } from './error-cause.ts'
import { rawRecords } from './record-edit.ts'
import { recordState, type RecordState } from './record-state.ts'
import { readSites, type SiteRecord } from './site-record.ts'

/** Files of a representation that failed at one site for the same cause. */
interface SiteError {
  /** The error without what differs from file to file. */
  readonly cause: string
  /** Of one of them. */
  readonly error: string
  readonly failed: number
  readonly exhausted: number
}

/** How the files of a representation are at one site. */
interface SiteSummary {
  readonly site: string
  /** `synced` only when every file is; `partial`: some of its files are not asked for there. */
  readonly state: RecordState | 'partial'
  /** How many of its files are asked for there, and how many of these are so. */
  readonly files: number
  readonly synced: number
  readonly pending: number
  readonly failed: number
  readonly exhausted: number
  readonly paused: number
  /** The most of any file. */
  readonly tries: number
  /** Of one of the files that are the worst off. */
  readonly error?: string
  /** Of all files that failed, by cause, the most first: a file that is missing is another matter than a quota that is used up. */
  readonly errors?: readonly SiteError[]
  /** Of all its files, 0 to 1, by the records alone. */
  readonly progress: number
}

export interface RepresentationSummary {
  readonly id: string
  readonly project: string
  readonly asset?: string
  readonly subset?: string
  readonly version?: string | number
  readonly name?: string
  readonly file_count: number
  /** Bytes, as the document says; left out where it does not say so of each file. */
  readonly size?: number
  /** Those that it has records of, in the order of the configuration. */
  readonly sites: readonly SiteSummary[]
}

interface FileAtSite {
  readonly state: RecordState
  readonly record: SiteRecord
  readonly progress: number
}

/** The worst first. */
const WORST: readonly RecordState[] = ['exhausted', 'bad-tries', 'failed', 'pending', 'paused']

export function summarize(
  document: RepresentationDocument,
  project: string,
  sites: readonly string[],
  retryCount: number,
): RepresentationSummary {
  const files = fileEntries(document)
  const read = files.map((file) => ({ file, records: readSites(file['sites']).records }))
  const sizes = files.map(({ size }) => (typeof size === 'number' && size >= 0 ? size : undefined))
  const { asset, subset, version } = isPlain(document.context) ? document.context : {}
  return {
    id: idPlain(document._id),
    project,
    ...(typeof asset === 'string' && { asset }),
    ...(typeof subset === 'string' && { subset }),
    ...((typeof version === 'string' || typeof version === 'number') && { version }),
    ...(typeof document.name === 'string' && { name: document.name }),
    file_count: files.length,
    ...(sizes.every((size) => size !== undefined) && { size: sizes.reduce((sum, size) => sum + size, 0) }),
    sites: sites.flatMap((site) => {
      const there = read.flatMap(({ file, records }) => fileAtSite(file['sites'], site, records.get(site) ?? [], retryCount) ?? [])
      return there.length === 0 ? [] : [siteSummary(site, there, files.length)]
    }),
  }
}

/** The record that decides: one that asks for the file, where there are several. */
export function decidingRecord(records: readonly SiteRecord[], retryCount: number): SiteRecord | undefined {
  const open = records.filter(({ created }) => !created)
  return open.find((record) => ['pending', 'failed'].includes(recordState(record, retryCount))) ?? open[0] ?? records[0]
}

function fileAtSite(sites: unknown, site: string, records: readonly SiteRecord[], retryCount: number): FileAtSite | undefined {
  const record = decidingRecord(records, retryCount)
  return record && { record, state: recordState(record, retryCount), progress: record.created ? 1 : progressIn(sites, site) }
}

/** As services write it where "write_progress" is on. */
function progressIn(sites: unknown, site: string): number {
  const progress = rawRecords(sites, site)[0]?.['progress']
  return typeof progress === 'number' && progress > 0 ? Math.min(1, progress) : 0
}

function siteSummary(site: string, there: readonly FileAtSite[], files: number): SiteSummary {
  const count = (state: RecordState): number => there.filter((file) => file.state === state).length
  const worst = WORST.find((state) => count(state) > 0)
  const error = there.find(({ state, record }) => state === worst && record.error !== undefined)?.record.error
  const synced = count('synced')
  const errors = siteErrors(there)
  return {
    site,
    state: worst ?? (synced === files ? 'synced' : 'partial'),
    files: there.length,
    synced,
    pending: count('pending'),
    failed: count('failed'),
    exhausted: count('exhausted') + count('bad-tries'),
    paused: count('paused'),
    tries: Math.max(...there.map(({ record }) => record.tries ?? 0)),
    ...(error !== undefined && { error }),
    ...(errors.length > 0 && { errors }),
    progress: Math.round((there.reduce((sum, { progress }) => sum + progress, 0) / files) * 1_000) / 1_000,
  }
}

/** Causes of one representation at one site that are told. */
const MOST_CAUSES = 5

function siteErrors(there: readonly FileAtSite[]): readonly SiteError[] {
  const found = new Map<string, { cause: string; error: string; failed: number; exhausted: number }>()
  for (const { state, record } of there) {
    const isGivenUp = state === 'exhausted' || state === 'bad-tries'
    if (record.error === undefined || (state !== 'failed' && !isGivenUp)) continue
    const cause = causeOf(record.error)
    const of = found.get(cause) ?? { cause, error: record.error, failed: 0, exhausted: 0 }
    found.set(cause, of)
    if (isGivenUp) of.exhausted++
    else of.failed++
  }
  return [...found.values()].toSorted((one, other) => other.failed + other.exhausted - one.failed - one.exhausted).slice(0, MOST_CAUSES)
}
