import { SyncError, toSyncError } from '../../errors.ts'

/** What fails at a root itself is the site's, also what would be a file's or of the moment elsewhere. */
export async function atRoot<T>(root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const fault = toSyncError(error)
    if (fault.kind === 'site' || fault.kind === 'stop') throw fault
    const message = `the root ${root} can't be used: ${fault.message}`
    throw new SyncError(fault.kind === 'transient' ? 'UNREACHABLE' : 'SITE_LIMIT', message, { cause: fault })
  }
}
