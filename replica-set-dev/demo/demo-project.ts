import { createHash } from 'node:crypto'

import { ObjectId } from 'mongodb'

import type { Root } from '../../src/model/site.ts'
import { fileEntry, representation, versionChain, type Representation, type SeedFile, type SiteRecords } from '../seed.ts'
import { smallProduction } from '../small-production.ts'

/** Which sites a publish names, and how its paths begin. */
export interface PublishPlace {
  readonly project: string
  readonly publishSite: string
  readonly targets: readonly string[]
  /** Of multi-root sites: the root that the project's files are below. */
  readonly rootName: string | undefined
  /** Folder of that root on this machine. */
  readonly folder: string
}

export interface Publish {
  readonly representation: Representation
  /** Asset, subset, version: what stands above it. */
  readonly above: readonly { readonly _id: ObjectId }[]
  /** To be written below `{ work: folder }` first. */
  readonly files: readonly SeedFile[]
}

export interface Backlog {
  readonly documents: readonly { readonly _id: ObjectId }[]
  readonly files: readonly SeedFile[]
  /** As the documents name it: nobody writes that file. */
  readonly missing: readonly string[]
}

/** What is published before the service starts: both shapes, 24 frames, a shared texture, a file that nobody can find. */
export function backlog(place: PublishPlace): Backlog {
  const { documents, files, missing } = smallProduction({ project: place.project, root: place.folder })
  return {
    documents: documents.map((document) => (document.type === 'representation' ? published(document, place) : document)),
    files,
    missing: missing.map((path) => retoken(path, place)),
  }
}

interface Kind {
  readonly asset: string
  readonly subset: string
  readonly name: string
  readonly sizes: readonly number[]
}

/** Larger ones show their progress, and do not count as small files. */
const MOVIE_BYTES = 60_000_000
export const SMALL_BYTES = 2_000_000

const SMALL: readonly Kind[] = [
  ...['modelMain', 'rigMain', 'lookMain', 'cameraMain', 'layoutMain', 'animMain'].flatMap((subset, index): Kind[] => [
    { asset: 'sh030', subset, name: 'ma', sizes: [24_000 + 17_000 * index] },
    { asset: 'sh030', subset, name: index % 2 === 0 ? 'abc' : 'usd', sizes: [180_000 + 90_000 * index] },
  ]),
  { asset: 'sh040', subset: 'plateMain', name: 'jpg', sizes: Array.from({ length: 6 }, () => 64_000) },
]

const MOVIE: Kind = { asset: 'sh040', subset: 'reviewMain', name: 'mov', sizes: [MOVIE_BYTES] }

/** What is published while the service runs; the last one is large. */
export function publishesWhileRunning(place: PublishPlace): readonly Publish[] {
  return [...SMALL, MOVIE].map((kind, index) => publish(kind, index % 2 === 0 ? 'array' : 'object', place))
}

function publish({ asset, subset, name, sizes }: Kind, shape: 'array' | 'object', place: PublishPlace): Publish {
  const { project } = place
  const idOf = (what: string): ObjectId => new ObjectId(createHash('sha256').update(`${project} ${what}`).digest('hex').slice(0, 24))
  const { assetDocument, subsetDocument, versionDocument } = versionChain({ asset, subset, idOf })
  const at = (frame: string): string =>
    `{root[work]}/${project}/shots/${asset}/publish/${subset}/v001/${asset}_${subset}_v001${frame}.${name}`
  const files = sizes.map((size, index) => ({ path: at(sizes.length > 1 ? `.${1001 + index}` : ''), size }))
  const { _id: parent } = versionDocument
  const document = representation({ project, name, asset, subset, shape, parent, files })
  return { representation: published(document, place), above: [assetDocument, subsetDocument, versionDocument], files }
}

/** The same representation as the demo's publish site would write it for the demo's sites. */
function published(document: Representation, place: PublishPlace): Representation {
  const { publishSite, targets, rootName, folder } = place
  const skeletons = Object.fromEntries(targets.map((site) => [site, {}]))
  const sites: SiteRecords = { [publishSite]: { created_dt: new Date() }, ...skeletons }
  return {
    ...document,
    context: { ...document.context, root: rootName === undefined ? folder : { [rootName]: folder } },
    data: { ...document.data, path: retoken(document.data.path, place) },
    files: document.files.map(({ _id: id, size, path, sites: former }) =>
      fileEntry({ id, size, path: retoken(path, place), sites, shape: Array.isArray(former) ? 'array' : 'object' }),
    ),
  }
}

function retoken(path: string, { rootName }: PublishPlace): string {
  return path.replace('{root[work]}', () => (rootName === undefined ? '{root}' : `{root[${rootName}]}`))
}

/** `hero modelMain ma` */
export function labelOf({ context }: Pick<Representation, 'context'>): string {
  return `${context.asset} ${context.subset} ${context.representation}`
}

/** The name of the publish site's root that most targets know; undefined for a single root. */
export function commonRootName(own: Root, targets: readonly Root[]): string | undefined {
  if (typeof own === 'string') return undefined
  const known = (name: string): number => targets.filter((root) => typeof root !== 'string' && root.has(name)).length
  const [most] = [...own.keys()].toSorted((one, other) => known(other) - known(one))
  return most
}
