import type { Document } from 'mongodb'
import { expect, test } from 'vitest'

import { entry, recordOf, representation, T0, type Representation, type SiteRecordJson } from '../support/published.ts'
import { Stage } from '../support/service-harness.ts'
import { waitFor } from '../support/wait-for.ts'

const WRITERS = 4
const UPDATES_EACH = Number(process.env['SITE_SYNC_FUZZ_UPDATES'] ?? 150)
const REPRESENTATIONS = 12

/** The same numbers for the same seed. */
function random(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

type Change = (record: SiteRecordJson | undefined, now: Date) => SiteRecordJson | undefined

/** What a tool makes of the record of gdrive that it has read; written whole. */
const CHANGES: Readonly<Record<string, Change>> = {
  reset: () => ({}),
  pause: (record) => record && { ...record, paused: true },
  unpause: (record) => {
    const { paused: _paused, ...rest } = record ?? {}
    return record && rest
  },
  'failure by its server, in local time': (record, now) =>
    record && record['created_dt'] === undefined
      ? { ...record, error: 'legacy', tries: 1, last_failed_dt: new Date(now.getTime() + 7_200_000) }
      : record,
  priority: (record) => record && { ...record, priority: 70 },
  'add site': (record) => record ?? {},
}

test(`${WRITERS * UPDATES_EACH} updates by several tools at once: every record is true to the bytes in the end`, async () => {
  const stage = await Stage.open({ settings: { loopDelaySeconds: 1, retryCount: 5 } })
  stage.spy().chunkBytes = 64
  stage.spy().gate = async ({ verb }) => {
    if (verb === 'chunk') await new Promise((resolve) => setImmediate(resolve))
  }
  const documents: Representation[] = []
  for (let n = 0; n < REPRESENTATIONS; n++) {
    const paths = Array.from({ length: 1 + (n % 4) }, (_, frame) => `r${n}/f.${1001 + frame}.exr`)
    for (const path of paths) await stage.file(path, `${path} `.repeat(40))
    const sites = n % 2 === 0 ? [{ name: 'studio', created_dt: T0 }, { name: 'gdrive' }] : { studio: { created_dt: T0 }, gdrive: {} }
    documents.push(representation(paths.map((path) => entry(`{root[work]}/${path}`, sites))))
  }
  await stage.insert(...documents)
  const running = await stage.start()

  const write = async (seed: number): Promise<void> => {
    const next = random(seed)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T
    for (let n = 0; n < UPDATES_EACH; n++) {
      const { _id } = pick(documents)
      const now = await stage.project().findOne({ _id })
      if (!now) continue
      const at = Math.floor(next() * now.files.length)
      const change = CHANGES[pick(Object.keys(CHANGES))] as Change
      const record = change(recordOf(now.files[at], 'gdrive'), new Date())
      const [update, options] = wholeUpdate(now, at, record)
      await stage.project().updateOne({ _id }, update, options)
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, async (_, n) => await write(n + 1)))

  // In the end somebody wants all of them, and nothing is held back.
  for (const { _id } of documents) {
    const now = (await stage.project().findOne({ _id })) as Representation
    for (const at of now.files.keys()) {
      const record = recordOf(now.files[at], 'gdrive') ?? {}
      const isThere = record['created_dt'] !== undefined
      const [update, options] = wholeUpdate(now, at, isThere ? { created_dt: record['created_dt'], id: record['id'] } : {})
      await stage.project().updateOne({ _id }, update, options)
    }
  }
  const records = async (): Promise<{ path: string; record: SiteRecordJson | undefined }[]> =>
    (await stage.project().find().toArray()).flatMap(({ files }) =>
      files.map((file) => ({ path: String(file.path).replace('{root[work]}/', ''), record: recordOf(file, 'gdrive') })),
    )
  const open = async (): Promise<unknown[]> => (await records()).filter(({ record }) => !(record?.['created_dt'] instanceof Date))
  await waitFor('all of them', async () => (await open()).length === 0, { withinMs: 30_000, seen: open })
  for (const { path, record } of await records()) {
    expect([path, stage.spy().store.get(`/My Drive/w/${path}`)?.toString()]).toEqual([path, `${path} `.repeat(40)])
    expect(record).not.toHaveProperty('paused')
  }
  await running.stop()
}, 120_000)

function wholeUpdate({ files }: Pick<Representation, 'files'>, at: number, record: SiteRecordJson | undefined): [Document, Document] {
  const file = { 'f._id': files[at]?._id }
  const isArray = Array.isArray(files[at]?.['sites'])
  if (!isArray) {
    const field = 'files.$[f].sites.gdrive'
    return [record === undefined ? { $unset: { [field]: '' } } : { $set: { [field]: record } }, { arrayFilters: [file] }]
  }
  const isThere = recordOf(files[at], 'gdrive') !== undefined
  if (!isThere) return [{ $push: { 'files.$[f].sites': { name: 'gdrive', ...record } } }, { arrayFilters: [file] }]
  return [{ $set: { 'files.$[f].sites.$[s]': { name: 'gdrive', ...record } } }, { arrayFilters: [file, { 's.name': 'gdrive' }] }]
}
