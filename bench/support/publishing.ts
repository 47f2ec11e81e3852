import { mkdir, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { entry, inArray, representation, type Representation } from '../../test/support/published.ts'
import type { Production } from './bench-server.ts'
import { now } from './clock.ts'

/** Files a folder, as a version of a sequence has. */
const TOGETHER = 100
const WRITTEN_AT_ONCE = 16

/** One-file representations in array shape, wanted at `mirror`; their paths are `pathOf(document)`. */
export function oneFileEach(count: number, prefix = 'x'): Representation[] {
  return Array.from({ length: count }, (_, n) => {
    const path = `${prefix}/v${String(Math.floor(n / TOGETHER)).padStart(4, '0')}/x.${String(n).padStart(6, '0')}.exr`
    return representation([entry(`{root[work]}/${path}`, inArray('mirror'))])
  })
}

/** Of the only file, below the root. */
export function pathOf({ files: [file] }: Representation): string {
  return String(file?.path).replace('{root[work]}/', '')
}

/** Puts the files of these representations on the publish site, all different, and sees that they are on the disk. */
export async function writeFiles({ studio }: Production, documents: readonly Representation[], bytes: number): Promise<void> {
  const content = randomBytes(bytes)
  const paths = documents.map((document) => join(studio, pathOf(document)))
  for (const folder of new Set(paths.map(dirname))) await mkdir(folder, { recursive: true })
  for (let at = 0; at < paths.length; at += WRITTEN_AT_ONCE) {
    await Promise.all(
      paths.slice(at, at + WRITTEN_AT_ONCE).map(async (path, n) => {
        const own = Buffer.from(content)
        own.writeUInt32BE(at + n)
        await writeFile(path, own, { flush: true })
      }),
    )
  }
}

/** Inserts so many a second, none waiting for another; gives when each insert was begun, by `now()`. */
async function publishPaced({ collection }: Production, documents: readonly Representation[], perSecond: number): Promise<number[]> {
  const inserts: Promise<unknown>[] = []
  const begun: number[] = []
  const start = now()
  for (const [n, document] of documents.entries()) {
    const wait = start + (n * 1_000) / perSecond - now()
    if (wait > 0) await delay(wait)
    begun.push(now())
    inserts.push(collection.insertOne(document, { writeConcern: { w: 'majority' } }))
  }
  await Promise.all(inserts)
  return begun
}

/**
 * Publishes that come before those that are measured. A service runs for months, and V8 compiles only what has run often: the first
 * thousand files of a process take several times as much of the processor as later ones.
 */
export const WARM = 2_000
const WARM_PER_SECOND = 100

/** The first `warm` of them, and when these have `ended`, the others, so many a second; gives when each of the others was begun. */
export async function publishWarmed(
  production: Production,
  documents: readonly Representation[],
  { warm, rate, ended }: { readonly warm: number; readonly rate: number; readonly ended: () => Promise<unknown> },
): Promise<number[]> {
  await publishPaced(production, documents.slice(0, warm), WARM_PER_SECOND)
  await ended()
  return await publishPaced(production, documents.slice(warm), rate)
}

/** Inserts all, as fast as that goes. */
export async function publishAtOnce({ collection }: Production, documents: readonly Representation[]): Promise<void> {
  const batches = Array.from({ length: Math.ceil(documents.length / 1_000) }, (_, n) => documents.slice(n * 1_000, (n + 1) * 1_000))
  await Promise.all(batches.map(async (batch) => collection.insertMany(batch, { ordered: false, writeConcern: { w: 'majority' } })))
}

/** Throws unless every record of `mirror` says that the file is there. */
export async function assertSynced({ collection }: Production): Promise<void> {
  const pending = await collection.countDocuments({
    files: { $elemMatch: { sites: { $elemMatch: { name: 'mirror', created_dt: null } } } },
  })
  if (pending > 0) throw new Error(`${pending} representations are not synced`)
}
