import type { Transfer } from './transfer.ts'

/** What a provider wants to find again (see `WriteSession` of the providers): plain data. */
export type SavedSession = Readonly<Record<string, string | number | boolean>>

/** A lease on one place of one site: nobody else writes there until it ends. */
export interface Claim {
  readonly transfer: Transfer
  /** Ties the log lines of one attempt together. */
  readonly attemptId: string
  /** The end of the lease by the server's clock. Renewed while the work goes on. */
  readonly until: Date
  /** The same by this process' monotonic clock (`performance.now()`), a little early. */
  readonly localDeadline: number
  /** What an earlier, unfinished attempt at this place left. */
  readonly session: SavedSession | undefined
  /** What was stored with the lease for this attempt, which has not used it. */
  readonly reserved?: SavedSession | undefined
}

export interface ClaimOptions {
  /** More is waiting, so it may wait a moment for others to go with it. */
  readonly lingers?: boolean
  /** Stored with the lease, unless an earlier attempt left a session. Another attempt finds it as the session, should this one not end in order. */
  readonly reserve?: SavedSession | undefined
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  /** Somebody else is at it; free again in that many milliseconds, unless renewed. */
  | { readonly kind: 'busy'; readonly freeInMs: number }
