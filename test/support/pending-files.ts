import { readdir } from 'node:fs/promises'

import { expect } from 'vitest'

import { entry, inArray, inObject, recordOf, representation, type Representation } from './published.ts'
import { Stage } from './service-harness.ts'
import { waitFor } from './wait-for.ts'

export interface PublishOptions {
  readonly sites?: readonly string[]
  /** @defaultValue 1 */
  readonly framesEach?: number
  /** @defaultValue both in turn */
  readonly shape?: 'array' | 'object'
  readonly record?: Readonly<Record<string, unknown>>
  /** Of each file; its path, when left out. */
  readonly bytes?: number
}

/** So many files on the publish site, and representations that want them at `sites`, inserted at once. */
export async function publishFiles(stage: Stage, folder: string, count: number, options: PublishOptions = {}): Promise<Representation[]> {
  const { sites = ['gdrive'], framesEach = 1, shape, record = {}, bytes } = options
  const documents: Representation[] = []
  for (let first = 0; first < count; first += framesEach) {
    const isArray = shape === undefined ? documents.length % 2 === 0 : shape === 'array'
    const records = (): unknown =>
      isArray ? inArray(...sites.map((name) => ({ name, ...record }))) : inObject(Object.fromEntries(sites.map((name) => [name, record])))
    const paths = Array.from(
      { length: Math.min(framesEach, count - first) },
      (_, n) => `${folder}/x.${String(first + n).padStart(4, '0')}.exr`,
    )
    await Promise.all(paths.map(async (path) => await stage.file(path, bytes === undefined ? path : Buffer.alloc(bytes, path))))
    documents.push(representation(paths.map((path) => entry(`{root[work]}/${path}`, records()))))
  }
  await stage.insert(...documents)
  return documents
}

/** Waits until every record is marked, and checks that none says anything else; gives the ids at that site, by path. */
export async function expectMarked(
  stage: Stage,
  documents: readonly Representation[],
  site: string,
  withinMs = 60_000,
): Promise<Map<string, unknown>> {
  const ids = documents.map(({ _id }) => _id)
  const read = async (): Promise<Representation[]> =>
    await stage
      .project()
      .find({ _id: { $in: ids } })
      .toArray()
  const open = (some: readonly Representation[]): number =>
    some.flatMap(({ files }) => files).filter((file) => !(recordOf(file, site)?.['created_dt'] instanceof Date)).length
  const marked = await waitFor(
    `${documents.length} representations to be marked at ${site}`,
    async () => {
      const now = await read()
      return open(now) === 0 && now
    },
    { withinMs, seen: async () => `${open(await read())} files are not marked` },
  )
  const files = marked.flatMap((document) => document.files)
  expect(files).toHaveLength(documents.reduce((sum, document) => sum + document.files.length, 0))
  const records = files.map((file) => {
    const { name: _name, ...record } = recordOf(file, site) ?? {}
    return { path: String(file.path).replace('{root[work]}/', ''), record }
  })
  const wanted = { created_dt: expect.any(Date) as Date, id: expect.any(String) as string }
  expect(records).toEqual(records.map(({ path }) => ({ path, record: wanted })))
  return new Map(records.map(({ path, record }) => [path, record['id']]))
}

/** Paths of the files below a folder of this machine; what an interrupted write left under a hidden name does not count. */
export async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter((one) => one.isFile() && !one.name.startsWith('.site-sync-'))
    .map((one) => `${one.parentPath}/${one.name}`.slice(dir.length + 1))
    .toSorted()
}
