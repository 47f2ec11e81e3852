import { fileEntries, type RepresentationDocument } from './document.ts'
import { recordState } from './record-state.ts'
import { decidingRecord } from './representation-summary.ts'
import { readSites } from './site-record.ts'

/** How the files of a representation are at a site, for who waits for them. */
export interface Arrival {
  readonly files: number
  readonly synced: number
  /** When the last of them came. */
  readonly latest?: Date
  /** Those that nobody tries again. */
  readonly exhausted: readonly { readonly path: string; readonly tries?: number; readonly error?: string }[]
}

/** By the records; a file that nobody asked for there is not there. */
export function arrivalAt(document: RepresentationDocument, site: string, retryCount: number): Arrival {
  const files = fileEntries(document).map((file) => ({
    file,
    record: decidingRecord(readSites(file['sites']).records.get(site) ?? [], retryCount),
  }))
  const exhausted = files.filter(({ record }) => record && ['exhausted', 'bad-tries'].includes(recordState(record, retryCount)))
  const times = files.flatMap(({ record }) => (record?.snapshot.created_dt instanceof Date ? record.snapshot.created_dt.getTime() : []))
  return {
    files: files.length,
    synced: files.filter(({ record }) => record?.created === true).length,
    ...(times.length > 0 && { latest: new Date(Math.max(...times)) }),
    exhausted: exhausted.map(({ file, record }) => ({
      path: String(file['path']),
      ...(record?.tries !== undefined && { tries: record.tries }),
      ...(record?.error !== undefined && { error: record.error }),
    })),
  }
}

/** Every file is there. */
export function isWhole({ files, synced }: Arrival): boolean {
  return files > 0 && files === synced
}
