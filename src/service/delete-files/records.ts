import { MongoServerError } from 'mongodb'

import { idPlain, isPlain, type Plain } from '../../model/document.ts'
import { REMOVE, type EditedFiles } from '../../model/record-edit.ts'
import { isPassing } from '../../streams/outage.ts'
import { applyEdit } from '../edit-records.ts'
import type { DeleteCounts, DeleteParts, Item } from './parts.ts'

type RecordParts = DeleteParts & { readonly counts: DeleteCounts }

/** Takes the records of these entries out, a document at a time; gives the entries that have none now. */
export async function takeOut(parts: RecordParts, items: readonly Item[]): Promise<ReadonlySet<Item>> {
  const { db, dryRun, counts, refused } = parts
  const gone = new Set(items.filter(({ isLeft }) => isLeft))
  const own = items.filter(({ isLeft }) => !isLeft)
  for (const ofDocument of Map.groupBy(own, ({ document }) => document).values()) {
    let isSkipped = false
    let records = 0
    for (const some of Map.groupBy(ofDocument, ({ shape }) => shape).values()) {
      const [{ project, document }] = some as [Item]
      try {
        if (dryRun || (await applyEdit(db, project, document, REMOVE, editedOf(some)))) {
          records += some.length
          for (const item of some) gone.add(item)
        } else isSkipped = true
      } catch (error) {
        if (!(error instanceof MongoServerError) || isPassing(error)) throw error
        counts.refused++
        refused?.(project, idPlain(document._id), error)
      }
    }
    counts.records += records
    if (records > 0) counts.representations++
    if (isSkipped) counts.skipped++
  }
  return gone
}

/** Puts the records back as they were, where nobody has made one since. */
export async function putBack({ db, counts }: RecordParts, items: readonly Item[]): Promise<void> {
  for (const item of items) {
    const { project, document, entry, removal, isLeft } = item
    const bare = { ...entry, sites: without(entry['sites'], removal.site) }
    const edited = { ...editedOf([item]), entries: [bare] }
    const isBack = await applyEdit(db, project, document, { kind: 'add', records: removal.records }, edited)
    if (isBack && !isLeft) counts.records--
  }
}

function editedOf(items: readonly Item[]): EditedFiles {
  const [{ removal, shape }] = items as [Item]
  const entries = items.map(({ entry }) => entry)
  return { site: removal.site, shape, fileIds: entries.map((entry) => entry['_id']), entries, created: 0 }
}

function without(sites: unknown, site: string): unknown {
  if (Array.isArray(sites)) return (sites as readonly unknown[]).filter((record) => !isPlain(record) || record['name'] !== site)
  return isPlain(sites) ? (Object.fromEntries(Object.entries(sites).filter(([name]) => name !== site)) as Plain) : sites
}
