import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { MongoNetworkError, MongoServerError, ObjectId, type Collection, type Document } from 'mongodb'

/** Where the studio's files are to get; every second representation, to the artist's machine as well. */
const TARGETS = ['nas', 'gdrive'] as const
/** Every so many representations the artist publishes one, which the studio gets by way of the drive. */
const OF_ARTIST = 5

interface Published {
  readonly path: string
  readonly md5: string
  readonly origin: Origin
  /** Sites that ask for it. */
  readonly targets: readonly string[]
}

type Origin = 'studio' | 'artist'

/** What the soak publishes, and what must be there in the end. */
export class Production {
  readonly files: Published[] = []
  /** Of the representations that are in the database. */
  readonly names: string[] = []
  readonly #folders: Readonly<Record<Origin, string>>
  readonly #collection: Collection
  #representations = 0

  constructor(folders: Readonly<Record<Origin, string>>, collection: Collection) {
    this.#folders = folders
    this.#collection = collection
  }

  get records(): number {
    return this.files.reduce((sum, { targets }) => sum + targets.length, 0)
  }

  /** What a site must hold in the end. */
  at(site: string): readonly Published[] {
    return this.files.filter(({ origin, targets }) => origin === site || targets.includes(site))
  }

  /** One representation of a few files; every fortieth file is large. */
  async publish(count: number): Promise<void> {
    const name = `r${this.files.length}`
    const number = this.#representations++
    const origin = number % OF_ARTIST === OF_ARTIST - 1 ? 'artist' : 'studio'
    const other = origin === 'artist' ? ['studio'] : number % 2 === 0 ? ['artist'] : []
    const targets = [...TARGETS, ...other]
    const entries: Document[] = []
    for (let index = 0; index < count; index++) {
      const path = `shots/${name}/frame.${String(index).padStart(4, '0')}.exr`
      const size = (this.files.length + 1) % 40 === 0 ? 7_000_000 : 1_000 + ((this.files.length * 7_919) % 60_000)
      const bytes = Buffer.alloc(size, `${path} `)
      const full = join(this.#folders[origin], path)
      await mkdir(dirname(full), { recursive: true })
      await writeFile(full, bytes)
      const sites = sitesOf(origin, targets, this.files.length % 2 === 1)
      this.files.push({ path, md5: createHash('md5').update(bytes).digest('hex'), origin, targets })
      entries.push({ _id: new ObjectId(), path: `{root}/${path}`, size, sites })
    }
    await insertSurely(this.#collection, { _id: new ObjectId(), type: 'representation', name, files: entries })
    this.names.push(name)
  }

  /** Records that are not as they must be: marked, with no error and no tries left over. */
  async open(): Promise<readonly Document[]> {
    const open: Document[] = []
    for await (const { files } of this.#collection.find({ type: 'representation' })) {
      for (const { path, sites } of files as { path: string; sites: Document }[]) {
        for (const site of namesOf(sites)) if (!isDone(sites, site)) open.push({ path, site, record: recordAt(sites, site) })
      }
    }
    return open
  }

  /** Files that the folder of a site does not hold to the byte. */
  async wrongAt(site: string, folder: string): Promise<number> {
    let wrong = 0
    for (const { path, md5 } of this.at(site)) {
      const bytes = await readFile(join(folder, path)).catch(() => undefined)
      if (bytes === undefined || createHash('md5').update(bytes).digest('hex') !== md5) wrong++
    }
    return wrong
  }
}

function sitesOf(origin: Origin, targets: readonly string[], isArray: boolean): Document {
  const there = { created_dt: new Date() }
  return isArray
    ? [{ name: origin, ...there }, ...targets.map((name) => ({ name }))]
    : { [origin]: there, ...Object.fromEntries(targets.map((name) => [name, {}])) }
}

function namesOf(sites: Document): string[] {
  return Array.isArray(sites) ? sites.map(({ name }: Document) => String(name)) : Object.keys(sites)
}

function recordAt(sites: Document, target: string): Document | undefined {
  return (Array.isArray(sites) ? sites.find(({ name }: Document) => name === target) : sites[target]) as Document | undefined
}

function isDone(sites: Document, target: string): boolean {
  const record = recordAt(sites, target)
  return record?.['created_dt'] instanceof Date && record['error'] === undefined && record['tries'] === undefined
}

/** A publisher that is told of a failure tries again; that it was written after all is no failure. */
async function insertSurely(collection: Collection, document: Document): Promise<void> {
  for (;;) {
    try {
      await collection.insertOne(document, { writeConcern: { w: 'majority' } })
      return
    } catch (error) {
      if (error instanceof MongoServerError && error.code === 11_000) return
      const isPassing =
        error instanceof MongoNetworkError ||
        (error instanceof Error && /Mongo(Server|Pool|NotPrimary|Write|ServerSelection)/.test(error.name))
      if (!isPassing) throw error
    }
  }
}
