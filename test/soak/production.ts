import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { MongoNetworkError, MongoServerError, ObjectId, type Collection, type Document } from 'mongodb'

export const TARGETS = ['nas', 'gdrive'] as const

interface Published {
  readonly path: string
  readonly md5: string
}

/** What the soak publishes, and what must be there in the end. */
export class Production {
  readonly files: Published[] = []
  readonly #studio: string
  readonly #collection: Collection

  constructor(studio: string, collection: Collection) {
    this.#studio = studio
    this.#collection = collection
  }

  /** One representation of a few files; every fortieth file is large. */
  async publish(count: number): Promise<void> {
    const name = `r${this.files.length}`
    const entries: Document[] = []
    for (let index = 0; index < count; index++) {
      const path = `shots/${name}/frame.${String(index).padStart(4, '0')}.exr`
      const size = (this.files.length + 1) % 40 === 0 ? 7_000_000 : 1_000 + ((this.files.length * 7_919) % 60_000)
      const bytes = Buffer.alloc(size, `${path} `)
      await mkdir(dirname(join(this.#studio, path)), { recursive: true })
      await writeFile(join(this.#studio, path), bytes)
      this.files.push({ path, md5: createHash('md5').update(bytes).digest('hex') })
      entries.push({ _id: new ObjectId(), path: `{root}/${path}`, size, sites: sitesOf(this.files.length % 2 === 0) })
    }
    await insertSurely(this.#collection, { _id: new ObjectId(), type: 'representation', name, files: entries })
  }

  /** Records that are not as they must be: marked, with no error and no tries left over. */
  async open(): Promise<number> {
    let open = 0
    for await (const { files } of this.#collection.find({ type: 'representation' })) {
      for (const { sites } of files as { sites: Document }[]) for (const target of TARGETS) if (!isDone(sites, target)) open++
    }
    return open
  }

  /** Files that a folder does not hold to the byte. */
  async wrongIn(folder: string): Promise<number> {
    let wrong = 0
    for (const { path, md5 } of this.files) {
      const bytes = await readFile(join(folder, path)).catch(() => undefined)
      if (bytes === undefined || createHash('md5').update(bytes).digest('hex') !== md5) wrong++
    }
    return wrong
  }
}

function sitesOf(isArray: boolean): Document {
  const studio = { created_dt: new Date() }
  return isArray
    ? [{ name: 'studio', ...studio }, ...TARGETS.map((name) => ({ name }))]
    : { studio, ...Object.fromEntries(TARGETS.map((name) => [name, {}])) }
}

function isDone(sites: Document, target: string): boolean {
  const record = (Array.isArray(sites) ? sites.find(({ name }: Document) => name === target) : sites[target]) as Document | undefined
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
