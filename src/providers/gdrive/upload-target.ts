import { driveTime } from './drive-time.ts'
import { ITEM_FIELDS } from './item.ts'
import type { FolderRef } from './item.ts'

/** What an upload creates or replaces. */
export interface UploadTarget {
  readonly id: string
  /** Its content is replaced, keeping id, links and permissions; otherwise it is created with that id. */
  readonly exists: boolean
  readonly folder: FolderRef
  readonly name: string
}

export function uploadMethod({ exists }: UploadTarget): 'POST' | 'PATCH' {
  return exists ? 'PATCH' : 'POST'
}

export function uploadUrl(endpoint: string, { id, exists }: UploadTarget, uploadType: 'multipart' | 'resumable'): string {
  const query = new URLSearchParams({ uploadType, supportsAllDrives: 'true', fields: ITEM_FIELDS })
  return `${endpoint}/upload/drive/v3/files${exists ? `/${encodeURIComponent(id)}` : ''}?${query.toString()}`
}

/** For messages. */
export function uploadWords({ name, folder }: Pick<UploadTarget, 'name' | 'folder'>): string {
  return `uploading "${name}" to the folder "${folder.name}"`
}

/** JSON. The time is kept to the millisecond. */
export function uploadMetadata({ id, exists, folder, name }: UploadTarget, modified: Date): string {
  const modifiedTime = driveTime(modified)
  return JSON.stringify(exists ? { modifiedTime } : { id, name, parents: [folder.id], modifiedTime })
}
