import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { ObjectId } from 'mongodb'
import { expect, onTestFinished, test } from 'vitest'

import { content, resolveSeedPath } from '../../../replica-set-dev/seed-files.ts'
import { fileEntry, PENDING_UPLOAD, PUBLISHED, representation, versionChain, writeFiles } from '../../../replica-set-dev/seed.ts'
import { smallProduction } from '../../../replica-set-dev/small-production.ts'

const bytes = (key: string, size: number): Buffer => Buffer.concat([...content(key, size)])

const PATH = '{root[work]}/film/hero.ma'

test('a file entry in both shapes says the same', () => {
  const id = new ObjectId()
  const common = { _id: id, path: PATH, size: 3, hash: 'hero,ma|1668000000,0|3' }
  expect(fileEntry({ id, path: PATH, size: 3, sites: PENDING_UPLOAD })).toEqual({
    ...common,
    sites: [{ name: 'studio', created_dt: PUBLISHED }, { name: 'gdrive' }],
  })
  expect(fileEntry({ id, path: PATH, size: 3, sites: PENDING_UPLOAD, shape: 'object' })).toEqual({
    ...common,
    sites: { studio: { created_dt: PUBLISHED }, gdrive: {} },
  })
})

test('a representation has what publishes write, and its files the sites of their own where given', () => {
  const files = [
    { path: PATH, size: 3 },
    { path: '{root}/b.ma', sites: { studio: {} }, shape: 'object' as const },
  ]
  const document = representation({ project: 'film', name: 'ma', files, root: { work: '/mnt/w' } })
  expect(document).toMatchObject({
    schema: 'openpype:representation-2.0',
    type: 'representation',
    name: 'ma',
    context: { project: { name: 'film' }, root: { work: '/mnt/w' }, asset: 'sh010', subset: 'maMain', version: 1, representation: 'ma' },
  })
  expect(document.files.map(({ sites }) => sites)).toEqual([
    [{ name: 'studio', created_dt: PUBLISHED }, { name: 'gdrive' }],
    { studio: {} },
  ])
  expect(representation({ project: 'film', name: 'ma', files })).not.toHaveProperty('context.root')
})

test('asset, subset and version hang together', () => {
  const { assetDocument, subsetDocument, versionDocument } = versionChain({ asset: 'hero', subset: 'modelMain', version: 2 })
  const { _id: assetId } = assetDocument
  const { _id: subsetId } = subsetDocument
  expect(subsetDocument).toMatchObject({ type: 'subset', name: 'modelMain', parent: assetId })
  expect(versionDocument).toMatchObject({ type: 'version', name: 2, parent: subsetId })
})

test('content is the same in every run, differs between files, and a longer one starts like a shorter', () => {
  expect(bytes('a', 3_000_000)).toHaveLength(3_000_000)
  expect(bytes('a', 100)).toEqual(bytes('a', 2_000_000).subarray(0, 100))
  expect(bytes('a', 100)).not.toEqual(bytes('b', 100))
  expect(bytes('a', 0)).toHaveLength(0)
  expect(createHash('md5').update(bytes('seed', 1000)).digest('hex')).toBe('4900460bcfd68360e9ef430c9fe4ff8a')
})

test('files lie where their root token says, and a root that is not there is refused', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'seed-'))
  onTestFinished(async () => rm(root, { recursive: true, force: true }))
  const [file] = await writeFiles({ work: root }, [{ path: PATH, size: 2_500_000 }])
  expect(file).toMatchObject({ path: PATH, absolutePath: path.join(root, 'film/hero.ma'), size: 2_500_000 })
  const stored = await readFile(path.join(root, 'film/hero.ma'))
  expect(createHash('md5').update(stored).digest('hex')).toBe(file?.md5)
  expect(resolveSeedPath('/mnt/w', '{root}/a/b')).toBe(path.normalize('/mnt/w/a/b'))
  expect(() => resolveSeedPath('/mnt/w', PATH)).toThrow('no root')
  expect(() => resolveSeedPath({ render: '/mnt/r' }, PATH)).toThrow('no root')
})

test('the small production has one of everything, and is the same in every run', () => {
  const production = smallProduction({ project: 'film', root: '/mnt/w' })
  expect(smallProduction({ project: 'film', root: '/mnt/w' })).toEqual(production)

  const ids = production.documents.map(({ _id }) => _id.toHexString())
  expect(new Set(ids).size).toBe(ids.length)
  const parents = production.representations.map(({ parent }) => parent.toHexString())
  expect(ids).toEqual(expect.arrayContaining(parents))

  const entries = production.representations.flatMap(({ files }) => files)
  expect(new Set(entries.map(({ sites }) => Array.isArray(sites)))).toEqual(new Set([true, false]))
  expect(production.representations.some(({ files }) => files.length === 24)).toBe(true)
  const paths = entries.map((entry) => entry.path)
  const shared = paths.filter((file, index) => paths.indexOf(file) !== index)
  expect(shared).toHaveLength(1)
  expect(production.missing).toHaveLength(1)
  const made = production.files.map((file) => file.path)
  expect([...made, ...production.missing].sort()).toEqual([...new Set(paths)].sort())
})
