import { isPlain, type Plain } from '../../model/document.ts'
import { REMOVE, type EditedFiles } from '../../model/record-edit.ts'
import { applyEdit, applyEdits } from '../edit-records.ts'
import type { DeleteCounts, DeleteParts, Item } from './parts.ts'

type RecordParts = DeleteParts & { readonly counts: DeleteCounts }

/** Takes the records of these entries out, a document at a time; gives the entries that have none now. */
export async function takeOut(parts: RecordParts, items: readonly Item[]): Promise<ReadonlySet<Item>> {
  const gone = new Set(items.filter(({ isLeft }) => isLeft))
  const own = items.filter(({ isLeft }) => !isLeft)
  for (const [document, ofDocument] of Map.groupBy(own, (item) => item.document)) {
    const [{ project }] = ofDocument as [Item]
    const byShape = Map.groupBy(ofDocument, ({ shape }) => shape)
    const done = await applyEdits({ ...parts, project, document }, REMOVE, [...byShape.values()].map(editedOf))
    for (const { shape } of done) for (const item of byShape.get(shape) ?? []) gone.add(item)
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
