import { SyncError } from '../../errors.ts'
import type { ErrorCode, SyncErrorOptions } from '../../errors.ts'

/** A fault that Google Drive answered with; status and reason are what the protocol's own recoveries decide by. */
export class DriveFault extends SyncError {
  readonly status: number
  /** Google's word for it, such as `userRateLimitExceeded`; empty when the answer had none. */
  readonly reason: string

  constructor(code: ErrorCode, message: string, detail: SyncErrorOptions & { readonly status: number; readonly reason: string }) {
    super(code, message, detail)
    this.status = detail.status
    this.reason = detail.reason
  }
}

/** A folder that was believed to be there is not, or is in the trash. Looking the path up again may help, once. */
export class FolderGone extends SyncError {
  constructor(what: string) {
    super('INTERRUPTED', `a folder was removed while ${what}`)
  }
}

export function hasStatus(error: unknown, status: number): error is DriveFault {
  return error instanceof DriveFault && error.status === status
}

export function isTransient(error: unknown): error is SyncError {
  return error instanceof SyncError && error.kind === 'transient'
}

/** What to reject with when `signal` was aborted: its reason where that is a fault already. */
export function abortFault(signal: AbortSignal): SyncError {
  return signal.reason instanceof SyncError ? signal.reason : new SyncError('ABORTED', 'stopped')
}
