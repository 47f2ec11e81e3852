import { toSyncError } from '../errors.ts'
import type { RootedPath } from '../model/site.ts'
import type { Provider, RemoteFile } from '../providers/provider.ts'

/**
 * Of the bytes at the target; undefined when that file is gone since, or can't be read. To replace it is what helps then: what a
 * provider says of a file that it reads is meant for a source, and nothing is wrong with that one.
 */
export async function storedChecksum(
  target: Provider,
  path: RootedPath,
  file: RemoteFile,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await target.checksum(path, file, { signal })
  } catch (thrown) {
    if (signal.aborted || toSyncError(thrown).kind !== 'file') throw thrown
    return undefined
  }
}
