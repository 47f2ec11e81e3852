import type { Claim, ClaimOptions, ClaimResult, SavedSession } from './claim.ts'
import type { RepresentationDocument } from './document.ts'
import type { RecordResult, WriteResult } from './record-result.ts'
import type { RecordAddress, Transfer } from './transfer.ts'

/** What the pipeline asks of the database; `src/streams` answers it, with MongoDB. */

/** Leases on places. */
export interface ClaimStore {
  /** Answers when the majority has the lease: no election can take it back. */
  claim(transfer: Transfer, attemptId: string, options?: ClaimOptions): Promise<ClaimResult>
  /** Undefined when the lease is not ours any more. */
  renew(claim: Claim, progress: { readonly bytes: number; readonly size: number }): Promise<Claim | undefined>
  /** Resolves when it is stored durably. Rejects when the lease is not ours any more. */
  saveSession(claim: Claim, session: SavedSession): Promise<void>
  /** Gives the place back, and what was reserved and not used with it. `finished` keeps what the session knows for a while; otherwise it stays until it is of use. */
  release(claim: Claim, options: { readonly finished: boolean }): Promise<void>
}

/** Slots of a site that all instances share. A slot that is not renewed is free again after the lease's time. */
export interface SlotStore {
  /** False when all are taken. `holder` is one text a holder. */
  acquire(site: string, limit: number, holder: string): Promise<boolean>
  renew(site: string, holder: string): Promise<void>
  release(site: string, holder: string): Promise<void>
}

/** Reads representations as the majority of the replica set has them. */
export interface DocumentReader {
  /** By id, whatever is left of them. */
  read(project: string, ids: readonly unknown[]): Promise<readonly RepresentationDocument[]>
  /**
   * One of them with the file entry that is asked for, perhaps others: a sequence of 1,000 frames is not sent again for each frame.
   * Calls at the same time share a round trip.
   */
  readFile(
    project: string,
    file: { readonly representationId: unknown; readonly fileId: unknown },
  ): Promise<RepresentationDocument | undefined>
}

export interface RecordWrite {
  readonly address: RecordAddress
  readonly result: RecordResult
  /** The end of the lease by the server's clock; a write that comes later changes nothing. */
  readonly until: Date
  /** It may wait a moment for others to go with it. */
  readonly lingers?: boolean
}

/** Writes results into the records they belong to, and nothing else. */
export interface RecordWriter {
  /** Rejects with `REFUSED` where the server will never take it, as the document is. */
  write(write: RecordWrite): Promise<WriteResult>
}
