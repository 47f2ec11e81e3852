import { messageOf, SyncError } from '../../errors.ts'
import { fileEntries, idPlain, idText, type RepresentationDocument } from '../../model/document.ts'
import { editedFiles, rawRecords, REMOVE } from '../../model/record-edit.ts'
import type { ProjectSettings } from '../../model/settings.ts'
import { readSites } from '../../model/site-record.ts'
import { orError, placeAt, projectSites } from '../../model/sources.ts'
import { placeKey, rootKey } from '../../model/transfer.ts'
import { ProjectRoots } from '../../streams/project-roots.ts'
import { removalStore, type Removal } from '../../streams/removals.ts'
import { selected, selectedSlowly } from '../../streams/selected.ts'
import { noCounts } from '../edit-records.ts'
import { selectedWithRoots } from '../selected-projects.ts'
import { deleteBatch, type BatchParts } from './delete-batch.ts'
import { holdPatiently } from './hold-places.ts'
import type { DeletedFile, DeleteCounts, DeleteParts, Item, Target } from './parts.ts'
import { RootIdentities } from './root-identities.ts'

/** Files that are decided on together: collections are read once for all of them. */
const BATCH = 200

export const noDeleteCounts = (): DeleteCounts => ({ ...noCounts(), deleted: 0, kept: 0, shared: 0, missing: 0 })

/**
 * Removes the selected records of a site, and with them its files: those that another site has as well, and that no other file entry has
 * there. Gives what became of each file. Running it again is safe, and goes on with what an earlier run has begun. Only one process does
 * it at a time: two that remove from different sites would each take the other's copy for granted.
 */
export async function* deleteFiles(parts: DeleteParts, counts: DeleteCounts): AsyncGenerator<DeletedFile> {
  const { db, state, settings, selection, site, dryRun, who, signal } = parts
  const { database } = settings.mongo
  await using lock = dryRun
    ? undefined
    : await holdPatiently(state, `delete-files\0${database}`, who, { leaseSeconds: settings.leaseSeconds, signal })
  if (signal.aborted) return
  if (!dryRun && lock === undefined) throw new Error('somebody else deletes files now: run it again when that has ended')
  const lost = lock?.signal ?? signal
  const all = AbortSignal.any([signal, lost])
  const batches: Omit<BatchParts, keyof DeleteParts> = {
    removals: removalStore(state, database, who),
    identities: new RootIdentities(parts.providers, lost),
    roots: new ProjectRoots({ db, settings }),
    trouble: new Map(),
    letGo: new Set(),
    counts,
    lost,
  }
  const batch = async (items: readonly Item[]): Promise<readonly DeletedFile[]> => {
    const { targets, unusable } = targetsOf(parts, items, counts)
    const done = await deleteBatch({ ...parts, ...batches, signal: all }, targets)
    parts.progress?.(counts)
    return [...unusable, ...done]
  }
  try {
    for await (const { project, own } of selectedWithRoots(db, settings, selection)) {
      const sites = [...new Set([...projectSites(own), site])]
      let waiting: Item[] = await leftItems(parts, batches, project, own, sites)
      for await (const document of selectedSlowly(db, project, selection, { sites, signal: all })) {
        counts.looked++
        for (const item of itemsOf(parts, project, own, document)) {
          waiting.push(item)
          if (waiting.length < BATCH) continue
          yield* await batch(waiting)
          waiting = []
          if (all.aborted) return
        }
      }
      if (waiting.length > 0 && !all.aborted) yield* await batch(waiting)
      if (all.aborted) return
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function itemsOf(parts: DeleteParts, project: string, own: ProjectSettings, document: RepresentationDocument): readonly Item[] {
  const { selection, site } = parts
  const edited = editedFiles(document.files, REMOVE, { selection, sites: [site], retryCount: own.retryCount })
  return edited.flatMap(({ entries, shape }) =>
    entries.map((entry) => {
      const path = typeof entry['path'] === 'string' ? entry['path'] : String(entry['path'])
      const records = rawRecords(entry['sites'], site)
      const removal = { project, representationId: document._id, fileId: entry['_id'], site, path, records }
      return { project, own, document, entry, shape, path, isLeft: false, removal }
    }),
  )
}

/** Files of this selection whose records an earlier run has taken out, whatever these said; what nobody can go on with is forgotten. */
async function leftItems(
  { db, selection, site, dryRun, signal }: DeleteParts,
  { removals }: Pick<BatchParts, 'removals'>,
  project: string,
  own: ProjectSettings,
  sites: readonly string[],
): Promise<Item[]> {
  const left = await removals.left(project, site)
  if (left.length === 0) return []
  const ids = left.map(({ representationId }) => representationId)
  const { states: _states, error: _error, ...rest } = selection
  const meant = new Map<string, RepresentationDocument>()
  for await (const document of selected(db, project, rest, { sites, signal, ids })) meant.set(idText(document._id), document)
  const present = new Set<string>()
  for await (const document of selected(db, project, {}, { sites, signal, ids })) present.add(idText(document._id))
  const items: Item[] = []
  const ended: Removal[] = []
  for (const removal of left) {
    const key = idText(removal.representationId)
    const document = meant.get(key)
    const entry =
      document && fileEntries(document).find((each) => idText(each['_id']) === idText(removal.fileId) && each['path'] === removal.path)
    const isBack = entry !== undefined && rawRecords(entry['sites'], site).length > 0
    if (document && entry && !isBack) {
      const { shape } = readSites(entry['sites'])
      items.push({ project, own, document, entry, shape, path: removal.path, isLeft: true, removal })
    } else if (document || !present.has(key)) ended.push(removal)
  }
  if (!dryRun) await removals.end(ended)
  return items
}

/** The files that the items mean, each once; what can't be looked for stays as it is. */
function targetsOf(
  { misconfigured }: DeleteParts,
  items: readonly Item[],
  counts: DeleteCounts,
): { readonly targets: readonly Target[]; readonly unusable: readonly DeletedFile[] } {
  const targets = new Map<string, { site: Target['site']; place: Target['place']; items: [Item, ...Item[]] }>()
  const unusable: DeletedFile[] = []
  for (const item of items) {
    const { project, document, own, path, removal, entry } = item
    const found = misconfigured.get(removal.site) ?? orError(() => placeAt({ document, settings: own }, path, removal.site))
    if (found === undefined || found instanceof SyncError || typeof entry['path'] !== 'string') {
      const why =
        found === undefined
          ? 'the site is not configured in this project'
          : found instanceof SyncError
            ? messageOf(found)
            : 'its path is no text'
      counts.kept++
      unusable.push({
        project,
        representation: idPlain(document._id),
        path,
        site: removal.site,
        outcome: 'kept',
        reason: 'not-looked',
        why,
      })
      continue
    }
    const key = placeKey(rootKey(found.site.name, found.place.root), found.place.path)
    const known = targets.get(key)
    if (known) known.items.push(item)
    else targets.set(key, { ...found, items: [item] })
  }
  return { targets: [...targets.values()], unusable }
}
