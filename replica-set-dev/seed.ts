import { ObjectId } from 'mongodb'

/** How `files[].sites` is written: a list of named records, or records by name. */
export type SitesShape = 'array' | 'object'

/** What a file entry says about one site; `{}` is a skeleton: please sync. */
interface SiteRecord {
  readonly created_dt?: Date
  readonly id?: string
  readonly error?: string
  readonly tries?: number
  readonly last_failed_dt?: Date
  readonly paused?: boolean
  readonly priority?: number
  readonly progress?: number
}

/** Records by site name. */
export type SiteRecords = Readonly<Record<string, SiteRecord>>

type SitesDocument = readonly (SiteRecord & { readonly name: string })[] | SiteRecords

export interface FileEntry {
  readonly _id: ObjectId
  readonly path: string
  readonly size: number
  readonly hash: string
  readonly sites: SitesDocument
}

export interface FileEntryOptions {
  /** With its root token: `{root[work]}/film/a.ma` or `{root}/film/a.ma`. */
  readonly path: string
  readonly size?: number
  readonly sites: SiteRecords
  readonly shape?: SitesShape
  readonly id?: ObjectId
}

export function fileEntry({ path, size = 0, sites, shape = 'array', id = new ObjectId() }: FileEntryOptions): FileEntry {
  return { _id: id, path, size, hash: fileHash(path, size), sites: sitesDocument(sites, shape) }
}

/** The site records in one of the two shapes; the order of names is kept. */
function sitesDocument(sites: SiteRecords, shape: SitesShape): SitesDocument {
  if (shape === 'array') return Object.entries(sites).map(([name, record]) => ({ name, ...record }))
  return Object.fromEntries(Object.entries(sites).map(([name, record]) => [name, { ...record }]))
}

/** As publishes write it: name, time and size, with commas for dots. It says nothing about the content. */
function fileHash(path: string, size: number): string {
  return [path.split('/').at(-1), '1668000000.0', size].join('|').replaceAll('.', ',')
}

/** A file of a representation; what is left out is as in the representation. */
export interface SeedFile {
  readonly path: string
  readonly size?: number
  readonly sites?: SiteRecords
  readonly shape?: SitesShape
  readonly id?: ObjectId
}

export interface Representation {
  readonly _id: ObjectId
  readonly schema: 'openpype:representation-2.0'
  readonly type: 'representation'
  readonly parent: ObjectId
  readonly name: string
  readonly context: {
    readonly project: { readonly name: string; readonly code: string }
    readonly root?: string | Readonly<Record<string, string>>
    readonly asset: string
    readonly subset: string
    readonly version: number
    readonly representation: string
    readonly ext: string
  }
  readonly data: { readonly path: string; readonly template: string }
  readonly files: readonly FileEntry[]
}

export interface RepresentationOptions {
  readonly project: string
  /** Such as `ma` or `exr`. */
  readonly name: string
  readonly files: readonly SeedFile[]
  /** Of every file that has none of its own. @defaultValue a source at `studio` and a skeleton at `gdrive` */
  readonly sites?: SiteRecords
  readonly shape?: SitesShape
  /** The publish machine's roots, as publishes write them into the document. */
  readonly root?: string | Readonly<Record<string, string>>
  readonly asset?: string
  readonly subset?: string
  readonly version?: number
  readonly parent?: ObjectId
  readonly id?: ObjectId
}

/** When everything in the seed was published. */
export const PUBLISHED = new Date('2022-11-09T13:20:00Z')

export const PENDING_UPLOAD: SiteRecords = { studio: { created_dt: PUBLISHED }, gdrive: {} }

export function representation(options: RepresentationOptions): Representation {
  const { project, name, root, asset = 'sh010', subset = `${name}Main`, version = 1, shape = 'array', sites = PENDING_UPLOAD } = options
  return {
    _id: options.id ?? new ObjectId(),
    schema: 'openpype:representation-2.0',
    type: 'representation',
    parent: options.parent ?? new ObjectId(),
    name,
    context: {
      project: { name: project, code: project.slice(0, 4) },
      ...(root === undefined ? {} : { root }),
      asset,
      subset,
      version,
      representation: name,
      ext: name,
    },
    data: {
      path: options.files[0]?.path ?? '',
      template: '{root[work]}/{project[name]}/{asset}/publish/{subset}/v{version:0>3}/{representation}',
    },
    files: options.files.map((file) => fileEntry({ sites, shape, ...file })),
  }
}

export interface VersionChain {
  readonly assetDocument: { readonly _id: ObjectId; readonly type: 'asset'; readonly [field: string]: unknown }
  readonly subsetDocument: { readonly _id: ObjectId; readonly type: 'subset'; readonly [field: string]: unknown }
  readonly versionDocument: { readonly _id: ObjectId; readonly type: 'version'; readonly [field: string]: unknown }
}

export interface VersionChainOptions {
  readonly asset: string
  readonly subset: string
  readonly version?: number
  readonly family?: string
  /** @defaultValue a new ObjectId for each */
  readonly idOf?: (what: string) => ObjectId
}

/** The documents that stand above a representation: its asset, subset and version. */
export function versionChain({
  asset,
  subset,
  version = 1,
  family = 'model',
  idOf = () => new ObjectId(),
}: VersionChainOptions): VersionChain {
  const assetId = idOf(`asset ${asset}`)
  const subsetId = idOf(`subset ${asset} ${subset}`)
  return {
    assetDocument: { _id: assetId, schema: 'openpype:asset-3.0', type: 'asset', name: asset, data: { tasks: {}, parents: [] } },
    subsetDocument: { _id: subsetId, schema: 'openpype:subset-3.0', type: 'subset', parent: assetId, name: subset, data: { family } },
    versionDocument: {
      _id: idOf(`version ${asset} ${subset} ${version}`),
      schema: 'openpype:version-3.0',
      type: 'version',
      parent: subsetId,
      name: version,
      data: { families: [family], time: '20221109T132000Z' },
    },
  }
}

export { writeFiles } from './seed-files.ts'
