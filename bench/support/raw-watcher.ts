// What the driver alone does: a change stream, and (when asked to) a durable copy and a write for each insert. Notes when, and tells on
// request.
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import { ChangeStream, MongoClient, type ObjectId } from 'mongodb'

import { now } from './clock.ts'
import type { Seen } from './raw-watch.ts'
import { serve } from './served.ts'

interface Watched {
  readonly uri: string
  readonly database: string
  readonly collection: string
  readonly copy?: { readonly from: string; readonly to: string }
}

interface Published {
  readonly _id: ObjectId
  readonly files: readonly { readonly path: string }[]
}

const seen: Seen[] = []
let marks = 0
let wanted: { readonly count: number; readonly resolve: () => void } | undefined

function noted(): void {
  if (wanted && seen.length >= wanted.count && marks >= wanted.count) wanted.resolve()
}

/** To a temporary file, which is synced and renamed, and its folder synced. */
async function copyDurably(from: string, to: string): Promise<void> {
  const folder = dirname(to)
  await mkdir(folder, { recursive: true })
  const part = `${to}.part`
  const file = await open(part, 'wx')
  await file.writeFile(await readFile(from))
  await file.sync()
  await file.close()
  await rename(part, to)
  const directory = await open(folder)
  await directory.sync()
  await directory.close()
}

serve({
  watch: async ({ uri, database, collection, copy }: Watched) => {
    const client = await new MongoClient(uri, { writeConcern: { w: 'majority' } }).connect()
    const documents = client.db(database).collection<Published>(collection)
    const stream = documents.watch<Published>([{ $match: { operationType: 'insert' } }])
    const opened = new Promise((resolve) => stream.once(ChangeStream.RESUME_TOKEN_CHANGED, resolve))
    stream.on('change', (change) => {
      if (change.operationType !== 'insert') return
      const event: Seen = { id: change.documentKey._id.toHexString(), at: now() }
      seen.push(event)
      if (copy) void markSynced(event, change.fullDocument, copy)
      else marks++
      noted()
    })
    async function markSynced(event: Seen, { _id, files }: Published, { from, to }: NonNullable<Watched['copy']>): Promise<void> {
      const path = String(files[0]?.path).replace('{root[work]}', '')
      await copyDurably(join(from, path), join(to, path))
      const record = 'files.0.sites.1'
      await documents.updateOne({ _id }, { $set: { [`${record}.id`]: 'x' }, $currentDate: { [`${record}.created_dt`]: true } })
      event.markedAt = now()
      marks++
      noted()
    }
    await opened
  },
  /** Everything, as soon as so many inserts were seen, and answered. */
  seen: async (count: number) => {
    const all = Promise.withResolvers<void>()
    wanted = { count, resolve: all.resolve }
    noted()
    await all.promise
    return seen
  },
})
