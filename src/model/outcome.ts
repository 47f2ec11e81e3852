import type { SyncError } from '../errors.ts'

/** How an attempt ended. A failure is a value: nothing a transfer does can end the service. */
export type Outcome =
  /** The file is there, verified. `sent` is 0 when it was there already. */
  | { readonly kind: 'synced'; readonly id: string; readonly bytes: number; readonly sent: number }
  /** Spends a try. */
  | { readonly kind: 'failed'; readonly error: SyncError }
  /** Spends none; the site cools down. */
  | {
      readonly kind: 'site-trouble'
      readonly error: SyncError
      readonly site: string
      /** Only this one of its roots. */
      readonly root?: string
    }
  /** Not ready: looked at again by itself. */
  | { readonly kind: 'postponed'; readonly reason: string; readonly inMs: number }
  /** The skeleton, the file entry or the document went away, or somebody rewrote it. */
  | { readonly kind: 'dropped'; readonly reason: string }
  /** Given back unfinished: shutdown, pause, lease lost. */
  | { readonly kind: 'released'; readonly reason: string; readonly isLeaseLost?: true }
  /** Not ours to do: another instance is at it, or it is not pending any more. Nothing was started, and nothing is told. */
  | { readonly kind: 'refused'; readonly reason: string }
