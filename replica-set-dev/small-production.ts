import { createHash } from 'node:crypto'

import { ObjectId } from 'mongodb'

import { PUBLISHED, representation, versionChain } from './seed.ts'
import type { Representation, SeedFile, SiteRecords, SitesShape, VersionChain } from './seed.ts'

export interface ProductionOptions {
  /** Name of the project and of its collection. */
  readonly project: string
  /** The root `work` of the machine that publishes. */
  readonly root: string
  readonly publishSite?: string
  readonly remoteSite?: string
}

type ChainDocument = VersionChain[keyof VersionChain]

export interface Production {
  /** Everything of the project's collection. The ids are the same in every run. */
  readonly documents: readonly (Representation | ChainDocument | ProjectDocument)[]
  readonly representations: readonly Representation[]
  /** Files to make, each path once. */
  readonly files: readonly SeedFile[]
  /** Paths that documents name and nobody made. */
  readonly missing: readonly string[]
}

interface ProjectDocument {
  readonly _id: ObjectId
  readonly type: 'project'
  readonly name: string
  readonly [field: string]: unknown
}

interface Publish {
  readonly asset: string
  readonly subset: string
  readonly family: string
  readonly name: string
  readonly shape: SitesShape
  readonly files: readonly SeedFile[]
  readonly missing?: boolean
}

const FRAMES = Array.from({ length: 24 }, (_, index) => String(1001 + index))

/**
 * One of everything a studio has: a scene, a sequence of 24 frames, a texture that two representations share, both shapes of
 * site records, and a scene whose file nobody can find.
 */
function publishes(project: string): Publish[] {
  const at = (path: string, size: number): SeedFile => ({ path: `{root[work]}/${project}/${path}`, size })
  const wood = at('assets/table/publish/texture/textureWood/v001/wood_diffuse.1001.tif', 300_000)
  const hero = 'assets/hero/publish'
  return [
    {
      asset: 'hero',
      subset: 'modelMain',
      family: 'model',
      name: 'ma',
      shape: 'array',
      files: [at(`${hero}/model/modelMain/v001/hero_modelMain_v001.ma`, 48_220)],
    },
    {
      asset: 'hero',
      subset: 'modelMain',
      family: 'model',
      name: 'abc',
      shape: 'object',
      files: [at(`${hero}/model/modelMain/v001/hero_modelMain_v001.abc`, 1_250_000)],
    },
    {
      asset: 'sh010',
      subset: 'renderMain',
      family: 'render',
      name: 'exr',
      shape: 'array',
      files: FRAMES.map((frame) => at(`shots/sh010/publish/render/renderMain/v003/sh010_renderMain_v003.${frame}.exr`, 96_000)),
    },
    { asset: 'table', subset: 'textureWood', family: 'texture', name: 'tif', shape: 'array', files: [wood] },
    {
      asset: 'table',
      subset: 'lookMain',
      family: 'look',
      name: 'ma',
      shape: 'object',
      files: [at('assets/table/publish/look/lookMain/v001/table_lookMain_v001.ma', 9_400), wood],
    },
    {
      asset: 'sh020',
      subset: 'workfileLayout',
      family: 'workfile',
      name: 'blend',
      shape: 'array',
      missing: true,
      files: [at('shots/sh020/publish/workfile/workfileLayout/v001/sh020_workfileLayout_v001.blend', 77_000)],
    },
  ]
}

export function smallProduction({ project, root, publishSite = 'studio', remoteSite = 'gdrive' }: ProductionOptions): Production {
  const idOf = (what: string): ObjectId => new ObjectId(createHash('sha256').update(`${project} ${what}`).digest('hex').slice(0, 24))
  const sites: SiteRecords = { [publishSite]: { created_dt: PUBLISHED }, [remoteSite]: {} }
  const chains = new Map<string, ChainDocument>()
  const files = new Map<string, SeedFile>()
  const all = publishes(project)

  const representations = all.map(({ asset, subset, family, name, shape, files: own, missing = false }) => {
    const chain = versionChain({ asset, subset, family, idOf })
    const { _id: parent } = chain.versionDocument
    for (const document of Object.values(chain) as ChainDocument[]) {
      const { _id: id } = document
      chains.set(id.toHexString(), document)
    }
    if (!missing) for (const file of own) files.set(file.path, file)
    const key = `representation ${asset} ${subset} ${name}`
    return representation({
      project,
      name,
      asset,
      subset,
      shape,
      sites,
      parent,
      root: { work: root },
      id: idOf(key),
      files: own.map((file) => ({ ...file, id: idOf(`${key} ${file.path}`) })),
    })
  })
  const projectDocument: ProjectDocument = {
    _id: idOf('project'),
    schema: 'openpype:project-3.0',
    type: 'project',
    name: project,
    data: { code: project.slice(0, 4) },
  }
  return {
    documents: [projectDocument, ...chains.values(), ...representations],
    representations,
    files: [...files.values()],
    missing: all.flatMap((publish) => (publish.missing === true ? publish.files.map(({ path }) => path) : [])),
  }
}
