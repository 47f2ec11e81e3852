import { SyncError } from '../../errors.ts'
import { withoutSecrets } from '../../secrets.ts'
import type { RemoteFile } from '../provider.ts'

export const FOLDER = 'application/vnd.google-apps.folder'
export const SHORTCUT = 'application/vnd.google-apps.shortcut'
const GOOGLE_APPS = 'application/vnd.google-apps.'

/** What is asked of Drive about a file or folder; without a list it tells id, name and type only. */
export const ITEM_FIELDS =
  'id,name,mimeType,size,md5Checksum,headRevisionId,modifiedTime,createdTime,trashed,parents,driveId,ownedByMe,shortcutDetails(targetId,targetMimeType)'

/** A file, folder or shortcut of Drive. */
export interface Item {
  readonly id: string
  readonly name: string
  readonly mimeType: string
  readonly size: number | undefined
  /** Lower-case hex. */
  readonly md5: string | undefined
  readonly revision: string | undefined
  readonly modified: Date | undefined
  /** RFC 3339, so that its order is that of time. */
  readonly createdTime: string
  readonly trashed: boolean
  /** Undefined when the account can't see them. */
  readonly parents: readonly string[] | undefined
  readonly driveId: string | undefined
  /** It takes of the account's storage. */
  readonly mine: boolean
  readonly target: { readonly id: string; readonly mimeType: string } | undefined
  readonly may: Rights
}

/** What the account may do in a folder; undefined where it was not asked for, or Drive does not say. */
interface Rights {
  readonly addChildren: boolean | undefined
  readonly trashChildren: boolean | undefined
  readonly deleteChildren: boolean | undefined
}

/** A folder, and the shared drive that it is on. */
export interface FolderRef {
  readonly id: string
  readonly driveId?: string
  /** For messages. */
  readonly name: string
}

/** Reads an answer that may be anything; rejects as `INTERRUPTED` what is no file. */
export function toItem(answer: unknown): Item {
  if (typeof answer !== 'object' || answer === null) throw nonsense()
  const json = answer as Record<string, unknown>
  const id = text(json['id'])
  // It is stored: a server that answers with what it was told in confidence would have it shown.
  if (id === undefined || withoutSecrets(id) !== id) throw nonsense()
  const size = json['size'] === undefined || json['size'] === null ? undefined : Number(json['size'])
  const modified = text(json['modifiedTime'])
  const shortcut = json['shortcutDetails'] as { targetId?: string; targetMimeType?: string } | undefined
  const capabilities = json['capabilities'] as Record<string, boolean | undefined> | undefined
  return {
    id,
    name: text(json['name']) ?? '',
    mimeType: text(json['mimeType']) ?? '',
    size,
    md5: text(json['md5Checksum'])?.toLowerCase(),
    revision: text(json['headRevisionId']),
    modified: modified === undefined ? undefined : new Date(modified),
    createdTime: text(json['createdTime']) ?? '',
    trashed: json['trashed'] === true,
    parents: Array.isArray(json['parents']) ? (json['parents'] as string[]) : undefined,
    driveId: text(json['driveId']),
    mine: json['ownedByMe'] === true,
    target: shortcut?.targetId === undefined ? undefined : { id: shortcut.targetId, mimeType: shortcut.targetMimeType ?? '' },
    may: {
      addChildren: capabilities?.['canAddChildren'],
      trashChildren: capabilities?.['canTrashChildren'],
      deleteChildren: capabilities?.['canDeleteChildren'],
    },
  }
}

export function toRemoteFile({ id, size, modified, md5, revision }: Item): RemoteFile {
  return {
    id,
    identity: `gdrive:${id}`,
    size: size ?? 0,
    ...(modified === undefined ? {} : { modified }),
    ...(md5 === undefined ? {} : { checksum: { algorithm: 'md5', value: md5 } as const }),
    ...(revision === undefined ? {} : { version: revision }),
  }
}

export function isFolder(item: Item): boolean {
  return item.mimeType === FOLDER || (item.mimeType === SHORTCUT && item.target?.mimeType === FOLDER)
}

/** Something with bytes: Google's own documents, shortcuts and folders have none. */
export function isFile(item: Item): boolean {
  return !item.mimeType.startsWith(GOOGLE_APPS)
}

/** Names are the same when they look the same: the two ways to write an accent do not differ, upper and lower case do. */
export function nameKey(name: string): string {
  return name.normalize('NFC')
}

/** Is it in this folder, under this name? */
export function isAt({ trashed, parents, name: called }: Item, folder: FolderRef, name: string): boolean {
  return !trashed && parents?.includes(folder.id) !== false && nameKey(called) === nameKey(name)
}

/** Is there no other way to write it? Then Drive finds it by asking for it. */
export function hasOneSpelling(name: string): boolean {
  return /^[\x20-\x7e]*$/.test(name)
}

/** Drive allows many items of one name; everyone takes the oldest, then the one whose id comes first. */
export function byAge(a: Item, b: Item): number {
  return compare(a.createdTime, b.createdTime) || compare(a.id, b.id)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function nonsense(): SyncError {
  return new SyncError('INTERRUPTED', 'Google Drive answered with something that is not a file')
}
