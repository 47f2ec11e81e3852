import { ObjectId } from 'mongodb'

/** When the publish happened. */
export const T0 = new Date('2024-01-02T03:04:05.678Z')

export interface SiteRecordJson {
  readonly [field: string]: unknown
}

export interface FileEntry {
  readonly _id: unknown
  readonly path: unknown
  readonly [field: string]: unknown
}

export interface Representation {
  readonly _id: ObjectId
  readonly files: FileEntry[]
  readonly [field: string]: unknown
}

/** Array shape: there at studio, wanted at each of the others. */
export function inArray(...others: readonly (string | SiteRecordJson)[]): SiteRecordJson[] {
  const records = others.map((other) => (typeof other === 'string' ? { name: other } : other))
  return [{ name: 'studio', created_dt: T0 }, ...records]
}

/** Object shape of the same. */
export function inObject(others: Readonly<Record<string, SiteRecordJson>>): Record<string, SiteRecordJson> {
  const sites: Record<string, SiteRecordJson> = { studio: { created_dt: T0 } }
  for (const [name, value] of Object.entries(others)) Object.defineProperty(sites, name, { value, enumerable: true })
  return sites
}

export function entry(path: string, sites: unknown, more: Readonly<Record<string, unknown>> = {}): FileEntry {
  return { _id: new ObjectId(), path, hash: 'abc', sites, ...more }
}

export function representation(files: unknown, more: Readonly<Record<string, unknown>> = {}): Representation {
  return {
    _id: new ObjectId(),
    schema: 'openpype:representation-2.0',
    type: 'representation',
    parent: new ObjectId(),
    name: 'ma',
    context: { project: { name: 'prj' }, asset: 'hero', subset: 'model', version: 1, representation: 'ma' },
    data: { note: 'kept as it is' },
    files: files as FileEntry[],
    ...more,
  }
}

/** One file, wanted at `gdrive`, in array shape. */
export function wanted(path: string, record: SiteRecordJson = {}): Representation {
  return representation([entry(path, inArray({ name: 'gdrive', ...record }))])
}

/** The record of a site in either shape. */
export function recordOf(file: FileEntry | undefined, site: string): SiteRecordJson | undefined {
  const sites: unknown = file?.['sites']
  if (Array.isArray(sites)) return (sites as SiteRecordJson[]).find(({ name }) => name === site)
  return Object.entries((sites ?? {}) as Record<string, SiteRecordJson>).find(([name]) => name === site)?.[1]
}
