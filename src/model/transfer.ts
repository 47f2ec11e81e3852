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
  /** Other names of the site's storage: what arrives at one is at all of them. */
  readonly alternatives?: readonly string[]
  /** The record as it was when this was planned. */
  readonly snapshot: RecordSnapshot
}

/** A place where a file may be read. */
export interface Source {
  readonly source: RootedPath
  readonly sourceSite: Site
  /** The storage's own id of the file there, as the record says. */
  readonly id?: string | undefined
  /** A record says that it is there; false: nobody said, and the disk decides. @defaultValue `true` */
  readonly isSaid?: boolean
  /** Nobody said that it is there, but the document says that it is at another site. @defaultValue `false` */
  readonly isSaidElsewhere?: boolean | undefined
}

/** Where the bytes come from and go to. */
export interface Endpoints extends Source {
  readonly target: RootedPath
  readonly targetSite: Site
  /** Where else the file is, in the order in which it is tried. */
  readonly otherSources?: readonly Source[]
}

/** An error when the document or the configuration does not say where the bytes come from or go to. */
export type Route = Endpoints | { readonly error: SyncError }

/** Its only source is one of which nobody said that the file is there, and the document says that it is at a site that can't be read here. */
export function isPerhapsElsewhere(route: Route): route is Endpoints {
  return !('error' in route) && route.isSaidElsewhere === true && (route.otherSources ?? []).length === 0
}

/** All places where the file may be read, the one that is tried first at the front. */
export function sourcesIn({ source, sourceSite, id, isSaid = true, isSaidElsewhere, otherSources = [] }: Endpoints): readonly Source[] {
  // All are named: put in the place of another source it must not keep what was said of that one.
  return [{ source, sourceSite, id, isSaid, isSaidElsewhere }, ...otherSources]
}

/** The same copy from the first source that can be used now; as it is where none can. */
export function fromUsable(transfer: Transfer, isUsable: (source: Source) => boolean): Transfer {
  const { route } = transfer
  if ('error' in route || !route.otherSources?.length || isUsable(route)) return transfer
  const sources = sourcesIn(route)
  const first = sources.find(isUsable)
  return first ? { ...transfer, route: { ...route, ...first, otherSources: sources.filter((each) => each !== first) } } : transfer
}

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
  /** Those of `alternatives` that ask for the file as well, as it was read: they are marked with it. */
  readonly alsoMarked?: readonly string[]
  /** Another site asks for the file, and may have it from this one once it is there. */
  readonly isAwaited?: boolean
}

/** Would both copy the same bytes to the same place? The second may know of other sources beside. */
export function isSameCopy(one: Transfer, other: Transfer): boolean {
  if (one.targetKey !== other.targetKey || one.size !== other.size) return false
  const [a, b] = [one.route, other.route]
  if ('error' in a || 'error' in b) return 'error' in a && 'error' in b && a.error.message === b.error.message
  return sourcesIn(b).some((each) => isSameSource(a, each))
}

function isSameSource(a: Source, b: Source): boolean {
  return a.sourceSite.name === b.sourceSite.name && a.source.root === b.source.root && a.source.path === b.source.path
}
