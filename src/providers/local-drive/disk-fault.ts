import type { ErrorCode, SyncErrorOptions } from '../../errors.ts'
import { messageOf, SyncError } from '../../errors.ts'
import { errnoName, isErrno } from './errno.ts'

type Side = 'read' | 'write'

interface Meaning {
  readonly code: ErrorCode | Readonly<Record<Side, ErrorCode>>
  readonly reason: string
  readonly options?: SyncErrorOptions
}

const meaning = (code: Meaning['code'], reason: string, options?: SyncErrorOptions): Meaning =>
  options ? { code, reason, options } : { code, reason }

/** A retry in a moment may help; many of them only keep others waiting. */
const ONCE: SyncErrorOptions = { retries: 1 }
const FEW: SyncErrorOptions = { retries: 2 }
/** Nothing but this process, or this machine, is short of something. */
const MACHINE: SyncErrorOptions = { certain: true }
/** Nothing is certain: it may be about one folder only, or about all. */
const DOUBT: SyncErrorOptions = { certain: false }

/**
 * What an error of the operating system means for a transfer, and how to say it. Whose fault it is, the file's or the site's, is not
 * said here: evidence decides (`pipeline/site-evidence.ts`).
 */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: meaning('DISK_FULL', 'no space is left on the disk'),
  EDQUOT: meaning('DISK_FULL', 'the disk quota is used up'),
  EACCES: meaning('PERMISSION', 'permission denied'),
  EPERM: meaning('PERMISSION', 'operation not permitted'),
  EROFS: meaning('PERMISSION', 'the file system is read-only'),
  ENOKEY: meaning('CREDENTIALS', 'the key or Kerberos ticket that it needs is missing', DOUBT),
  EKEYEXPIRED: meaning('CREDENTIALS', 'the key or Kerberos ticket that it needs has expired', DOUBT),
  EKEYREVOKED: meaning('CREDENTIALS', 'the key that it needs was revoked', DOUBT),
  EKEYREJECTED: meaning('CREDENTIALS', 'the key that it needs was rejected', DOUBT),
  EMFILE: meaning('BUSY', 'too many files are open in this process', MACHINE),
  ENFILE: meaning('BUSY', 'too many files are open on this machine', MACHINE),
  ENOMEM: meaning('BUSY', 'out of memory', MACHINE),
  ENOBUFS: meaning('BUSY', 'out of memory', MACHINE),
  EBUSY: meaning('BUSY', 'it is in use', FEW),
  ETXTBSY: meaning('BUSY', 'it is in use', FEW),
  EAGAIN: meaning('BUSY', 'it is in use', FEW),
  EDEADLK: meaning('BUSY', 'it is locked', FEW),
  ENOLCK: meaning('BUSY', 'it can not be locked', FEW),
  EIO: meaning('INTERRUPTED', 'input/output error', ONCE),
  EREMOTEIO: meaning('INTERRUPTED', 'input/output error of the file server', ONCE),
  ENODATA: meaning('INTERRUPTED', 'the disk has no data there', ONCE),
  EHWPOISON: meaning('INTERRUPTED', 'memory of this machine is damaged', ONCE),
  EUCLEAN: meaning('INTERRUPTED', 'the file system is damaged and needs to be checked', { retries: 0 }),
  EBADMSG: meaning('INTERRUPTED', 'the file system is damaged and needs to be checked', { retries: 0 }),
  ESTALE: meaning('INTERRUPTED', 'the network file handle is stale', FEW),
  EINTR: meaning('INTERRUPTED', 'interrupted'),
  ECANCELED: meaning('INTERRUPTED', 'interrupted'),
  ETIMEDOUT: meaning('UNREACHABLE', 'the file server does not answer'),
  ETIME: meaning('UNREACHABLE', 'the file server does not answer'),
  EHOSTDOWN: meaning('UNREACHABLE', 'the file server is down'),
  EHOSTUNREACH: meaning('UNREACHABLE', 'the file server cannot be reached'),
  ENETUNREACH: meaning('UNREACHABLE', 'the file server cannot be reached'),
  ENETDOWN: meaning('UNREACHABLE', 'the network is down'),
  ENONET: meaning('UNREACHABLE', 'the network is down'),
  ECONNREFUSED: meaning('UNREACHABLE', 'the file server refuses the connection'),
  ECONNRESET: meaning('UNREACHABLE', 'the file system lost its connection'),
  ENOTCONN: meaning('UNREACHABLE', 'the file system lost its connection'),
  ECONNABORTED: meaning('UNREACHABLE', 'the file system lost its connection'),
  ESHUTDOWN: meaning('UNREACHABLE', 'the file system lost its connection'),
  ENOLINK: meaning('UNREACHABLE', 'the file system lost its connection'),
  ECOMM: meaning('UNREACHABLE', 'the file system lost its connection'),
  EPIPE: meaning('UNREACHABLE', 'the file system lost its connection'),
  EREMCHG: meaning('UNREACHABLE', 'the file server was replaced'),
  ENODEV: meaning('UNREACHABLE', 'the disk is gone'),
  ENOMEDIUM: meaning('UNREACHABLE', 'no disk is in the drive'),
  EMEDIUMTYPE: meaning('UNREACHABLE', 'another kind of disk is in the drive'),
  ENAMETOOLONG: meaning('BAD_PATH', 'the name is too long for the file system'),
  EILSEQ: meaning('BAD_PATH', 'the file system does not take such a name'),
  ELOOP: meaning('BAD_PATH', 'its symbolic links lead in a circle'),
  EFBIG: meaning('REFUSED', 'the file is too big for the file system'),
  EOVERFLOW: meaning('REFUSED', 'the file is too big for the file system'),
  ENOENT: meaning({ read: 'SOURCE_MISSING', write: 'INTERRUPTED' }, 'no such file or folder'),
  ENOTDIR: meaning({ read: 'SOURCE_MISSING', write: 'TARGET_CONFLICT' }, 'a file stands where a folder is needed'),
  EEXIST: meaning({ read: 'UNEXPECTED', write: 'TARGET_CONFLICT' }, 'something else stands where a folder is needed'),
  EISDIR: meaning({ read: 'NOT_A_FILE', write: 'TARGET_CONFLICT' }, 'it is a folder'),
  ENXIO: meaning({ read: 'NOT_A_FILE', write: 'TARGET_CONFLICT' }, 'it is not a regular file'),
  EXDEV: meaning('UNEXPECTED', 'the file system cannot move files between its folders', DOUBT),
  ENOSYS: meaning('UNEXPECTED', 'the file system cannot do this', DOUBT),
  ENOTSUP: meaning('UNEXPECTED', 'the file system cannot do this', DOUBT),
  EOPNOTSUPP: meaning('UNEXPECTED', 'the file system cannot do this', DOUBT),
}

const BAD_NAME = meaning('BAD_PATH', 'the file system does not take such a name')
const REFUSED_CALL = meaning('UNEXPECTED', 'the file system refused the call as invalid', DOUBT)
/** Calls that are given bytes or times, and no name that could be to blame. */
const WITHOUT_NAME: ReadonlySet<unknown> = new Set(['read', 'write', 'fsync', 'fdatasync', 'ftruncate', 'futime', 'close', 'fstat'])

/** Missing, or unreachable because a part of the path is no folder. */
export function isMissing(error: unknown): boolean {
  return isErrno(error, 'ENOENT', 'ENOTDIR')
}

/** The fault behind an error of the file system; `where` is the absolute path. A `SyncError` stays what it is. */
export function diskFault(error: unknown, side: Side, where: string): SyncError {
  if (error instanceof SyncError) return error
  const { code, reason, options } = meaningOf(error)
  const named = errnoName(error)
  const call = (error as { syscall?: unknown } | null)?.syscall
  const detail = named === undefined ? '' : ` (${typeof call === 'string' ? `${call}: ` : ''}${named})`
  const said = `${where} can't be ${side === 'read' ? 'read' : 'written'}: ${reason}${detail}`
  return new SyncError(typeof code === 'string' ? code : code[side], said, { ...options, cause: error })
}

function meaningOf(error: unknown): Meaning {
  const name = errnoName(error)
  if (name === 'EINVAL') return WITHOUT_NAME.has((error as { syscall?: unknown }).syscall) ? REFUSED_CALL : BAD_NAME
  const known = name === undefined ? undefined : MEANINGS[name]
  return known ?? meaning('UNEXPECTED', messageOf(error), isOfSystem(error) ? DOUBT : undefined)
}

/** Something that the system said, known or not, and no mistake of the program. */
function isOfSystem(error: unknown): boolean {
  return typeof (error as { errno?: unknown } | null)?.errno === 'number' || errnoName(error) !== undefined
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
