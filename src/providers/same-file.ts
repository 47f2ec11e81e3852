import { SyncError } from '../errors.ts'
import type { RemoteFile } from './provider.ts'

/** Are both descriptions, made at different times, of one file with one content? */
export function isSameFile(now: RemoteFile, looked: RemoteFile): boolean {
  return (
    now.id === looked.id &&
    now.identity === looked.identity &&
    now.size === looked.size &&
    now.version === looked.version &&
    now.checksum?.value === looked.checksum?.value
  )
}

/** Rejects with `SOURCE_CHANGED` when the file that stands there now is not the one that was looked at. `where`: for people. */
export function assertSameFile(now: RemoteFile, looked: RemoteFile, where: string): void {
  if (!isSameFile(now, looked))
    throw new SyncError('SOURCE_CHANGED', `${where} was replaced or changed since it was looked at: it is left there`)
}
