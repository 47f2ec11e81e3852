import { FOLDER } from './store.ts'
import type { Entry, Store } from './store.ts'

/** A file as the API describes it, with all its fields; those named in `omit` are missing. */
export function fileResource(store: Store, entry: Entry, omit: ReadonlySet<string> = new Set()): Record<string, unknown> {
  const revision = entry.revisions.at(-1)
  const above = entry.parent === undefined ? undefined : store.peek(entry.parent)
  const editable = store.mayAtLeast(entry, 'writer')
  const target = entry.target === undefined ? undefined : store.peek(entry.target)
  const all: Record<string, unknown> = {
    kind: 'drive#file',
    id: entry.id,
    name: entry.name,
    mimeType: entry.mimeType,
    trashed: store.isTrashed(entry),
    explicitlyTrashed: entry.explicitlyTrashed,
    createdTime: entry.createdTime,
    modifiedTime: entry.modifiedTime,
    ...(entry.driveId === undefined ? { ownedByMe: entry.mine } : {}),
    capabilities: {
      canAddChildren: editable,
      canEdit: editable,
      canTrash: store.mayTrash(entry),
      canDelete: store.mayDelete(entry),
      // As there, only of folders on shared drives.
      ...(entry.driveId === undefined || entry.mimeType !== FOLDER
        ? {}
        : { canTrashChildren: store.mayTrash(entry), canDeleteChildren: store.mayDelete(entry) }),
    },
    ...(above === undefined || store.roleOf(above) === undefined ? {} : { parents: [above.id] }),
    ...(entry.driveId === undefined ? {} : { driveId: entry.driveId }),
    ...(Object.keys(entry.appProperties).length === 0 ? {} : { appProperties: entry.appProperties }),
    ...(entry.target === undefined ? {} : { shortcutDetails: { targetId: entry.target, targetMimeType: target?.mimeType ?? '' } }),
    ...(revision === undefined
      ? {}
      : {
          size: String(revision.content.size),
          md5Checksum: revision.content.md5,
          sha256Checksum: revision.content.sha256,
          headRevisionId: revision.id,
        }),
  }
  return Object.fromEntries(Object.entries(all).filter(([name]) => !omit.has(name)))
}

/** What an answer has when no fields are asked for. */
export const DEFAULT_FIELDS = 'kind,id,name,mimeType'
