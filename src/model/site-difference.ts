import { isPlain, type RepresentationDocument } from './document.ts'
import { readSites } from './site-record.ts'
import { isBroken } from './valid-text.ts'

/** What the records of a file say of two sites. */
export interface RecordedPair {
  readonly path: string
  /** At which of them the file is, by `created_dt`. */
  readonly created: readonly [boolean, boolean]
}

/** The files of a document that have a record of one of two sites at least. */
export function recordedPairs({ files }: RepresentationDocument, [one, other]: readonly [string, string]): readonly RecordedPair[] {
  if (!Array.isArray(files)) return []
  return (files as readonly unknown[]).flatMap((entry): RecordedPair[] => {
    if (!isPlain(entry)) return []
    const { path, sites } = entry
    if (typeof path !== 'string' || isBroken(path)) return []
    const { records } = readSites(sites)
    if (!records.has(one) && !records.has(other)) return []
    const isThere = (site: string): boolean => records.get(site)?.some(({ created }) => created) === true
    return [{ path, created: [isThere(one), isThere(other)] }]
  })
}
