import type { ErrorCode } from '../../errors.ts'
import { SyncError } from '../../errors.ts'

type Side = 'read' | 'write'

/** What an error number of the operating system means for a transfer, and how to say it. */
const FAULTS: Readonly<Record<string, readonly [ErrorCode | Readonly<Record<Side, ErrorCode>>, string]>> = {
  ENOSPC: ['DISK_FULL', 'no space is left on the disk'],
  EDQUOT: ['DISK_FULL', 'the disk quota is used up'],
  EACCES: ['PERMISSION', 'permission denied'],
  EPERM: ['PERMISSION', 'operation not permitted'],
  EROFS: ['PERMISSION', 'the file system is read-only'],
  EMFILE: ['BUSY', 'too many files are open in this process'],
  ENFILE: ['BUSY', 'too many files are open on this machine'],
  ENOMEM: ['BUSY', 'out of memory'],
  EBUSY: ['BUSY', 'it is in use'],
  EAGAIN: ['BUSY', 'it is in use'],
  EIO: ['INTERRUPTED', 'input/output error'],
  ESTALE: ['INTERRUPTED', 'the network file handle is stale'],
  EINTR: ['INTERRUPTED', 'interrupted'],
  ETIMEDOUT: ['UNREACHABLE', 'the file server does not answer'],
  EHOSTDOWN: ['UNREACHABLE', 'the file server is down'],
  EHOSTUNREACH: ['UNREACHABLE', 'the file server can not be reached'],
  ENOTCONN: ['UNREACHABLE', 'the file system lost its connection'],
  ECONNABORTED: ['UNREACHABLE', 'the file system lost its connection'],
  ENODEV: ['UNREACHABLE', 'the disk is gone'],
  ENAMETOOLONG: ['BAD_PATH', 'the name is too long for the file system'],
  EINVAL: ['BAD_PATH', 'the file system does not take such a name'],
  EILSEQ: ['BAD_PATH', 'the file system does not take such a name'],
  ELOOP: ['BAD_PATH', 'its symbolic links lead in a circle'],
  EFBIG: ['REFUSED', 'the file is too big for the file system'],
  ENOENT: [{ read: 'SOURCE_MISSING', write: 'INTERRUPTED' }, 'no such file or folder'],
  ENOTDIR: [{ read: 'SOURCE_MISSING', write: 'TARGET_CONFLICT' }, 'a file stands where a folder is needed'],
  EEXIST: [{ read: 'UNEXPECTED', write: 'TARGET_CONFLICT' }, 'something else stands where a folder is needed'],
  EISDIR: [{ read: 'NOT_A_FILE', write: 'TARGET_CONFLICT' }, 'it is a folder'],
  ENXIO: [{ read: 'NOT_A_FILE', write: 'TARGET_CONFLICT' }, 'it is not a regular file'],
}

/** Missing, or unreachable because a part of the path is no folder. */
export function isMissing(error: unknown): boolean {
  return isErrno(error, 'ENOENT', 'ENOTDIR')
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(String((error as { code?: unknown } | undefined)?.code))
}

/** The fault behind an error of the file system; `where` is the absolute path. A `SyncError` stays what it is. */
export function diskFault(error: unknown, side: Side, where: string): SyncError {
  if (error instanceof SyncError) return error
  const errno = String((error as NodeJS.ErrnoException).code)
  const [code, reason] = FAULTS[errno] ?? ['UNEXPECTED', error instanceof Error ? error.message : String(error)]
  const said = `${where} can't be ${side === 'read' ? 'read' : 'written'}: ${reason}${errno in FAULTS ? ` (${errno})` : ''}`
  return new SyncError(typeof code === 'string' ? code : code[side], said, { cause: error })
}

/** What `work` gives; what it fails with as a fault. */
export async function faultsOf<T>(side: Side, where: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw diskFault(error, side, where)
  }
}

/** For `catch`: what is gone is no fault. */
export function gone(error: unknown): undefined {
  if (!isMissing(error)) throw error
}
