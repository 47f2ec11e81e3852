import type { SyncError } from '../errors.ts'
import type { RootedPath, Site } from './site.ts'
import type { RecordSnapshot, Shape } from './site-record.ts'

/** Which record of which document: where a result is written. */
export interface RecordAddress {
  readonly project: string
  readonly representationId: unknown
  readonly fileId: unknown
  /** The file entry's `path` as it stands in the document. */
  readonly path: string
  readonly site: string
  readonly shape: Shape
  /** The record as it was when this was planned. */
  readonly snapshot: RecordSnapshot
}

/** Where the bytes come from and go to; an error when the document or the configuration does not say. */
export type Route =
  | { readonly source: RootedPath; readonly sourceSite: Site; readonly target: RootedPath; readonly targetSite: Site }
  | { readonly error: SyncError }

/** One text a root of a site. */
export function rootKey(site: string, root: string): string {
  return `${site}\0${root}`
}

/** One text a file of a root; `foldsCase`: the storage may take upper and lower case for the same. */
export function placeKey(root: string, path: string, foldsCase = false): string {
  const composed = path.normalize('NFC')
  return `${root}\0${foldsCase ? composed.toLowerCase() : composed}`
}

/** One file entry that is to be copied to one site. */
export interface Transfer extends RecordAddress {
  /** One text a record: no two transfers of one key at a time. */
  readonly key: string
  /** One text a place on a site: no two transfers write there at a time, whichever documents they serve. */
  readonly targetKey: string
  readonly representationKey: string
  readonly priority: number
  readonly tries: number
  readonly lastFailed: Date | undefined
  /** Bytes, as the file entry says; undefined when it says nothing that can be a size. */
  readonly size: number | undefined
  readonly route: Route
}

/** Would both copy the same bytes to the same place? */
export function isSameCopy(one: Transfer, other: Transfer): boolean {
  if (one.targetKey !== other.targetKey || one.size !== other.size) return false
  const [a, b] = [one.route, other.route]
  if ('error' in a || 'error' in b) return 'error' in a && 'error' in b && a.error.message === b.error.message
  return a.sourceSite.name === b.sourceSite.name && a.source.root === b.source.root && a.source.path === b.source.path
}
